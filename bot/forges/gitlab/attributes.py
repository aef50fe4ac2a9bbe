"""Attributes of merge requests on GitLab, such as labels and reviewers, and auto-merge.

Attributes are sent together with the text of the merge request. GitLab ignores attributes that it cannot set and
reports no error. basebump therefore compares the attributes in the response with the attributes that it sent. For each
missing attribute, basebump adds a note (a sentence for the report).

The API request that enables auto-merge merges immediately if there is no pipeline to wait for
(https://docs.gitlab.com/api/merge_requests/#merge-a-merge-request). Therefore basebump sends this request only if the
last commit has a pipeline with other jobs than the status that basebump set itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.forges.gitlab.connection import GitLabRemote
from bot.forges.gitlab.gitlab_errors import GITLAB_ERRORS
from bot.forges.gitlab.request_state import (
    EXTERNAL_SOURCE,
    MergeRequestData,
    has_other_statuses,
    is_automerge_cancelled,
    read_ever_set,
    read_merge_request,
)
from bot.forges.hosted.attributes import CheckedAutomerge
from bot.forges.hosted.refusal import CONFLICT, NOT_ACCEPTABLE, NOT_ALLOWED, UNAUTHORIZED, RefusedError
from bot.model.request_attributes import NO_ATTRIBUTES, TEAM_PREFIX, RequestAttributes

MAX_MILESTONES = 100
"""The largest number of milestones with one title to read, which is one page. A project and each of its groups have at
most one milestone with this title."""

_NO_GROUPS_REASON = (
    "GitLab requests reviews only from users and not from groups; hint: name users, or add an approval rule for the "
    "group"
)
_USERS_LIMIT = "GitLab accepts only users who can see the project, and only one of them without Premium"
_ROLE_HINT = "hint: give the token the role Developer"


@dataclass(frozen=True, slots=True)
class PreparedAttributes:
    """Attributes of a merge request, converted to parameters of GitLab's API."""

    parameters: Mapping[str, object] = field(default_factory=dict)
    """The parameters of the API call: https://docs.gitlab.com/api/merge_requests/#create-mr."""
    requested: RequestAttributes = NO_ATTRIBUTES
    """The attributes that the parameters tell GitLab to set."""
    notes: tuple[str, ...] = ()
    """A note for each attribute that cannot be set."""


class GitLabAttributesWriter:
    """Converts attributes of merge requests, such as labels, to API parameters for one project during one run.

    No method raises. The ids of milestones are cached.
    """

    def __init__(self, remote: GitLabRemote) -> None:
        self._remote = remote
        self._milestones: dict[str, int | None] = {}

    def prepare_new(self, attributes: RequestAttributes) -> PreparedAttributes:
        """Return the API parameters for a new merge request. GitLab creates labels that do not exist."""
        return self._prepare(attributes, "labels", {})

    def prepare_additions(
        self, number: int, attributes: RequestAttributes, data: MergeRequestData
    ) -> PreparedAttributes:
        """Return the API parameters that add missing attributes to an existing merge request.

        Attributes that were set earlier and that a user removed are not added again. If some attributes are missing,
        the history of the merge request is read to find the removed ones.

        Args:
            number: The number of the merge request.
            attributes: The attributes that the merge request should have.
            data: The current merge request in GitLab's response.
        """
        missing = replace(attributes, automerge=None, status=None).subtract(parse_attributes(data))
        if missing == NO_ATTRIBUTES:
            return PreparedAttributes()
        try:
            never_set = missing.subtract(read_ever_set(self._remote, number, missing))
        except RefusedError as refusal:
            note = f"No attributes were set, because it is unknown which of them users removed: {refusal}."
            return PreparedAttributes(notes=(note,))
        prepared = self._prepare(never_set, "add_labels", data)
        removal_notes = () if never_set == missing else ("Attributes that users removed were not set again.",)
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
        """Return the ids of users by name, and a note for each user who was not found.

        `failure` is the text of a note, such as "`{}` could not be assigned: {}.". The user's name replaces the first
        `{}`, and the reason replaces the second `{}`.
        """
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
        """Return the id of the active milestone with this title, and an empty list of notes.

        If neither the project nor a group above it has such a milestone, return None and one note.
        https://docs.gitlab.com/api/milestones/
        """

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
    """Return the current attributes of a merge request."""
    milestone = data.get("milestone")
    return RequestAttributes(
        labels=tuple(str(each) for each in data.get("labels") or ()),
        reviewers=_get_usernames(data, "reviewers"),
        assignees=_get_usernames(data, "assignees"),
        milestone=str(milestone["title"]) if milestone else None,
        automerge=True if data["state"] == "opened" and data.get("merge_when_pipeline_succeeds") else None,
    )


def describe_left_out(requested: RequestAttributes, data: MergeRequestData) -> tuple[str, ...]:
    """Return a note for each attribute that GitLab did not set although it reported success.

    `requested` are the attributes in the API request. `data` is the merge request in GitLab's response.
    """
    missing = requested.subtract(parse_attributes(data))
    return (
        *(f"Label `{each}` was not set; {_ROLE_HINT}." for each in missing.labels),
        *(f"A review of `{each}` was not requested: {_USERS_LIMIT}." for each in missing.reviewers),
        *(f"`{each}` was not assigned: {_USERS_LIMIT}." for each in missing.assignees),
        *([f"The milestone was not set; {_ROLE_HINT}."] if missing.milestone is not None else ()),
    )


def _get_usernames(data: MergeRequestData, key: str) -> tuple[str, ...]:
    return tuple(str(each["username"]) for each in data.get(key) or ())


def _get_ids(data: MergeRequestData, key: str) -> list[int]:
    return [int(each["id"]) for each in data.get(key) or ()]


_RUNNING = frozenset({
    "created", "waiting_for_resource", "waiting_for_callback", "preparing", "pending", "running", "scheduled",
})  # fmt: skip
_SUCCESS = "success"
"""Statuses of pipelines: https://docs.gitlab.com/api/pipelines/."""

_NO_PIPELINE = "GitLab waits for a pipeline, and the last commit has none yet; a later run tries again"
_ADVICE = {
    UNAUTHORIZED: (
        "the token has no permission to merge into the target branch; hint: allow it in the protected branches settings"
    ),
    CONFLICT: "another user pushed to the branch",
    NOT_ALLOWED: "GitLab does not merge it in its state; hint: look at the merge request",
}


class GitLabAutomerge(CheckedAutomerge[GitLabRemote]):
    """Auto-merge of merge requests in one project; implements `AutomergeApi`."""

    errors, advice = GITLAB_ERRORS, _ADVICE

    def try_enable(self, number: int, head: str | None) -> str | None:
        data = read_merge_request(self.remote, number)
        reason = _explain_blocked(data, head)
        if reason is not None:
            return reason
        pipeline = data["head_pipeline"]
        if pipeline.get("source") == EXTERNAL_SOURCE and not has_other_statuses(self.remote, str(pipeline["sha"])):
            return _NO_PIPELINE
        if is_automerge_cancelled(self.remote, number):
            return "a user cancelled auto-merge before"
        answer = self._merge_when_pipeline_succeeds(number, str(data["sha"]) if head is None else head)
        is_set = answer.get("merge_when_pipeline_succeeds") or answer["state"] in {"merged", "locked"}
        return None if is_set else "GitLab ignored the request"

    def disable(self, number: int) -> None:
        """Disable auto-merge; do nothing if it is not enabled. Raises RefusedError if an API call fails.

        Some servers report a failure only in the body of a response with status 200:
        https://docs.gitlab.com/api/merge_requests/#cancel-merge-when-pipeline-succeeds
        """

        def cancel(project: Project) -> Mapping[str, Any]:
            return project.mergerequests.get(number, lazy=True).cancel_merge_when_pipeline_succeeds()

        action = f"disable auto-merge for merge request !{number}"
        try:
            answer = self.remote.write(action, cancel)
        except RefusedError as refusal:
            if refusal.status != NOT_ACCEPTABLE:
                raise
            return
        if answer.get("status") == "error" and answer.get("http_status") != NOT_ACCEPTABLE:
            raise RefusedError(
                f"{self.remote.name}: GitLab failed to {action}; hint: disable auto-merge by hand", status=None
            )

    def _merge_when_pipeline_succeeds(self, number: int, head: str) -> MergeRequestData:
        """Send the API request that enables auto-merge, and return the merge request.

        Raises RefusedError if an API call fails.

        GitLab 17.11 replaced the parameter `merge_when_pipeline_succeeds` by `auto_merge`. The request contains both
        parameters, because a server that does not know the sent parameter would merge immediately.
        """

        def merge(project: Project) -> MergeRequestData:
            request = project.mergerequests.get(number, lazy=True)
            return request.merge(merge_when_pipeline_succeeds=True, auto_merge=True, sha=head)

        return self.remote.write(f"enable auto-merge of merge request !{number}", merge)


def _explain_blocked(data: MergeRequestData, head: str | None) -> str | None:
    """Return the reason why auto-merge must not be requested now, for example "it is a draft".

    If auto-merge can be requested, return None. A missing pipeline is a reason, because GitLab would merge immediately
    if it had no pipeline to wait for.
    """
    if data.get("draft"):
        return "it is a draft"
    pipeline = data.get("head_pipeline")
    if not pipeline or not _is_pipeline_of(pipeline, head):
        return _NO_PIPELINE
    status = str(pipeline["status"])
    if status == _SUCCESS or status in _RUNNING:
        return None
    return f"the pipeline of its last commit is `{status}`; hint: look at the pipeline"


def _is_pipeline_of(pipeline: Mapping[str, Any], head: str | None) -> bool:
    """Return True if a pipeline runs for the commit `head`, or for a merge result that GitLab creates from `head`."""
    return head is None or pipeline["sha"] == head or str(pipeline.get("ref", "")).endswith("/merge")
