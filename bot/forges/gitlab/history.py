"""What was ever set on a merge request, though people may have taken it off again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from gitlab.v4.objects import Project

from bot.forges._ended import ended_with_branch
from bot.forges._refusal import FORBIDDEN, NOT_FOUND, RefusedError
from bot.forges.gitlab.connection import Remote
from bot.model.extras import Extras

MAX_EVENTS = 500
"""Events and notes of one kind on a request that are looked at, oldest first: what we set comes early."""
MAX_LAST = 50
"""Notes on a closed request that are looked at, newest first: its end is among the last."""

_MENTION = re.compile(r"@(\w(?:[\w.-]*[\w-])?)")
_REVIEW = re.compile(r"\breview\b")
_ASSIGNED = re.compile(r"\b(?:un)?assigned\b|\bassignee\b")
_CANCELLED = re.compile(r"cancell?ed .*automatic|removed .* from the merge train")
_AUTOMATIC = re.compile(r"\bautomatic (?:merge|add)\b|\bmerge train\b")
"""Words of the notes that GitLab writes itself, in English whatever its language."""


def was_set(remote: Remote, number: int, asked: Extras) -> Extras:
    """Return what of the kinds in `asked` was ever set on a request. Raises RefusedError.

    A request for each kind, reviewers and assignees together: events of labels and of milestones
    (https://docs.gitlab.com/api/resource_label_events/, https://docs.gitlab.com/api/resource_milestone_events/), and
    of people only GitLab's own notes. Whoever stands in one of those was once asked, or was asked no more.
    """
    notes = _own_notes(remote, number) if asked.reviewers or asked.assignees else ()
    return Extras(
        labels=_labels(remote, number) if asked.labels else (),
        reviewers=tuple(_mentioned(notes, _REVIEW)),
        assignees=tuple(_mentioned(notes, _ASSIGNED)),
        milestone=_milestone(remote, number) if asked.milestone is not None else None,
    )


def was_called_off(remote: Remote, number: int) -> bool:
    """Say whether the last thing that happened to merging by itself is that somebody called it off.

    What GitLab calls off, because somebody pushed, is no such thing. Raises RefusedError.
    """
    told = [note for note in _own_notes(remote, number) if _AUTOMATIC.search(note)]
    return bool(told) and _CANCELLED.search(told[-1]) is not None


def closed_with_branch(remote: Remote, number: int, branch: str, closed: datetime) -> bool:
    """Say whether GitLab closed a request by itself, as somebody deleted its branch; where nobody can say, people did.

    GitLab closes it and writes so in one go, and writes nothing about the branch of one that is closed already.
    """
    told = f"deleted source branch `{branch}`"

    def ask(project: Project) -> list[datetime]:
        newest_first = {"activity_filter": "only_activity", "order_by": "created_at", "sort": "desc"}
        notes = project.mergerequests.get(number, lazy=True).notes.list(iterator=True, **newest_first)
        found = (each for each in islice(notes, MAX_LAST) if each.system and str(each.body) == told)
        return [datetime.fromisoformat(each.created_at) for each in found]

    try:
        return ended_with_branch(closed, remote.read(f"read who closed merge request !{number}", ask))
    except RefusedError as refusal:
        if remote.connection.is_of_job or refusal.status in (FORBIDDEN, NOT_FOUND):
            return False
        raise


def _labels(remote: Remote, number: int) -> tuple[str, ...]:
    def ask(project: Project) -> tuple[str, ...]:
        events = project.mergerequests.get(number, lazy=True).resourcelabelevents.list(iterator=True)
        return tuple(str(each.label["name"]) for each in islice(events, MAX_EVENTS) if each.label)

    return remote.read(f"read what labels merge request !{number} had", ask)


def _milestone(remote: Remote, number: int) -> str | None:
    def ask(project: Project) -> str | None:
        events = project.mergerequests.get(number, lazy=True).resourcemilestoneevents.list(iterator=True)
        return next((str(each.milestone["title"]) for each in islice(events, MAX_EVENTS) if each.milestone), None)

    return remote.read(f"read what milestones merge request !{number} had", ask)


def _own_notes(remote: Remote, number: int) -> tuple[str, ...]:
    """Return what GitLab itself wrote, oldest first: https://docs.gitlab.com/api/notes/#list-all-merge-request-notes."""

    def ask(project: Project) -> tuple[str, ...]:
        words = {"activity_filter": "only_activity", "order_by": "created_at", "sort": "asc"}
        notes = project.mergerequests.get(number, lazy=True).notes.list(iterator=True, **words)
        return tuple(str(each.body) for each in islice(notes, MAX_EVENTS) if each.system)

    return remote.read(f"read what happened to merge request !{number}", ask)


def _mentioned(notes: tuple[str, ...], about: re.Pattern[str]) -> Iterator[str]:
    for note in notes:
        if about.search(note):
            yield from _MENTION.findall(note)
