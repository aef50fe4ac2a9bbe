"""List basebump's merge requests and branches on GitLab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.core.proposal.base_branches import BaseBranch
from bot.core.proposal.lifecycle import can_be_declined
from bot.core.proposal.markers import COMMENT_MARKER
from bot.core.proposal.user_requests import parse_labels
from bot.forges.gitlab.attributes import parse_attributes
from bot.forges.gitlab.connection import GitLabRemote
from bot.forges.gitlab.heads import GitLabCommits
from bot.forges.gitlab.request_state import (
    is_closed_by_branch_deletion,
    is_current_branch_required,
    read_merge_state,
)
from bot.forges.hosted.heads import BranchHead, BranchTip, HeadReader
from bot.forges.hosted.refusal import FORBIDDEN, NOT_FOUND, RefusedError
from bot.forges.hosted.requests import (
    MergeState,
    build_branch_requests,
    can_conflict,
    is_request_of_base,
    read_merge_states,
    select_branches_to_read,
)
from bot.model.forge import GitRepository
from bot.model.proposal import RemoteRequest, RequestState
from bot.model.request_attributes import RequestAttributes

MAX_ENDED = 100
"""The newest ended requests of one branch, one page; older ones declined digests that do not matter any more."""
MAX_NOTES = 500
"""Notes on one request that are searched for basebump's note, which is among the first; GitLab writes some itself."""
DRAFT_PREFIX = "Draft: "
"""The beginning of a draft's title (https://docs.gitlab.com/user/project/merge_requests/drafts/)."""

_STATES = {
    "opened": RequestState.OPEN,
    "locked": RequestState.OPEN,  # it is being merged at the moment
    "closed": RequestState.CLOSED,
    "merged": RequestState.MERGED,
}
OPEN_STATES = frozenset(state for state, means in _STATES.items() if means is RequestState.OPEN)


@dataclass(frozen=True, slots=True)
class _GitLabRequest:
    """A merge request as the list of merge requests returns it."""

    number: int
    branch: str
    target_branch: str
    """The branch that it is to be merged into; people can change it."""
    state: RequestState
    url: str
    title: str
    body: str
    is_merging: bool
    """True if it is being merged at the moment."""
    has_automerge: bool
    """True if auto-merge is enabled."""
    automerge_by: str | None
    """The username of the account that enabled auto-merge; None if GitLab does not report it."""
    attributes: RequestAttributes
    """The attributes that it has now."""
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class _GitLabRequestContext:
    """Everything that was read about branches and open requests."""

    base: BaseBranch
    heads: Mapping[str, BranchHead]
    merge_states: Mapping[int, MergeState]
    """The merge states of the requests whose base has new commits."""
    must_be_current: bool
    """True if only branches that are up to date may be merged; read only if some branch is not."""


@dataclass(frozen=True, slots=True)
class GitLabRequests:
    """The merge requests of one project. Every method raises ForgeError."""

    remote: GitLabRemote

    def list_requests(
        self, tips: Mapping[str, BranchTip], desired_branches: frozenset[str], repository: GitRepository
    ) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches and open requests, and the ended requests of the desired branches.

        `tips` are the branches with basebump's prefix and their commits. `repository` names the base branch and its
        commit: a branch that stands on that commit cannot conflict, and branches made for another base are left out.
        """
        # Deleting a branch closes its merge request, with a delay: without branches none can be merged.
        requests = [each for each in self._list_open() if each.branch in tips] if tips else []
        base = BaseBranch(repository.base_branch, repository.non_default_base)
        with_request = {each.branch for each in requests}
        read_head = HeadReader(GitLabCommits(self.remote), repository.commit).read_head
        heads = {
            branch: read_head(tips[branch])
            for branch in select_branches_to_read(tips, requests, base, desired_branches)
        }
        requests = [each for each in requests if is_request_of_base(base, each, heads, desired_branches)]
        for branch in sorted(desired_branches - {each.branch for each in requests}):
            requests += self._list_of_branch(branch)
        known_requests = [each for each in requests if each.state is not RequestState.OPEN or each.branch in heads]
        newest_first = sorted(known_requests, key=lambda each: each.number, reverse=True)
        open_requests = [each for each in known_requests if each.state is RequestState.OPEN]
        behind = [each.number for each in open_requests if can_conflict(heads[each.branch])]
        context = _GitLabRequestContext(
            base=base,
            heads=heads,
            merge_states=self._read_merge_states(behind),
            must_be_current=bool(behind) and is_current_branch_required(self.remote),
        )
        open_branches = {each.branch for each in open_requests}
        return (
            *(self._build_remote_request(each, context) for each in newest_first),
            *build_branch_requests(heads, with_request | open_branches, base, desired_branches),
        )

    def find_open_number(self, branch: str, target_branch: str) -> int | None:
        """Return the number of the newest open request of a branch into a target branch."""
        conditions = {"state": "opened", "source_branch": branch, "target_branch": target_branch}
        requests = self._list_matching(f"look for the merge request of {branch}", None, **conditions)
        return max((each.number for each in requests), default=None)

    def _list_open(self) -> list[_GitLabRequest]:
        return self._list_matching("list the open merge requests", None, state="opened")

    def _list_of_branch(self, branch: str) -> list[_GitLabRequest]:
        """List the newest requests of a branch in all states: the list of open ones lacks those being merged."""
        newest = {"state": "all", "source_branch": branch, "order_by": "created_at", "sort": "desc"}
        return self._list_matching(f"list the merge requests of {branch}", MAX_ENDED, **newest)

    def _list_matching(self, action: str, max_requests: int | None, **conditions: str) -> list[_GitLabRequest]:
        """List requests from branches of the project, not of forks.

        https://docs.gitlab.com/api/merge_requests/#list-project-merge-requests
        """

        def fetch(project: Project) -> list[_GitLabRequest]:
            merge_requests = project.mergerequests.list(iterator=True, **conditions)
            return [
                _parse_request(each.attributes)
                for each in islice(merge_requests, max_requests)
                if _is_from_own_branch(each.attributes)
            ]

        return self.remote.read(action, fetch)

    def _is_approved(self, number: int) -> bool:
        """Return True if anybody approved it: https://docs.gitlab.com/api/merge_request_approvals/."""

        def fetch(project: Project) -> bool:
            return bool(project.mergerequests.get(number, lazy=True).approvals.get().approved_by)

        try:
            return self.remote.read(f"read the approvals of merge request !{number}", fetch)
        except RefusedError as refusal:
            is_of_job = self.remote.connection.has_job_token  # the token of a job sees no approvals
            if refusal.status in (FORBIDDEN, NOT_FOUND) or is_of_job:  # the server has no approvals
                return False
            raise

    def _read_merge_states(self, numbers: list[int]) -> Mapping[int, MergeState]:
        return read_merge_states(numbers, partial(read_merge_state, self.remote), self.remote.connection.pause)

    def _has_own_comment(self, number: int) -> bool:
        def fetch(project: Project) -> bool:
            merge_request = project.mergerequests.get(number, lazy=True)
            notes = merge_request.notes.list(iterator=True, order_by="created_at", sort="asc")
            return any(COMMENT_MARKER in str(note.body) for note in islice(notes, MAX_NOTES))

        return self.remote.read(f"read the notes on merge request !{number}", fetch)

    def _is_own_account(self, username: str | None) -> bool:
        own_username = self.remote.connection.get_account().username
        return own_username is not None and username is not None and username.lower() == own_username.lower()

    def _build_remote_request(self, request: _GitLabRequest, context: _GitLabRequestContext) -> RemoteRequest:
        head = context.heads.get(request.branch)
        is_open = request.state is RequestState.OPEN
        is_here = request.target_branch == context.base.name
        intent = head.intent if head is not None and (is_here or not is_open) else None
        is_ours = intent is not None
        is_own_automerge = request.has_automerge and self._is_own_account(request.automerge_by)
        merge_state = context.merge_states.get(request.number)
        return RemoteRequest(
            branch=request.branch,
            state=request.state,
            head=head.commit if head else None,
            intent=intent,  # a request with another base branch is left alone, like a branch with commits of people
            number=request.number,
            url=request.url,
            title=request.title,
            body=request.body,
            has_conflicts=merge_state is not None and merge_state.has_conflicts,
            has_commented=is_open and not is_ours and self._has_own_comment(request.number),
            is_accepted=request.is_merging
            or (request.has_automerge and not is_own_automerge)
            or (is_open and is_ours and self._is_approved(request.number)),
            has_automerge=is_own_automerge,
            ever_set=request.attributes if is_open else None,
            committed_at=head.committed_at if head else None,
            is_behind=head is not None and head.is_behind,
            must_be_current=merge_state is not None and (context.must_be_current or merge_state.is_outdated),
            user_requests=parse_labels(request.attributes.labels),
            opened_at=request.opened_at,
            closed_at=request.closed_at,
            is_closed_by_branch_deletion=self._is_closed_by_deletion(request),
        )

    def _is_closed_by_deletion(self, request: _GitLabRequest) -> bool:
        if request.closed_at is None or not can_be_declined(request.state, request.body):
            return False
        return is_closed_by_branch_deletion(self.remote, request.number, request.branch, request.closed_at)


def _is_from_own_branch(data: Mapping[str, Any]) -> bool:
    """Return True if a request comes from a branch of the project itself; a deleted fork has no project."""
    return bool(data["source_project_id"] == data["target_project_id"])


def _parse_request(data: Mapping[str, Any]) -> _GitLabRequest:
    title = str(data["title"])
    state = _STATES[data["state"]]
    has_automerge = state is RequestState.OPEN and bool(data.get("merge_when_pipeline_succeeds"))
    ended_at = data.get("closed_at") or data.get("merged_at")
    return _GitLabRequest(
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
        opened_at=datetime.fromisoformat(data["created_at"]),
        closed_at=datetime.fromisoformat(ended_at) if ended_at else None,
    )
