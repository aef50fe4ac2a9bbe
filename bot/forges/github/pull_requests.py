"""List basebump's pull requests and branches on GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice

from github.NamedUser import NamedUser
from github.PullRequest import PullRequest
from github.Repository import Repository

from bot.core.proposal.base_branches import BaseBranch
from bot.core.proposal.lifecycle import can_be_declined
from bot.core.proposal.markers import COMMENT_MARKER
from bot.core.proposal.user_requests import parse_labels
from bot.forges.github.connection import GitHubRemote
from bot.forges.github.errors import PULLS_READ
from bot.forges.github.heads import GitHubCommits
from bot.forges.github.request_state import (
    ReviewState,
    find_closed_by_branch_deletion,
    is_current_branch_required,
    read_merge_state,
    read_review_states,
)
from bot.forges.hosted.heads import BranchHead, HeadReader
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

MAX_ENDED = 100
"""The newest ended requests of one branch, one page; older ones declined digests that do not matter any more."""
MAX_COMMENTS = 500
"""Comments of one request that are searched for basebump's comment, which follows a person's first commit closely."""


@dataclass(frozen=True, slots=True)
class _GitHubRequest:
    """A pull request as the list of pull requests returns it."""

    number: int
    branch: str
    target_branch: str
    """The branch that it is to be merged into; people can change it."""
    state: RequestState
    url: str
    title: str
    body: str
    opened_at: datetime
    closed_at: datetime | None
    opened_by_bot: str | None
    """The login of the bot that opened it; None if a person did."""
    labels: tuple[str, ...]
    automerge_by: str | None
    """The login of the account that enabled auto-merge; None if it is not enabled."""


@dataclass(frozen=True, slots=True)
class _GitHubRequestContext:
    """Everything that was read about branches and open requests."""

    base: BaseBranch
    tips: Mapping[str, str]
    heads: Mapping[str, BranchHead]
    merge_states: Mapping[int, MergeState]
    """The merge states of the requests whose base has new commits."""
    must_be_current: bool
    """True if only branches that are up to date may be merged; read only if some branch is not."""
    review_states: Mapping[int, ReviewState]
    closed_by_deletion: frozenset[int]
    """Requests that nobody closed, but whose branch somebody deleted."""


@dataclass(frozen=True, slots=True)
class GitHubRequests:
    """The pull requests of one repository. Every method raises ForgeError."""

    remote: GitHubRemote

    def list_requests(
        self, tips: Mapping[str, str], desired_branches: frozenset[str], repository: GitRepository
    ) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches and open requests, and the ended requests of the desired branches.

        `tips` are the branches with basebump's prefix and their commits. `repository` names the base branch and its
        commit: a branch that stands on that commit cannot conflict, and branches made for another base are left out.
        """
        # Deleting a branch closes its pull request: without branches none can be open.
        requests = [each for each in self._list_open() if each.branch in tips] if tips else []
        base = BaseBranch(repository.base_branch, repository.non_default_base)
        with_request = {each.branch for each in requests}
        commits = GitHubCommits(self.remote)
        read_head = HeadReader(commits, repository.commit).read_head
        heads = {
            branch: read_head(commits.read_commit(tips[branch]))
            for branch in select_branches_to_read(tips, requests, base, desired_branches)
        }
        requests = [each for each in requests if is_request_of_base(base, each, heads, desired_branches)]
        ended = [
            each
            for branch in sorted(desired_branches - {each.branch for each in requests})
            for each in self._list_ended(branch)
        ]
        behind = [each.number for each in requests if can_conflict(heads[each.branch])]
        context = _GitHubRequestContext(
            base=base,
            tips=tips,
            heads=heads,
            merge_states=self._read_merge_states(behind),
            must_be_current=bool(behind)
            and base.name is not None
            and is_current_branch_required(self.remote, base.name),
            review_states=read_review_states(self.remote, [each.number for each in requests]),
            closed_by_deletion=find_closed_by_branch_deletion(
                self.remote,
                {
                    each.number: each.closed_at
                    for each in ended
                    if each.closed_at and can_be_declined(each.state, each.body)
                },
            ),
        )
        newest_first = sorted([*requests, *ended], key=lambda each: each.number, reverse=True)
        return (
            *(self._build_remote_request(each, context) for each in newest_first),
            *build_branch_requests(heads, with_request, base, desired_branches),
        )

    def find_open_number(self, branch: str) -> int | None:
        """Return the number of the newest open request of a branch."""
        requests = self._list_matching(f"look for the pull request of {branch}", "open", branch)
        return max((each.number for each in requests), default=None)

    def _list_open(self) -> list[_GitHubRequest]:
        return self._list_matching("list the open pull requests", "open")

    def _list_ended(self, branch: str) -> list[_GitHubRequest]:
        return self._list_matching(f"list the closed pull requests of {branch}", "closed", branch)

    def _list_matching(self, action: str, state: str, branch: str | None = None) -> list[_GitHubRequest]:
        """List requests from branches of the repository, not of forks.

        https://docs.github.com/en/rest/pulls/pulls#list-pull-requests. With `branch` only its newest `MAX_ENDED` ones.
        """

        def fetch(repository: Repository) -> list[_GitHubRequest]:
            if branch is None:
                pulls: Iterable[PullRequest] = repository.get_pulls(state=state)
            else:
                own = f"{self.remote.owner}:{branch}"
                newest = repository.get_pulls(state=state, sort="created", direction="desc", head=own)
                pulls = islice(newest, MAX_ENDED)
            return [_parse_request(each) for each in pulls if _is_from_own_branch(each)]

        return self.remote.read(action, fetch, PULLS_READ)

    def _is_own_account(self, login: str, request: _GitHubRequest) -> bool:
        """Return True if the login is the token's account; an App without a known login opened what it set up."""
        own_login = self.remote.connection.get_account().login or request.opened_by_bot
        return own_login is not None and login.lower() == own_login.lower()

    def _read_merge_states(self, numbers: list[int]) -> Mapping[int, MergeState]:
        return read_merge_states(numbers, partial(read_merge_state, self.remote), self.remote.connection.pause)

    def _has_own_comment(self, number: int) -> bool:
        def fetch(repository: Repository) -> bool:
            comments = repository.get_issue(number).get_comments()
            return any(COMMENT_MARKER in (comment.body or "") for comment in islice(comments, MAX_COMMENTS))

        return self.remote.read(f"read the comments on pull request #{number}", fetch, PULLS_READ)

    def _build_remote_request(self, request: _GitHubRequest, context: _GitHubRequestContext) -> RemoteRequest:
        head = context.heads.get(request.branch)
        is_open = request.state is RequestState.OPEN
        is_here = request.target_branch == context.base.name
        intent = head.intent if head is not None and (is_here or not is_open) else None
        is_foreign = head is not None and intent is None
        is_own_automerge = request.automerge_by is not None and self._is_own_account(request.automerge_by, request)
        merge_state = context.merge_states.get(request.number)
        review_state = context.review_states.get(request.number)
        return RemoteRequest(
            branch=request.branch,
            state=request.state,
            head=context.tips.get(request.branch),
            intent=intent,  # a request with another base branch is left alone, like a branch with commits of people
            number=request.number,
            url=request.url,
            title=request.title,
            body=request.body,
            has_conflicts=merge_state is not None and merge_state.has_conflicts,
            has_commented=is_open and is_foreign and self._has_own_comment(request.number),
            is_accepted=(request.automerge_by is not None and not is_own_automerge)
            or (review_state is not None and review_state.is_accepted),
            has_automerge=is_own_automerge,
            ever_set=review_state.ever_set if review_state is not None else None,
            committed_at=head.committed_at if head else None,
            is_behind=head is not None and head.is_behind,
            must_be_current=merge_state is not None and (context.must_be_current or merge_state.is_outdated),
            user_requests=parse_labels(request.labels),
            opened_at=request.opened_at,
            closed_at=request.closed_at,
            is_closed_by_branch_deletion=request.number in context.closed_by_deletion,
        )


def _is_from_own_branch(pull: PullRequest) -> bool:
    """Return True if a request comes from a branch of the repository itself; a deleted fork has no repository."""
    return _get_id(pull.head.repo) == pull.base.repo.id


def _get_id(repository: Repository | None) -> int | None:
    return repository.id if repository is not None else None


def _get_bot_login(user: NamedUser | None) -> str | None:
    return user.login if user is not None and user.type == "Bot" else None


def _parse_request(pull: PullRequest) -> _GitHubRequest:
    state = RequestState.OPEN
    if pull.state != "open":
        state = RequestState.MERGED if pull.merged_at else RequestState.CLOSED
    return _GitHubRequest(
        number=pull.number,
        branch=pull.head.ref,
        target_branch=pull.base.ref,
        state=state,
        url=pull.html_url,
        title=pull.title,
        body=pull.body or "",
        opened_at=pull.created_at,
        closed_at=pull.closed_at,
        opened_by_bot=_get_bot_login(pull.user),
        labels=tuple(label.name for label in pull.labels),
        automerge_by=pull.auto_merge["enabled_by"]["login"] if pull.auto_merge else None,
    )
