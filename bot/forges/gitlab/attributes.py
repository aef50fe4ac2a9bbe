"""Set labels, reviewers, assignees and milestone of a merge request together with its text, and report omissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from gitlab.v4.objects import Project

from bot.forges.gitlab.connection import GitLabRemote
from bot.forges.gitlab.request_state import MergeRequestData, read_ever_set
from bot.forges.hosted.refusal import RefusedError
from bot.model.request_attributes import NO_ATTRIBUTES, TEAM_PREFIX, RequestAttributes

MAX_MILESTONES = 100
"""Milestones of one title that are searched, one page; a project and each group above it have at most one."""

_NO_GROUPS_REASON = (
    "GitLab requests reviews of people and not of groups; hint: name people, or add an approval rule for the group"
)
_PEOPLE_LIMIT = "GitLab accepts only people who may see the project, and only one of them without Premium"
_ROLE_HINT = "hint: give the token the role Developer"


@dataclass(frozen=True, slots=True)
class PreparedAttributes:
    """Attributes as parameters of GitLab's API."""

    parameters: Mapping[str, object] = field(default_factory=dict)
    """The parameters: https://docs.gitlab.com/api/merge_requests/#create-mr."""
    requested: RequestAttributes = NO_ATTRIBUTES
    """The attributes that the parameters set."""
    notes: tuple[str, ...] = ()
    """Notes about attributes that cannot be set."""


class GitLabAttributesWriter:
    """Converts attributes of merge requests (such as labels) to API parameters, for one project. No method raises."""

    def __init__(self, remote: GitLabRemote) -> None:
        self._remote = remote
        self._milestones: dict[str, int | None] = {}

    def prepare_new(self, attributes: RequestAttributes) -> PreparedAttributes:
        """Return the parameters for a new request; GitLab itself creates missing labels."""
        return self._prepare(attributes, "labels", {})

    def prepare_additions(
        self, number: int, attributes: RequestAttributes, data: MergeRequestData
    ) -> PreparedAttributes:
        """Return the parameters that add attributes to an existing request, except those that people removed."""
        missing = replace(attributes, automerge=None, status=None).subtract(parse_attributes(data))
        if missing == NO_ATTRIBUTES:
            return PreparedAttributes()
        try:
            never_set = missing.subtract(read_ever_set(self._remote, number, missing))
        except RefusedError as refusal:
            note = f"No attributes were set, since it is unknown which of them people removed: {refusal}."
            return PreparedAttributes(notes=(note,))
        prepared = self._prepare(never_set, "add_labels", data)
        removal_notes = () if never_set == missing else ("Attributes that people removed were not set again.",)
        return replace(prepared, notes=(*prepared.notes, *removal_notes))

    def _prepare(
        self, attributes: RequestAttributes, label_parameter: str, data: MergeRequestData
    ) -> PreparedAttributes:
        groups = [each for each in attributes.reviewers if each.startswith(TEAM_PREFIX)]
        people = [each for each in attributes.reviewers if not each.startswith(TEAM_PREFIX)]
        failure = "A review of `{}` could not be requested: {}."
        reviewers, notes = self._find_user_ids(people, failure)
        notes += [failure.format(each, _NO_GROUPS_REASON) for each in groups]
        assignees, assignee_notes = self._find_user_ids(attributes.assignees, "`{}` could not be assigned: {}.")
        milestone, milestone_notes = (
            self._find_milestone(attributes.milestone) if attributes.milestone is not None else (None, [])
        )
        parameters: dict[str, object] = {label_parameter: ",".join(attributes.labels)} if attributes.labels else {}
        parameters |= {"reviewer_ids": [*_get_ids(data, "reviewers"), *reviewers.values()]} if reviewers else {}
        parameters |= {"assignee_ids": [*_get_ids(data, "assignees"), *assignees.values()]} if assignees else {}
        parameters |= {"milestone_id": milestone} if milestone is not None else {}
        requested = RequestAttributes(
            labels=attributes.labels,
            reviewers=tuple(reviewers),
            assignees=tuple(assignees),
            milestone=attributes.milestone if milestone is not None else None,
        )
        return PreparedAttributes(parameters, requested, (*notes, *assignee_notes, *milestone_notes))

    def _find_user_ids(self, names: Sequence[str], failure: str) -> tuple[dict[str, int], list[str]]:
        """Return the ids of the people that were found, and notes about the others."""
        ids: dict[str, int] = {}
        notes: list[str] = []
        for each in names:
            try:
                user_id = self._remote.connection.find_user_id(each)
            except RefusedError as refusal:
                notes.append(failure.format(each, refusal))
                continue
            if user_id is None:
                notes.append(failure.format(each, "there is no user of that name on this GitLab"))
            else:
                ids[each] = user_id
        return ids, notes

    def _find_milestone(self, title: str) -> tuple[int | None, list[str]]:
        """Find a milestone of the project or of a group above it: https://docs.gitlab.com/api/milestones/."""

        def fetch(project: Project) -> int | None:
            milestones = project.milestones.list(title=title, state="active", include_ancestors=True, iterator=True)
            return next((int(each.id) for each in islice(milestones, MAX_MILESTONES) if each.title == title), None)

        try:
            if title not in self._milestones:
                self._milestones[title] = self._remote.read(f"find the milestone {title}", fetch)
        except RefusedError as refusal:
            return None, [f"The milestone could not be set: {refusal}."]
        if self._milestones[title] is None:
            note = f"The milestone could not be set: no active milestone is called `{title}`; hint: create it."
            return None, [note]
        return self._milestones[title], []


def parse_attributes(data: MergeRequestData) -> RequestAttributes:
    """Return the attributes that a request has now."""
    milestone = data.get("milestone")
    return RequestAttributes(
        labels=tuple(str(each) for each in data.get("labels") or ()),
        reviewers=_get_usernames(data, "reviewers"),
        assignees=_get_usernames(data, "assignees"),
        milestone=str(milestone["title"]) if milestone else None,
        automerge=True if data["state"] == "opened" and data.get("merge_when_pipeline_succeeds") else None,
    )


def describe_left_out(requested: RequestAttributes, data: MergeRequestData) -> tuple[str, ...]:
    """Return notes about attributes that were sent and that the answer does not have: GitLab omits them silently."""
    missing = requested.subtract(parse_attributes(data))
    return (
        *(f"Label `{each}` was not set; {_ROLE_HINT}." for each in missing.labels),
        *(f"A review of `{each}` was not requested: {_PEOPLE_LIMIT}." for each in missing.reviewers),
        *(f"`{each}` was not assigned: {_PEOPLE_LIMIT}." for each in missing.assignees),
        *([f"The milestone was not set; {_ROLE_HINT}."] if missing.milestone is not None else ()),
    )


def _get_usernames(data: MergeRequestData, key: str) -> tuple[str, ...]:
    return tuple(str(each["username"]) for each in data.get(key) or ())


def _get_ids(data: MergeRequestData, key: str) -> list[int]:
    return [int(each["id"]) for each in data.get(key) or ()]
