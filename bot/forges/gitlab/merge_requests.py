"""Merge requests, commit statuses and issues of one project on GitLab.

GitLab stores each commit status as a job in the newest pipeline of the commit. If the commit has no pipeline, GitLab
creates one. https://docs.gitlab.com/api/commits/#commit-status
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any

from gitlab.v4.objects import Project

from bot.core.proposal.marks import COMMENT_MARK
from bot.forges.gitlab.attributes import GitLabAttributesWriter, describe_left_out, parse_attributes
from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote
from bot.forges.gitlab.request_state import (
    MergeRequestData,
    is_closed_by_branch_deletion,
    is_current_branch_required,
    read_merge_request,
    read_merge_state,
)
from bot.forges.hosted.branches import build_request_ended_error
from bot.forges.hosted.forge import RequestEdit
from bot.forges.hosted.records import MAX_ISSUES, ListedIssue, ListedStatus
from bot.forges.hosted.refusal import CONFLICT, FORBIDDEN, NOT_FOUND, RefusedError
from bot.forges.hosted.request_reader import (
    MAX_COMMENTS,
    MAX_ENDED,
    ListedRequest,
    MergeState,
    ReviewState,
    parse_request_time,
)
from bot.model.forge import OpenedRequest
from bot.model.proposal import Proposal, RequestState
from bot.model.request_attributes import STATUS_CONTEXT, CommitStatus, StatusState

DRAFT_PREFIX = "Draft: "
"""The prefix that marks the title of a draft (https://docs.gitlab.com/user/project/merge_requests/drafts/)."""

_STATES = {
    "opened": RequestState.OPEN,
    "locked": RequestState.OPEN,  # GitLab is merging the merge request
    "closed": RequestState.CLOSED,
    "merged": RequestState.MERGED,
}
_OPEN_STATES = frozenset(state for state, means in _STATES.items() if means is RequestState.OPEN)


@dataclass(frozen=True, slots=True)
class GitLabRequestReader:
    """Reads the merge requests of one project; implements `RequestReader`.

    Methods raise RefusedError if an API call fails.
    """

    remote: GitLabRemote

    def list_open(self, branches: Collection[str]) -> Sequence[ListedRequest]:
        """Return the open merge requests of `branches`, which are in the project itself, and not in a fork.

        A merge request that GitLab is merging is missing in this list.
        """
        requests = self._list_matching("list the open merge requests", None, state="opened")
        return [each for each in requests if each.branch in branches]

    def list_of_branch(self, branch: str) -> Sequence[ListedRequest]:
        """Return the newest merge requests of a branch, at most `MAX_ENDED`, whether open, closed or merged.

        While GitLab is merging a merge request, this method lists it, but `list_open` does not.
        """
        newest = {"state": "all", "source_branch": branch, "order_by": "created_at", "sort": "desc"}
        return self._list_matching(f"list the merge requests of {branch}", MAX_ENDED, **newest)

    def find_open(self, branch: str, target_branch: str) -> ListedRequest | None:
        """Return the newest open merge request to merge a branch into a target branch; None if there is none."""
        conditions = {"state": "opened", "source_branch": branch, "target_branch": target_branch}
        requests = self._list_matching(f"look for the merge request of {branch}", None, **conditions)
        return max(requests, key=lambda each: each.number, default=None)

    def is_own_automerge(self, request: ListedRequest) -> bool:
        """Return True if the token's account enabled auto-merge for the merge request."""
        own_username, username = self.remote.connection.get_account().username, request.automerge_by
        return own_username is not None and username is not None and username.lower() == own_username.lower()

    def is_own_request(self, request: ListedRequest) -> bool:
        """Return True if the token's account opened the merge request."""
        return request.opened_by is not None and request.opened_by == self.remote.connection.get_account().username

    def has_own_comment(self, number: int) -> bool:
        username = self.remote.connection.get_account().username

        def fetch(project: Project) -> bool:
            merge_request = project.mergerequests.get(number, lazy=True)
            notes = merge_request.notes.list(iterator=True, order_by="created_at", sort="asc")
            return any(
                COMMENT_MARK in str(note.body) and note.author["username"] == username
                for note in islice(notes, MAX_COMMENTS)
            )

        return self.remote.read(f"read the notes on merge request !{number}", fetch)

    def read_merge_state(self, number: int) -> MergeState:
        """Return whether the merge request has conflicts or is behind its target branch."""
        return read_merge_state(self.remote, number)

    def is_current_branch_required(self, branch: str) -> bool:  # noqa: ARG002 - the same for all branches of a project
        """Return True if the project's merge method requires merge requests to be up to date with the target branch."""
        return is_current_branch_required(self.remote)

    def read_review_states(
        self, requests: Sequence[ListedRequest], own_numbers: frozenset[int]
    ) -> Mapping[int, ReviewState]:
        """Return the approvals of each open merge request, and its current attributes, by number.

        Approvals are read only for the merge requests in `own_numbers`. If GitLab is merging such a merge request, or
        if a user enabled auto-merge for it, the merge request counts as accepted, and its approvals are not read.
        """
        return {
            each.number: ReviewState(
                is_accepted=each.number in own_numbers
                and not each.is_merging
                and (not each.has_automerge or self.is_own_automerge(each))
                and self._is_approved(each.number),
                ever_set=each.attributes,
            )
            for each in requests
        }

    def find_closed_without_user(self, requests: Sequence[ListedRequest]) -> frozenset[int]:
        """Return the numbers of the merge requests that GitLab closed because their branch was deleted."""
        return frozenset(
            each.number
            for each in requests
            if each.closed_at is not None
            and is_closed_by_branch_deletion(self.remote, each.number, each.branch, each.closed_at)
        )

    def _list_matching(self, action: str, max_requests: int | None, **conditions: str) -> list[ListedRequest]:
        """Return merge requests whose branches are not in a fork.

        Args:
            action: What the API call does, for error messages, such as `list merge requests`.
            max_requests: The largest number of merge requests to read, including those from forks; None to read all.
            conditions: Parameters of the API call, such as `state="opened"`.

        https://docs.gitlab.com/api/merge_requests/#list-project-merge-requests
        """

        def fetch(project: Project) -> list[ListedRequest]:
            merge_requests = project.mergerequests.list(iterator=True, **conditions)
            return [
                parse_request(each.attributes)
                for each in islice(merge_requests, max_requests)
                if is_from_own_branch(each.attributes)
            ]

        return self.remote.read(action, fetch)

    def _is_approved(self, number: int) -> bool:
        """Return True if any user approved the merge request.

        The result is False if the token cannot read approvals, or if the server does not support approvals.

        https://docs.gitlab.com/api/merge_request_approvals/
        """

        def fetch(project: Project) -> bool:
            return bool(project.mergerequests.get(number, lazy=True).approvals.get().approved_by)

        try:
            return self.remote.read(f"read the approvals of merge request !{number}", fetch)
        except RefusedError as refusal:
            is_of_job = self.remote.connection.has_job_token  # the token of a CI job cannot read approvals
            if refusal.status in (FORBIDDEN, NOT_FOUND) or is_of_job:  # no approvals
                return False
            raise


def is_from_own_branch(data: Mapping[str, Any]) -> bool:
    """Return True if the branch of a merge request is in the project itself, and not in a fork.

    If the branch belonged to a fork that was deleted, GitLab reports no project for the branch, and the result is
    False.
    """
    return bool(data["source_project_id"] == data["target_project_id"])


def parse_request(data: Mapping[str, Any]) -> ListedRequest:
    """Parse a merge request in a list that the server returned."""
    title = str(data["title"])
    state = _STATES[data["state"]]
    has_automerge = state is RequestState.OPEN and bool(data.get("merge_when_pipeline_succeeds"))
    ended_at = data.get("closed_at") or data.get("merged_at")
    return ListedRequest(
        number=int(data["iid"]),
        branch=str(data["source_branch"]),
        target_branch=str(data["target_branch"]),
        state=state,
        url=str(data["web_url"]),
        title=title.removeprefix(DRAFT_PREFIX) if data.get("draft") else title,
        body=str(data.get("description") or ""),
        is_merging=data["state"] == "locked",
        has_automerge=has_automerge,
        automerge_by=str(data["merge_user"]["username"]) if has_automerge and data.get("merge_user") else None,
        attributes=parse_attributes(data),
        opened_by=str(data["author"]["username"]) if data.get("author") else None,
        opened_at=parse_request_time(data["created_at"]),
        closed_at=parse_request_time(ended_at) if ended_at else None,
        updated_at=parse_request_time(data["updated_at"]),
    )


class GitLabRequestWriter:
    """Changes the merge requests of one project; implements `RequestWriter`.

    Methods raise RefusedError if an API call fails.
    """

    def __init__(self, remote: GitLabRemote) -> None:
        self._remote = remote
        self._attributes = GitLabAttributesWriter(remote)

    def create(self, target_branch: str, proposal: Proposal) -> OpenedRequest:
        """Create a merge request with its attributes. GitLab creates labels that do not exist.

        https://docs.gitlab.com/api/merge_requests/#create-mr
        """
        prepared = self._attributes.prepare_new(proposal.attributes)
        body = {
            "source_branch": proposal.branch,
            "target_branch": target_branch,
            "title": DRAFT_PREFIX + proposal.title if proposal.is_draft else proposal.title,
            "description": proposal.body,
            **prepared.parameters,
        }

        def create(project: Project) -> MergeRequestData:
            return dict(project.mergerequests.create(body).attributes)

        data = self._remote.write(f"open a merge request for {proposal.branch}", create)
        notes = (*prepared.notes, *describe_left_out(prepared.requested, data))
        return OpenedRequest(int(data["iid"]), str(data["web_url"]), notes)

    def is_already_open(self, refusal: RefusedError) -> bool:
        """Return True if GitLab refused `create` because the branch already has an open merge request."""
        return refusal.status == CONFLICT

    def update(self, number: int, edit: RequestEdit) -> tuple[str, ...]:
        """Edit an open merge request, and return a note for each attribute that could not be set.

        Attributes that users removed are not set again. Raises ForgeError if the merge request was merged or closed,
        because the text of an ended merge request must not change.
        """
        current_data = read_merge_request(self._remote, number)
        if current_data["state"] not in _OPEN_STATES:
            raise build_request_ended_error(number, self._remote.name)
        prepared = self._attributes.prepare_additions(number, edit.attributes, current_data)
        is_draft = current_data["draft"] if edit.is_draft is None else edit.is_draft
        parameters: dict[str, object] = {}
        if edit.is_reworded:
            parameters |= {"title": f"{DRAFT_PREFIX if is_draft else ''}{edit.title}", "description": edit.body}
        if edit.removed_labels:
            parameters["remove_labels"] = ",".join(edit.removed_labels)
        parameters |= prepared.parameters
        new_data = self._edit(number, parameters) if parameters else current_data
        return (*prepared.notes, *describe_left_out(prepared.requested, new_data))

    def close(self, number: int) -> None:
        """Close an open merge request without merging it."""
        self._remote.write(
            f"close merge request !{number}",
            lambda project: project.mergerequests.update(number, {"state_event": "close"}),
        )

    def add_comment(self, number: int, text: str) -> None:
        """Comment on a merge request."""
        self._remote.write(
            f"comment on merge request !{number}",
            lambda project: project.mergerequests.get(number, lazy=True).notes.create({"body": text}),
        )

    def _edit(self, number: int, parameters: Mapping[str, object]) -> MergeRequestData:
        """Send an API request that updates a merge request, and return the updated merge request."""
        return self._remote.write(
            f"edit merge request !{number}",
            lambda project: dict(project.mergerequests.update(number, dict(parameters))),
        )


@dataclass(frozen=True, slots=True)
class GitLabStatuses:
    """The commit statuses of one project; implements `StatusApi`. Methods raise RefusedError if an API call fails."""

    remote: GitLabRemote
    state_words = MappingProxyType({StatusState.SUCCESS: "success", StatusState.FAILURE: "failed"})

    def list_own_statuses(self, commit: str) -> Iterable[ListedStatus]:
        username = self.remote.connection.get_account().username

        def fetch(project: Project) -> list[ListedStatus]:
            statuses = project.commits.get(commit, lazy=True).statuses
            named = islice(statuses.list(name=STATUS_CONTEXT, all=True, iterator=True), PER_PAGE)
            own = [each for each in named if each.author["username"] == username]
            return [ListedStatus(int(each.id), str(each.status), str(each.description)) for each in own]

        return self.remote.read(f"read the status of {commit}", fetch)

    def post_status(self, branch: str, commit: str, status: CommitStatus) -> None:
        body = {
            "state": self.state_words[status.state],
            "name": STATUS_CONTEXT,
            "ref": branch,
            "description": status.description,
        }
        self.remote.write(
            f"set the status of {commit}",
            lambda project: project.commits.get(commit, lazy=True).statuses.create(body),
        )


@dataclass(frozen=True, slots=True)
class GitLabIssues:
    """The issues of one project; implements `IssueApi`. Methods raise RefusedError if an API call fails."""

    remote: GitLabRemote

    def list_own_issues(self, label: str) -> Sequence[ListedIssue]:
        """Return the issues that have a label and were created by the token's account, newest first.

        If there is no token, or if the token is that of a CI job, the result is empty. The token of a CI job cannot
        read issues.

        https://docs.gitlab.com/api/issues/#list-project-issues
        """
        if self.remote.connection.has_job_token:
            return ()
        username = self.remote.connection.get_account().username

        def fetch(project: Project) -> list[ListedIssue]:
            issues = project.issues.list(labels=label, state="all", iterator=True)
            return [
                parse_issue(each.attributes)
                for each in islice(issues, MAX_ISSUES)
                if each.author["username"] == username
            ]

        return self.remote.read("find the dashboard", fetch)

    def create_issue(self, title: str, body: str, label: str) -> None:
        fields = {"title": title, "description": body, "labels": label}
        self.remote.write("write the dashboard", lambda project: project.issues.create(fields))

    def update_issue(self, number: int, title: str, body: str, *, is_open: bool) -> None:
        """Replace title and body of an issue, and reopen the issue if it is closed."""
        reopening = {} if is_open else {"state_event": "reopen"}
        fields = {"title": title, "description": body, **reopening}
        self.remote.write("write the dashboard", lambda project: project.issues.update(number, fields))

    def close_issue(self, number: int, body: str) -> None:
        fields = {"description": body, "state_event": "close"}
        self.remote.write("close the dashboard", lambda project: project.issues.update(number, fields))


def parse_issue(data: Mapping[str, Any]) -> ListedIssue:
    """Parse an issue in a list that the server returned."""
    return ListedIssue(int(data["iid"]), str(data["title"]), data["description"], data["state"] == "opened")
