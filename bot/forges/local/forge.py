"""A forge without a server: git repositories in a folder, in which refs are the only memory.

A proposal is a branch, and the ref `refs/basebump/proposals/<branch>` to a blob with JSON `{title, body, state}`. The
comment about a person's commits is the blob of `refs/basebump/told/<branch>`. Each operation is one transaction of
refs, so a process that dies leaves either the state before or the state after it. A person declines a proposal with
`basebump close`; deleting the branch is not a decline, the proposal is then created again. A declined proposal is kept
for good: once another proposal takes its place, at `refs/basebump/declined/<branch>/<first digits of its blob>`. The
dashboard is the blob of `refs/basebump/dashboard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.proposal.base_branches import BaseBranch
from bot.core.proposal.mark import parse_marker
from bot.forges._preconditions import refuse_too_long
from bot.forges.git.command import Git, Move, encode
from bot.forges.git.commit import make_commit
from bot.forges.local.merges import Merges
from bot.forges.local.refs import (
    BRANCHES,
    MAX_BODY,
    MAX_TITLE,
    PROPOSALS,
    TOLD,
    Head,
    Refs,
    Request,
    Saved,
    declined_ref,
    forge_errors,
)
from bot.model.errors import ForgeError
from bot.model.extras import NO_ATTRIBUTES, RequestAttributes
from bot.model.forge import ForgeLimits, GitRepository, OpenedRequest
from bot.model.proposal import NO_DRAFTS, Proposal, RemoteRequest, RequestState
from bot.model.source import FileChange

_NO_EXTRAS = "A local forge has no labels, reviewers, assignees, milestones and auto-merge, so they were not set."


class LocalForge:
    """The forge operations for one local repository. Every method raises ForgeError."""

    limits = ForgeLimits(body_characters=MAX_BODY, title_characters=MAX_TITLE)

    def __init__(self, git: Git, repository: GitRepository) -> None:
        self._git = git
        self._refs = Refs(git)
        self._repository = repository
        self._base_branch = BaseBranch(repository.base_branch, repository.non_default_base)

    def list_requests(self, prefix: str, wanted: frozenset[str]) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches and open proposals, and the ended proposals of the desired branches.

        Only branches that begin with `prefix` are returned. A branch whose proposal has ended is returned twice: once
        with the proposal, once without. An open proposal whose branch somebody deleted is left out, and so is one whose
        blob has another format. Proposals that were declined before the last one follow it in no order, since refs have
        no dates.
        """
        with forge_errors():
            merges = Merges(self._git, self._base)
            heads = {branch: merges.settled(head) for branch, head in self._refs.heads(prefix).items()}
            requests = self._refs.requests(prefix)
            declined = self._refs.declined(prefix, wanted)
            told = self._refs.told(prefix)
            merged = self._refs.merged(prefix, self._base)
            found: list[RemoteRequest] = []
            for branch in sorted(heads.keys() | requests.keys() | declined.keys()):
                head, request = heads.get(branch), requests.get(branch)
                if not self._owns(head, request, is_wanted=branch in wanted):
                    continue
                state = _state(head, request, is_merged=branch in merged)
                if request is not None and (state is RequestState.OPEN or (state is not None and branch in wanted)):
                    found.append(self._seen(branch, state, head, request, told=branch in told))
                earlier = declined.get(branch, ())
                found += [self._seen(branch, RequestState.CLOSED, head, each, told=False) for each in earlier]
                if head is not None and state is not RequestState.OPEN:
                    found.append(_seen_branch(branch, head))
            return tuple(found)

    def push(self, branch: str, changes: Sequence[FileChange], message: str, over: str | None) -> str:
        """Make one commit on the base's commit, point `branch` to it, and return it.

        Raises ForgeError unless the branch points to the expected commit; None means that it must not exist.
        """
        with forge_errors():
            self._refuse_in_use(branch)
            commit = make_commit(self._git, self._base, changes, message)
            moves = [Move(BRANCHES + branch, over, commit)]
            if over is None:  # a comment on an earlier branch of that name, which somebody deleted, is void
                moves.append(Move(TOLD + branch, self._refs.blob(TOLD + branch), None))
            self._git.move(moves, "basebump: push")
            return commit

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Create the proposal for a branch that exists; update the proposal if one is open."""
        with forge_errors():
            branch = proposal.branch
            head = self._refs.head(branch)
            if head is None:
                raise ForgeError(f"there is no branch '{branch}' to propose; hint: push it first")
            before = self._refs.request(branch)
            moves = [Move(BRANCHES + branch, head.oid, head.oid)]
            if before is not None and before.state is Saved.CLOSED and not parse_marker(before.body).is_withdrawn:
                kept = declined_ref(branch, before)
                moves.append(Move(kept, self._refs.blob(kept), before.blob))
            self._save(branch, before, proposal.title, proposal.body, *moves)
        return OpenedRequest(None, None, ((NO_DRAFTS,) if proposal.is_draft else ()) + _notes(proposal.attributes))

    def update_request(
        self, seen: RemoteRequest, title: str, body: str, extras: RequestAttributes = NO_ATTRIBUTES
    ) -> tuple[str, ...]:
        """Change title and body of an open proposal; a local forge has no other attributes to set."""
        with forge_errors():
            self._save(seen.branch, self._open_request(seen.branch), title, body)
        return _notes(extras)

    def close(self, seen: RemoteRequest) -> None:
        """Close an open proposal and delete its branch, which must still point to the head of the request."""
        with forge_errors():
            self._refuse_in_use(seen.branch)
            head = self._refs.head(seen.branch)
            self._end(seen.branch, delete=seen.head if head is not None else None)

    def add_comment(self, seen: RemoteRequest, text: str) -> None:
        """Comment on an open proposal; only the last comment is kept."""
        with forge_errors():
            request = self._open_request(seen.branch)
            ref = TOLD + seen.branch
            comment = self._git.write_blob(encode(text))
            still_open = Move(PROPOSALS + seen.branch, request.blob, request.blob)
            self._git.move([still_open, Move(ref, self._refs.blob(ref), comment)], "basebump: tell")

    def delete_branch(self, seen: RemoteRequest) -> None:
        """Delete the branch and its open proposal if the branch still points to the head of the request.

        A branch that does not exist is ignored. A merged proposal is kept in the state `merged`.
        """
        with forge_errors():
            branch = seen.branch
            if self._refs.head(branch) is None:
                return
            self._refuse_in_use(branch)
            moves = [
                Move(BRANCHES + branch, seen.head, None),
                Move(TOLD + branch, self._refs.blob(TOLD + branch), None),
            ]
            request = self._refs.requests(branch).get(branch)  # a damaged proposal is no reason to keep the branch
            if request is not None and request.state is Saved.OPEN:
                is_merged = branch in self._refs.merged(branch, self._base)
                kept = self._refs.save(replace(request, state=Saved.MERGED)).blob if is_merged else None
                moves.append(Move(PROPOSALS + branch, request.blob, kept))
            self._git.move(moves, "basebump: drop")

    def decline(self, branch: str) -> bool:
        """Close an open proposal on behalf of a user: its marker stays, so a later run recognises a decline.

        The branch is deleted unless it has commits of other people or is checked out. Return True if the branch is
        gone. Raises ForgeError.
        """
        with forge_errors():
            head = self._refs.head(branch)
            is_untouched = head is not None and Merges(self._git, self._base).settled(head).intent is not None
            is_ours = is_untouched and branch not in self._refs.checked_out()
            self._end(branch, delete=head.oid if head is not None and is_ours else None)
            return head is None or is_ours

    @property
    def _base(self) -> str:
        if self._repository.commit is None:
            raise ForgeError(
                f"{self._repository.name}: there is no base branch; hint: let HEAD name a branch that has a commit"
            )
        return self._repository.commit

    def _owns(self, head: Head | None, request: Request | None, *, is_wanted: bool) -> bool:
        """Return True if a branch or its proposal was made for this base branch; the proposal takes precedence."""
        if request is not None:
            return self._base_branch.is_base_of_branch(is_desired=is_wanted, is_ours=True, stated_base=request.base)
        is_ours, stated = (head.intent is not None, head.base) if head is not None else (False, None)
        return self._base_branch.is_base_of_branch(is_desired=is_wanted, is_ours=is_ours, stated_base=stated)

    def _open_request(self, branch: str) -> Request:
        request = self._refs.request(branch)
        if request is None or request.state is not Saved.OPEN:
            raise ForgeError(
                f"{self._repository.name}: branch '{branch}' has no open proposal; "
                "hint: run basebump to list its proposals"
            )
        return request

    def _save(self, branch: str, before: Request | None, title: str, body: str, *also: Move) -> None:
        """Store an open proposal and point its ref to it, in one transaction with the other ref updates."""
        refuse_too_long(title, body, self.limits)
        saved = self._refs.save(Request("", title, body, Saved.OPEN, self._repository.non_default_base))
        self._git.move(
            [*also, Move(PROPOSALS + branch, before.blob if before is not None else None, saved.blob)],
            "basebump: propose",
        )

    def _end(self, branch: str, delete: str | None) -> None:
        """Close the open proposal and delete its branch if that points to `delete`, in one transaction."""
        request = self._open_request(branch)
        saved = self._refs.save(replace(request, state=Saved.CLOSED))
        self._git.move(
            [
                Move(BRANCHES + branch, delete, None),
                Move(PROPOSALS + branch, request.blob, saved.blob),
                Move(TOLD + branch, self._refs.blob(TOLD + branch), None),
            ],
            "basebump: close",
        )

    def _refuse_in_use(self, branch: str) -> None:
        """Raise ForgeError if the branch is the base branch, or is checked out.

        Updating the ref of a checked-out branch would make its worktree look as if a person had changed the files.
        """
        if branch == self._repository.base_branch:
            raise ForgeError(
                f"branch '{branch}' is the base branch; hint: choose a `branch_prefix` that only basebump uses"
            )
        place = self._refs.checked_out().get(branch)
        if place is not None:
            raise ForgeError(
                f"branch '{branch}' is checked out in {place}; hint: switch to another branch there, or remove it"
            )

    def _seen(
        self, branch: str, state: RequestState, head: Head | None, request: Request, *, told: bool
    ) -> RemoteRequest:
        seen = RemoteRequest(branch, state, None, None, title=request.title, body=request.body, has_commented=told)
        if head is None:
            return seen
        conflicts = state is RequestState.OPEN and Merges(self._git, self._base).conflicts(head)
        return replace(
            seen,
            head=head.oid,
            intent=head.intent,
            committed_at=head.committed,
            has_conflicts=conflicts,
            is_behind=head.behind,
        )


def _notes(extras: RequestAttributes) -> tuple[str, ...]:
    return () if extras == NO_ATTRIBUTES else (_NO_EXTRAS,)


def _state(head: Head | None, request: Request | None, *, is_merged: bool) -> RequestState | None:
    """Return the state of a proposal; None if there is none, or if its branch was deleted while it was open."""
    if request is None:
        return None
    if request.state is not Saved.OPEN:
        return RequestState(request.state)
    if head is None:
        return None
    return RequestState.MERGED if is_merged else RequestState.OPEN


def _seen_branch(branch: str, head: Head) -> RemoteRequest:
    return RemoteRequest(
        branch, RequestState.BRANCH, head.oid, head.intent, committed_at=head.committed, is_behind=head.behind
    )
