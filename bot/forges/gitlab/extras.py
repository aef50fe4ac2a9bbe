"""Set labels, reviewers, assignees and milestone of a merge request together with its text, and report omissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from gitlab.v4.objects import Project

from bot.forges._refusal import RefusedError
from bot.forges.gitlab.connection import Remote
from bot.forges.gitlab.history import was_set
from bot.forges.gitlab.shown import Shown
from bot.model.extras import NO_ATTRIBUTES, TEAM_PREFIX, RequestAttributes

MAX_MILESTONES = 100
"""Milestones of one title that are searched, one page; a project and each group above it have at most one."""

_NO_GROUPS = (
    "GitLab requests reviews of people and not of groups; hint: name people, or add an approval rule for the group"
)
_WHO = "GitLab accepts only people who may see the project, and only one of them without Premium"
_ROLE = "hint: give the token the role Developer"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Attributes as parameters of GitLab's API."""

    words: Mapping[str, object] = field(default_factory=dict)
    """The parameters: https://docs.gitlab.com/api/merge_requests/#create-mr."""
    sent: RequestAttributes = NO_ATTRIBUTES
    """The attributes that the parameters set."""
    notes: tuple[str, ...] = ()
    """Notes about attributes that cannot be set."""


class ExtrasWriter:
    """Converts attributes to API parameters, for one project and one run. No method raises."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._milestones: dict[str, int | None] = {}

    def new(self, extras: RequestAttributes) -> Prepared:
        """Return the parameters for a new request; GitLab itself creates missing labels."""
        return self._prepare(extras, "labels", {})

    def more(self, number: int, extras: RequestAttributes, shown: Shown) -> Prepared:
        """Return the parameters that add attributes to an existing request, except those that people removed."""
        wanted = replace(extras, automerge=None, status=None).subtract(set_on(shown))
        if wanted == NO_ATTRIBUTES:
            return Prepared()
        try:
            left = wanted.subtract(was_set(self._remote, number, wanted))
        except RefusedError as refusal:
            note = f"No attributes were set, since it is unknown which of them people removed: {refusal}."
            return Prepared(notes=(note,))
        prepared = self._prepare(left, "add_labels", shown)
        off = () if left == wanted else ("Attributes that people removed were not set again.",)
        return replace(prepared, notes=(*prepared.notes, *off))

    def _prepare(self, extras: RequestAttributes, label_word: str, shown: Shown) -> Prepared:
        groups = [each for each in extras.reviewers if each.startswith(TEAM_PREFIX)]
        people = [each for each in extras.reviewers if not each.startswith(TEAM_PREFIX)]
        failure = "A review of `{}` could not be requested: {}."
        reviewers, notes = self._find(people, failure)
        notes += [failure.format(each, _NO_GROUPS) for each in groups]
        assignees, unknown = self._find(extras.assignees, "`{}` could not be assigned: {}.")
        milestone, why = self._find_milestone(extras.milestone) if extras.milestone is not None else (None, [])
        words: dict[str, object] = {label_word: ",".join(extras.labels)} if extras.labels else {}
        words |= {"reviewer_ids": [*_ids(shown, "reviewers"), *reviewers.values()]} if reviewers else {}
        words |= {"assignee_ids": [*_ids(shown, "assignees"), *assignees.values()]} if assignees else {}
        words |= {"milestone_id": milestone} if milestone is not None else {}
        sent = RequestAttributes(
            labels=extras.labels,
            reviewers=tuple(reviewers),
            assignees=tuple(assignees),
            milestone=extras.milestone if milestone is not None else None,
        )
        return Prepared(words, sent, (*notes, *unknown, *why))

    def _find(self, names: Sequence[str], failure: str) -> tuple[dict[str, int], list[str]]:
        """Return the ids of the people that were found, and notes about the others."""
        ids: dict[str, int] = {}
        notes: list[str] = []
        for each in names:
            try:
                found = self._remote.connection.user(each)
            except RefusedError as refusal:
                notes.append(failure.format(each, refusal))
                continue
            if found is None:
                notes.append(failure.format(each, "there is no user of that name on this GitLab"))
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
                self._milestones[title] = self._remote.read(f"find the milestone {title}", ask)
        except RefusedError as refusal:
            return None, [f"The milestone could not be set: {refusal}."]
        if self._milestones[title] is None:
            note = f"The milestone could not be set: no active milestone is called `{title}`; hint: create it."
            return None, [note]
        return self._milestones[title], []


def set_on(shown: Shown) -> RequestAttributes:
    """Return the attributes that a request has now."""
    milestone = shown.get("milestone")
    return RequestAttributes(
        labels=tuple(str(each) for each in shown.get("labels") or ()),
        reviewers=_usernames(shown, "reviewers"),
        assignees=_usernames(shown, "assignees"),
        milestone=str(milestone["title"]) if milestone else None,
        automerge=True if shown["state"] == "opened" and shown.get("merge_when_pipeline_succeeds") else None,
    )


def left_out(sent: RequestAttributes, made: Shown) -> tuple[str, ...]:
    """Return notes about attributes that were sent and that the answer does not have: GitLab omits them silently."""
    missing = sent.subtract(set_on(made))
    return (
        *(f"Label `{each}` was not set; {_ROLE}." for each in missing.labels),
        *(f"A review of `{each}` was not requested: {_WHO}." for each in missing.reviewers),
        *(f"`{each}` was not assigned: {_WHO}." for each in missing.assignees),
        *([f"The milestone was not set; {_ROLE}."] if missing.milestone is not None else ()),
    )


def _usernames(shown: Shown, key: str) -> tuple[str, ...]:
    return tuple(str(each["username"]) for each in shown.get(key) or ())


def _ids(shown: Shown, key: str) -> list[int]:
    return [int(each["id"]) for each in shown.get(key) or ()]
