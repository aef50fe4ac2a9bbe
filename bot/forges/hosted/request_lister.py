"""Lists the pull requests of one repository, and reads the facts that decide how basebump treats each of them.

The intent of a branch is a hash of the changes that basebump planned, from the trailer of basebump's commit. It is None
if users pushed other changes to the branch, so that basebump must leave the branch unchanged. The head of a branch
(`BranchHead`) is its last commit, compared with the base branch. The desired branches are those of the proposals that
basebump wants to have open.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from bot.branch_ports import BranchJudge
from bot.core.proposal.base_branches import BaseBranch
from bot.core.proposal.requested_actions import parse_labels
from bot.forges.hosted.branch_contents import HeadJudge
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.heads import BranchHead, BranchTip, CommitReader, HeadReader
from bot.forges.hosted.request_reader import ListedRequest, MergeState, RequestReader, ReviewState
from bot.model.forge import GitRepository
from bot.model.proposal import RemoteRequest, RequestState

MAX_BRANCHES = 500
"""The largest number of branches whose last commits are read, besides those of desired proposals. Everyone who can push
can create branches, and must not use up the rate limit of all repositories (5,000 requests per hour on GitHub)."""
MERGE_CHECK_SECONDS = 2.0
"""Seconds that a server needs to compute the merge state of a pull request. The server starts to compute the state when
the state is first requested."""


@dataclass(frozen=True, slots=True)
class _RequestContext:
    """The facts that were read about all branches and pull requests of one base branch."""

    base: BaseBranch
    heads: Mapping[str, BranchHead]
    merge_states: Mapping[int, MergeState]
    """The merge states of the open pull requests whose base branch has new commits, by number."""
    must_be_current: bool
    """True if the server merges only branches that are up to date. This is read only if some branch is not up to
    date."""
    review_states: Mapping[int, ReviewState]
    closed_without_user: frozenset[int]
    """The numbers of the closed pull requests that no user closed."""

    def get_intent(self, request: ListedRequest) -> str | None:
        """Return the intent of a pull request's branch; None if basebump must leave the pull request unchanged."""
        return _get_intent(request, self.base, self.heads)


@dataclass(frozen=True, slots=True)
class RequestLister:
    """Lists the pull requests that target one base branch, and basebump's branches for them.

    Methods raise RefusedError if an API call fails.
    """

    reader: RequestReader
    commits: CommitReader
    repository: GitRepository
    """The repository with the base branch and its commit. A branch on top of the base commit cannot conflict. Branches
    that were created for another base branch are left out."""
    pause: Callable[[float], None]
    open_tree: Callable[[str], ListedTree]
    """Returns the files of the commit with this id."""
    list_without_branch: Callable[[Collection[str]], Sequence[ListedRequest]] | None = None
    """Returns basebump's open pull requests whose branches do not exist. The argument is the collection of basebump's
    branches. None if the server closes a pull request when its branch is deleted."""

    def list_requests(
        self, tips: Mapping[str, BranchTip], desired_branches: frozenset[str], judge: BranchJudge | None = None
    ) -> tuple[RemoteRequest, ...]:
        """Return basebump's pull requests for the base branch, followed by its branches without a pull request.

        The result contains all open pull requests, and the ended ones of the desired branches. The newest is first.
        `tips` are basebump's branches with their last commits. If `judge` is None, the intents in the result are only
        what the commits claim.
        """
        # Most servers close a pull request when its branch is deleted. On these servers, no pull request is open if
        # no branch exists.
        listed = self.reader.list_open(tips.keys()) if tips else ()
        base = BaseBranch(self.repository.base_branch, self.repository.non_default_base)
        head_reader = HeadReader(self.commits, self.repository.commit)
        heads = {
            branch: head_reader.read_head(tips[branch])
            for branch in select_branches_to_read(tips, listed, base, desired_branches)
        }
        if judge is not None:
            marks = {
                each.branch: each.mark for each in sorted(listed, key=lambda each: each.target_branch == base.name)
            }
            heads = HeadJudge(head_reader, self.open_tree, judge).judge_heads(heads, marks, base, desired_branches)
        requests = [each for each in listed if is_request_of_base(base, each, heads, desired_branches)]
        for branch in sorted(desired_branches - {each.branch for each in requests}):
            requests += [
                each
                for each in self.reader.list_of_branch(branch)
                if each.state is not RequestState.OPEN or branch in heads
            ]
        context = self._read_context(requests, base, heads)
        with_request = {each.branch for each in (*listed, *requests) if each.state is RequestState.OPEN}
        newest_first = sorted(requests, key=lambda each: each.number, reverse=True)
        without_branch = self.list_without_branch(tips.keys()) if self.list_without_branch is not None else ()
        return (
            *(self._build_remote_request(each, context) for each in newest_first),
            *(_build_without_branch(each) for each in without_branch if each.target_branch == base.name),
            *build_branch_requests(heads, with_request, base, desired_branches),
        )

    def _read_context(
        self, requests: Sequence[ListedRequest], base: BaseBranch, heads: Mapping[str, BranchHead]
    ) -> _RequestContext:
        open_requests = [each for each in requests if each.state is RequestState.OPEN]
        behind = [each.number for each in open_requests if can_conflict(heads[each.branch])]
        own_numbers = frozenset(each.number for each in open_requests if _get_intent(each, base, heads) is not None)
        return _RequestContext(
            base=base,
            heads=heads,
            merge_states=read_merge_states(behind, self.reader.read_merge_state, self.pause),
            must_be_current=bool(behind)
            and base.name is not None
            and self.reader.is_current_branch_required(base.name),
            review_states=self.reader.read_review_states(open_requests, own_numbers),
            closed_without_user=self.reader.find_closed_without_user(
                [each for each in requests if each.may_be_declined]
            ),
        )

    def _build_remote_request(self, request: ListedRequest, context: _RequestContext) -> RemoteRequest:
        head = context.heads.get(request.branch)
        is_open = request.state is RequestState.OPEN
        intent = context.get_intent(request)
        is_own_automerge = request.has_automerge and self.reader.is_own_automerge(request)
        merge_state = context.merge_states.get(request.number)
        review_state = context.review_states.get(request.number)
        return RemoteRequest(
            branch=request.branch,
            state=request.state,
            head=head.commit if head is not None else None,
            intent=intent,
            number=request.number,
            url=request.url,
            title=request.title,
            body=request.body,
            mark=request.mark,
            has_conflicts=merge_state is not None and merge_state.has_conflicts,
            has_commented=is_open and intent is None and self.reader.has_own_comment(request.number),
            is_own=not is_open or intent is not None or self.reader.is_own_request(request),
            is_accepted=request.is_merging
            or (request.has_automerge and not is_own_automerge)
            or (review_state is not None and review_state.is_accepted),
            has_automerge=is_own_automerge,
            ever_set=review_state.ever_set if review_state is not None else None,
            committed_at=head.committed_at if head is not None else None,
            is_behind=head is not None and head.is_behind,
            own_commit=head.own_commit if head is not None else None,
            is_confirmed=head is None or head.is_confirmed,
            is_as_marked=head is None or head.is_as_marked,
            must_be_current=merge_state is not None and (context.must_be_current or merge_state.is_outdated),
            requested_actions=parse_labels(request.attributes.labels),
            opened_at=request.opened_at,
            closed_at=request.closed_at,
            is_closed_by_branch_deletion=request.number in context.closed_without_user,
        )


def _build_without_branch(request: ListedRequest) -> RemoteRequest:
    """Return an open pull request of basebump whose branch was deleted."""
    return RemoteRequest(
        request.branch,
        request.state,
        None,
        None,
        request.number,
        request.url,
        request.title,
        request.body,
        request.mark,
        opened_at=request.opened_at,
    )


def _get_intent(request: ListedRequest, base: BaseBranch, heads: Mapping[str, BranchHead]) -> str | None:
    """Return the intent of a pull request's branch; None if basebump must leave the pull request unchanged.

    It is None if users pushed to the branch, or if an open pull request targets another branch than the commit states.
    """
    head = heads.get(request.branch)
    is_here = head is not None and request.target_branch == base.name and head.stated_base == base.non_default_name
    return head.intent if head is not None and (is_here or request.state is not RequestState.OPEN) else None


def select_branches_to_read(
    branches: Collection[str], requests: Collection[ListedRequest], base: BaseBranch, desired: Collection[str]
) -> Iterator[str]:
    """Yield the names of the branches whose last commits must be read.

    If a branch has open pull requests, and all of them target other base branches, the branch is left out. If there are
    too many branches, the branches without a pull request are left out first. The `desired` branches are never left
    out.

    Args:
        branches: The names of basebump's branches.
        requests: The open pull requests.
        base: The base branch.
        desired: The branches of the proposals that basebump wants to have open.
    """
    with_request = {each.branch for each in requests}
    here = {each.branch for each in requests if each.target_branch == base.name}
    yield from sorted(each for each in branches if each in desired)
    others = (each for each in branches if each not in desired and (each in here or each not in with_request))
    yield from islice(sorted(others, key=lambda each: (each not in here, each)), MAX_BRANCHES)


def is_request_of_base(
    base: BaseBranch, request: ListedRequest, heads: Mapping[str, BranchHead], desired: Collection[str]
) -> bool:
    """Return True if an open pull request belongs to `base`, one of the base branches that basebump updates.

    If auto-merge is enabled for a pull request into `base`, the pull request belongs to `base` whatever basebump's
    commit states, because the commit can be forged, and basebump may have to disable auto-merge.

    Args:
        base: The base branch.
        request: The open pull request.
        heads: The last commits that were read, by branch. If the pull request's branch is missing, the result is False.
        desired: The branches of the proposals that basebump wants to have open.
    """
    head = heads.get(request.branch)
    return head is not None and base.is_base_of_request(
        request.target_branch,
        is_desired=request.branch in desired,
        is_ours=head.intent is not None and not request.has_automerge,
        stated_base=head.stated_base,
    )


def can_conflict(head: BranchHead) -> bool:
    """Return True if basebump must check whether a branch conflicts with the base branch.

    If the base branch has no new commits, there can be no conflict. A branch with commits of users is not changed.
    """
    return head.intent is not None and head.is_behind


def read_merge_states(
    numbers: Sequence[int], read_merge_state: Callable[[int], MergeState], pause: Callable[[float], None]
) -> Mapping[int, MergeState]:
    """Return for each pull request, by number, whether it has conflicts or must be updated.

    Raises RefusedError if an API call fails.

    A server starts to compute a merge state when the state is first requested. If the server does not know the state
    yet, basebump requests it again after a pause.
    """
    states = {number: read_merge_state(number) for number in numbers}
    unknown = [number for number, state in states.items() if not state.is_known]
    if unknown:
        pause(MERGE_CHECK_SECONDS)
        states |= {number: read_merge_state(number) for number in unknown}
    return states


def build_branch_requests(
    heads: Mapping[str, BranchHead], with_request: Collection[str], base: BaseBranch, desired: Collection[str]
) -> Iterator[RemoteRequest]:
    """Yield an entry for each branch that belongs to a base branch and has no open pull request.

    Args:
        heads: The last commits that were read, by branch.
        with_request: The branches that have an open pull request.
        base: The base branch.
        desired: The branches of the proposals that basebump wants to have open.
    """
    for branch, head in heads.items():
        if branch not in with_request and base.is_base_of_branch(
            is_desired=branch in desired, is_ours=head.intent is not None, stated_base=head.stated_base
        ):
            yield RemoteRequest(
                branch,
                RequestState.BRANCH,
                head.commit,
                head.intent,
                committed_at=head.committed_at,
                is_behind=head.is_behind,
                own_commit=head.own_commit,
                is_confirmed=head.is_confirmed,
                is_as_marked=head.is_as_marked,
            )
