"""List basebump's merge requests and branches on GitLab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.core.proposal.base_branches import BaseBranch
from bot.core.proposal.boxes import parse_labels
from bot.core.proposal.lifecycle import can_be_declined
from bot.core.proposal.mark import COMMENT_MARKER
from bot.forges._refusal import FORBIDDEN, NOT_FOUND, RefusedError
from bot.forges._requests import may_conflict, owns, worth_a_look
from bot.forges.gitlab.branches import Tip
from bot.forges.gitlab.connection import Remote
from bot.forges.gitlab.extras import set_on
from bot.forges.gitlab.heads import Head, Heads
from bot.forges.gitlab.history import closed_with_branch
from bot.forges.gitlab.merging import MergeState, merge_states, wants_current
from bot.model.extras import RequestAttributes
from bot.model.forge import GitRepository
from bot.model.proposal import RemoteRequest, RequestState

MAX_ENDED = 100
"""The newest ended requests of one branch, one page; older ones declined digests that do not matter any more."""
MAX_NOTES = 500
"""Notes on one request that are searched for basebump's note, which is among the first; GitLab writes some itself."""
DRAFT = "Draft: "
"""The beginning of a draft's title (https://docs.gitlab.com/user/project/merge_requests/drafts/)."""

_STATES = {
    "opened": RequestState.OPEN,
    "locked": RequestState.OPEN,  # it is being merged at the moment
    "closed": RequestState.CLOSED,
    "merged": RequestState.MERGED,
}
OPEN_STATES = frozenset(state for state, means in _STATES.items() if means is RequestState.OPEN)


@dataclass(frozen=True, slots=True)
class _Request:
    """A merge request as the list of merge requests returns it."""

    number: int
    branch: str
    target: str
    """The branch that it is to be merged into; people can change it."""
    state: RequestState
    url: str
    title: str
    body: str
    is_merging: bool
    """True if it is being merged at the moment."""
    is_armed: bool
    """True if auto-merge is enabled."""
    armed_by: str | None
    """The username of the account that enabled auto-merge; None if GitLab does not report it."""
    has: RequestAttributes
    """The attributes that it has now."""
    opened: datetime
    closed: datetime | None


@dataclass(frozen=True, slots=True)
class _Context:
    """Everything that was read about branches and open requests."""

    base: BaseBranch
    heads: Mapping[str, Head]
    states: Mapping[int, MergeState]
    """The merge states of the requests whose base has new commits."""
    strict: bool
    """True if only branches that are up to date may be merged; read only if some branch is not."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The merge requests of one project. Every method raises ForgeError."""

    remote: Remote

    def seen(
        self, tips: Mapping[str, Tip], wanted: frozenset[str], repository: GitRepository
    ) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches and open requests, and the ended requests of the desired branches.

        `tips` are the branches with basebump's prefix and their commits. `repository` names the base branch and its
        commit: a branch that stands on that commit cannot conflict, and branches made for another base are left out.
        """
        # Deleting a branch closes its merge request, with a delay: without branches none can be merged.
        listed = [each for each in self._open() if each.branch in tips] if tips else []
        base = BaseBranch(repository.base_branch, repository.non_default_base)
        spoken_for = {each.branch for each in listed}
        look = Heads(self.remote, repository.commit).look
        heads = {branch: look(tips[branch]) for branch in worth_a_look(tips, listed, base, wanted)}
        listed = [each for each in listed if owns(base, each, heads, wanted)]
        for branch in sorted(wanted - {each.branch for each in listed}):
            listed += self._of_branch(branch)
        shown = [each for each in listed if each.state is not RequestState.OPEN or each.branch in heads]
        newest_first = sorted(shown, key=lambda each: each.number, reverse=True)
        open_ones = [each for each in shown if each.state is RequestState.OPEN]
        behind = [each.number for each in open_ones if may_conflict(heads[each.branch])]
        context = _Context(
            base=base,
            heads=heads,
            states=merge_states(self.remote, behind),
            strict=bool(behind) and wants_current(self.remote),
        )
        open_branches = {each.branch for each in open_ones}
        return (
            *(self._of_request(each, context) for each in newest_first),
            *(
                _bare(branch, head)
                for branch, head in heads.items()
                if branch not in spoken_for | open_branches
                and base.is_base_of_branch(is_desired=branch in wanted, is_ours=head.intent is not None, stated_base=head.base)
            ),
        )

    def open_number(self, branch: str, target: str) -> int | None:
        """Return the number of the newest open request of a branch into a target branch."""
        words = {"state": "opened", "source_branch": branch, "target_branch": target}
        found = self._list(f"look for the merge request of {branch}", None, **words)
        return max((each.number for each in found), default=None)

    def _open(self) -> list[_Request]:
        return self._list("list the open merge requests", None, state="opened")

    def _of_branch(self, branch: str) -> list[_Request]:
        """List the newest requests of a branch in all states: the list of open ones lacks those being merged."""
        newest = {"state": "all", "source_branch": branch, "order_by": "created_at", "sort": "desc"}
        return self._list(f"list the merge requests of {branch}", MAX_ENDED, **newest)

    def _list(self, action: str, most: int | None, **conditions: str) -> list[_Request]:
        """List requests from branches of the project, not of forks.

        https://docs.gitlab.com/api/merge_requests/#list-project-merge-requests
        """

        def ask(project: Project) -> list[_Request]:
            found = project.mergerequests.list(iterator=True, **conditions)
            return [_request(each.attributes) for each in islice(found, most) if _is_own(each.attributes)]

        return self.remote.read(action, ask)

    def _is_approved(self, number: int) -> bool:
        """Return True if anybody approved it: https://docs.gitlab.com/api/merge_request_approvals/."""

        def ask(project: Project) -> bool:
            return bool(project.mergerequests.get(number, lazy=True).approvals.get().approved_by)

        try:
            return self.remote.read(f"read the approvals of merge request !{number}", ask)
        except RefusedError as refusal:
            is_of_job = self.remote.connection.is_of_job  # the token of a job sees no approvals
            if refusal.status in (FORBIDDEN, NOT_FOUND) or is_of_job:  # the server has no approvals
                return False
            raise

    def _is_told(self, number: int) -> bool:
        def ask(project: Project) -> bool:
            merge_request = project.mergerequests.get(number, lazy=True)
            notes = merge_request.notes.list(iterator=True, order_by="created_at", sort="asc")
            return any(COMMENT_MARKER in str(note.body) for note in islice(notes, MAX_NOTES))

        return self.remote.read(f"read the notes on merge request !{number}", ask)

    def _is_ours(self, username: str | None) -> bool:
        ours = self.remote.connection.account().username
        return ours is not None and username is not None and username.lower() == ours.lower()

    def _of_request(self, request: _Request, context: _Context) -> RemoteRequest:
        head = context.heads.get(request.branch)
        is_open = request.state is RequestState.OPEN
        is_here = request.target == context.base.name
        intent = head.intent if head is not None and (is_here or not is_open) else None
        is_ours = intent is not None
        armed = request.is_armed and self._is_ours(request.armed_by)
        state = context.states.get(request.number)
        return RemoteRequest(
            branch=request.branch,
            state=request.state,
            head=head.commit if head else None,
            intent=intent,  # a request with another base branch is left alone, like a branch with commits of people
            number=request.number,
            url=request.url,
            title=request.title,
            body=request.body,
            has_conflicts=state is not None and state.conflicts,
            has_commented=is_open and not is_ours and self._is_told(request.number),
            is_accepted=request.is_merging
            or (request.is_armed and not armed)
            or (is_open and is_ours and self._is_approved(request.number)),
            has_automerge=armed,
            ever_set=request.has if is_open else None,
            committed_at=head.committed if head else None,
            is_behind=head is not None and head.behind,
            must_be_current=state is not None and (context.strict or state.needs_rebase),
            user_requests=parse_labels(request.has.labels),
            opened_at=request.opened,
            closed_at=request.closed,
            is_closed_by_branch_deletion=self._has_vanished(request),
        )

    def _has_vanished(self, request: _Request) -> bool:
        if request.closed is None or not can_be_declined(request.state, request.body):
            return False
        return closed_with_branch(self.remote, request.number, request.branch, request.closed)


def _bare(branch: str, head: Head) -> RemoteRequest:
    return RemoteRequest(
        branch, RequestState.BRANCH, head.commit, head.intent, committed_at=head.committed, is_behind=head.behind
    )


def _is_own(found: Mapping[str, Any]) -> bool:
    """Return True if a request comes from a branch of the project itself; a deleted fork has no project."""
    return bool(found["source_project_id"] == found["target_project_id"])


def _request(found: Mapping[str, Any]) -> _Request:
    title = str(found["title"])
    state = _STATES[found["state"]]
    is_armed = state is RequestState.OPEN and bool(found.get("merge_when_pipeline_succeeds"))
    ended = found.get("closed_at") or found.get("merged_at")
    return _Request(
        number=int(found["iid"]),
        branch=str(found["source_branch"]),
        target=str(found["target_branch"]),
        state=state,
        url=str(found["web_url"]),
        title=title.removeprefix(DRAFT) if found.get("draft") else title,
        body=str(found.get("description") or ""),
        is_merging=found["state"] == "locked",
        is_armed=is_armed,
        armed_by=str(found["merge_user"]["username"]) if is_armed and found.get("merge_user") else None,
        has=set_on(found),
        opened=datetime.fromisoformat(found["created_at"]),
        closed=datetime.fromisoformat(ended) if ended else None,
    )
