"""What a merge request has besides its branch and words, set with them: what GitLab leaves out is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from gitlab.v4.objects import Project

from bot.forges._refusal import RefusedError
from bot.forges.gitlab.connection import Remote
from bot.forges.gitlab.history import was_set
from bot.forges.gitlab.shown import Shown
from bot.model.extras import NO_EXTRAS, TEAM, Extras

MAX_MILESTONES = 100
"""Milestones of one title that are looked at: a page. Projects and their groups have one each."""

_NO_GROUPS = "GitLab asks people for reviews, and no groups; name people, or let an approval rule name the group"
_WHO = "GitLab takes only who may see the project, and one alone without Premium"
_ROLE = "give the token the role Developer"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Extras in GitLab's words."""

    words: Mapping[str, object] = field(default_factory=dict)
    """Parameters of https://docs.gitlab.com/api/merge_requests/#create-mr."""
    sent: Extras = NO_EXTRAS
    """What they ask for."""
    notes: tuple[str, ...] = ()
    """What cannot be asked for, in sentences."""


class ExtrasWriter:
    """Puts extras into GitLab's words, for one project and one run. No method raises."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._milestones: dict[str, int | None] = {}

    def new(self, extras: Extras) -> Prepared:
        """Return what sets extras on a request that is made with it. Labels that are missing GitLab makes itself."""
        return self._prepare(extras, "labels", {})

    def more(self, number: int, extras: Extras, shown: Shown) -> Prepared:
        """Return what adds extras to a request that is there; what people took off stays off."""
        wanted = replace(extras, automerge=None, status=None).without(set_on(shown))
        if wanted == NO_EXTRAS:
            return Prepared()
        try:
            left = wanted.without(was_set(self._remote, number, wanted))
        except RefusedError as refusal:
            return Prepared(notes=(f"Nothing was set on it, since nobody can say what people took off: {refusal}.",))
        prepared = self._prepare(left, "add_labels", shown)
        off = () if left == wanted else ("What was taken off it again stays off.",)
        return replace(prepared, notes=(*prepared.notes, *off))

    def _prepare(self, extras: Extras, label_word: str, shown: Shown) -> Prepared:
        groups = [each for each in extras.reviewers if each.startswith(TEAM)]
        people = [each for each in extras.reviewers if not each.startswith(TEAM)]
        failure = "The review of `{}` could not be requested: {}."
        reviewers, notes = self._find(people, failure)
        notes += [failure.format(each, _NO_GROUPS) for each in groups]
        assignees, unknown = self._find(extras.assignees, "`{}` could not be assigned: {}.")
        milestone, why = self._find_milestone(extras.milestone) if extras.milestone is not None else (None, [])
        words: dict[str, object] = {label_word: ",".join(extras.labels)} if extras.labels else {}
        words |= {"reviewer_ids": [*_ids(shown, "reviewers"), *reviewers.values()]} if reviewers else {}
        words |= {"assignee_ids": [*_ids(shown, "assignees"), *assignees.values()]} if assignees else {}
        words |= {"milestone_id": milestone} if milestone is not None else {}
        sent = Extras(
            labels=extras.labels,
            reviewers=tuple(reviewers),
            assignees=tuple(assignees),
            milestone=extras.milestone if milestone is not None else None,
        )
        return Prepared(words, sent, (*notes, *unknown, *why))

    def _find(self, names: Sequence[str], failure: str) -> tuple[dict[str, int], list[str]]:
        """Return the ids of people, and in sentences who has none."""
        ids: dict[str, int] = {}
        notes: list[str] = []
        for each in names:
            try:
                found = self._remote.connection.user(each)
            except RefusedError as refusal:
                notes.append(failure.format(each, refusal))
                continue
            if found is None:
                notes.append(failure.format(each, "nobody on this GitLab has that name"))
            else:
                ids[each] = found
        return ids, notes

    def _find_milestone(self, title: str) -> tuple[int | None, list[str]]:
        """Find a milestone of the project or of a group above it: https://docs.gitlab.com/api/milestones/."""

        def ask(project: Project) -> int | None:
            found = project.milestones.list(title=title, state="active", include_ancestors=True, iterator=True)
            return next((int(each.id) for each in islice(found, MAX_MILESTONES) if each.title == title), None)

        try:
            if title not in self._milestones:
                self._milestones[title] = self._remote.read(f"look for the milestone {title}", ask)
        except RefusedError as refusal:
            return None, [f"Its milestone could not be set: {refusal}."]
        if self._milestones[title] is None:
            return None, [f"Its milestone could not be set: no active one is called `{title}`; make it."]
        return self._milestones[title], []


def set_on(shown: Shown) -> Extras:
    """Return what is set on a request now."""
    milestone = shown.get("milestone")
    return Extras(
        labels=tuple(str(each) for each in shown.get("labels") or ()),
        reviewers=_usernames(shown, "reviewers"),
        assignees=_usernames(shown, "assignees"),
        milestone=str(milestone["title"]) if milestone else None,
        automerge=True if shown["state"] == "opened" and shown.get("merge_when_pipeline_succeeds") else None,
    )


def left_out(sent: Extras, made: Shown) -> tuple[str, ...]:
    """Say what was sent and is not on a request, as it was answered: GitLab leaves out in silence what may not be."""
    missing = sent.without(set_on(made))
    return (
        *(f"Its label `{each}` was not set: {_ROLE}." for each in missing.labels),
        *(f"The review of `{each}` was not requested: {_WHO}." for each in missing.reviewers),
        *(f"`{each}` was not assigned: {_WHO}." for each in missing.assignees),
        *([f"Its milestone was not set: {_ROLE}."] if missing.milestone is not None else ()),
    )


def _usernames(shown: Shown, key: str) -> tuple[str, ...]:
    return tuple(str(each["username"]) for each in shown.get(key) or ())


def _ids(shown: Shown, key: str) -> list[int]:
    return [int(each["id"]) for each in shown.get(key) or ()]
