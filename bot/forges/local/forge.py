"""Git repositories in a folder: a forge without a server, whose only memory are refs.

A proposal is a branch, and the ref `refs/basebump/proposals/<branch>` to a blob of JSON `{title, body, state}`; what we
told people about it is the blob of `refs/basebump/told/<branch>`. Each verb is one transaction of refs, so a process
that dies leaves either what was before or what comes after. A person declines with `basebump close`; deleting the
branch is no decline, the proposal is then made anew. What was declined is kept for good: once another proposal takes
its place, at `refs/basebump/declined/<branch>/<the first digits of its blob>`. The dashboard is the blob of
`refs/basebump/dashboard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.proposal.base_branches import Base
from bot.core.proposal.mark import read_mark
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
from bot.model.extras import NO_EXTRAS, Extras
from bot.model.forge import ForgeLimits, GitRepository, Opened
from bot.model.proposal import NO_DRAFTS, Proposal, RequestState, Seen
from bot.model.source import Change

_NO_EXTRAS = "There are no labels, reviewers, assignees and milestones here, and nothing merges by itself."


class LocalForge:
    """Verbs for one repository; every verb raises ForgeError."""

    limits = ForgeLimits(body_characters=MAX_BODY, title_characters=MAX_TITLE)

    def __init__(self, git: Git, repository: GitRepository) -> None:
        self._git = git
        self._refs = Refs(git)
        self._repository = repository
        self._base_branch = Base(repository.base_branch, repository.other_base)

    def seen(self, prefix: str, wanted: frozenset[str]) -> tuple[Seen, ...]:
        """Return our branches and open proposals under `prefix`, and the ended proposals of the `wanted` branches.

        A branch whose proposal has ended stands there without one, so it is there twice. A proposal that is open but
        whose branch somebody deleted is not there at all, and neither is one whose blob is not as we write it. What was
        declined before the last proposal follows it, in no order: refs have no dates.
        """
        with forge_errors():
            merges = Merges(self._git, self._base)
            heads = {branch: merges.settled(head) for branch, head in self._refs.heads(prefix).items()}
            requests = self._refs.requests(prefix)
            declined = self._refs.declined(prefix, wanted)
            told = self._refs.told(prefix)
            merged = self._refs.merged(prefix, self._base)
            found: list[Seen] = []
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

    def push(self, branch: str, changes: Sequence[Change], message: str, over: str | None) -> str:
        """Make one commit on the base's commit and point `branch` to it; return the commit.

        `over` is the commit that the branch must point to, None where it must not exist: otherwise ForgeError.
        """
        with forge_errors():
            self._refuse_in_use(branch)
            commit = make_commit(self._git, self._base, changes, message)
            moves = [Move(BRANCHES + branch, over, commit)]
            if over is None:  # a new life: what was told in the last one, whose branch somebody deleted, is void
                moves.append(Move(TOLD + branch, self._refs.blob(TOLD + branch), None))
            self._git.move(moves, "basebump: push")
            return commit

    def open(self, proposal: Proposal) -> Opened:
        """Make the proposal for a branch that exists; one that is already open is amended instead."""
        with forge_errors():
            branch = proposal.branch
            head = self._refs.head(branch)
            if head is None:
                raise ForgeError(f"there is no branch {branch} to propose; push it first")
            before = self._refs.request(branch)
            moves = [Move(BRANCHES + branch, head.oid, head.oid)]
            if before is not None and before.state is Saved.CLOSED and not read_mark(before.body).withdrawn:
                kept = declined_ref(branch, before)
                moves.append(Move(kept, self._refs.blob(kept), before.blob))
            self._save(branch, before, proposal.title, proposal.body, *moves)
        return Opened(None, None, ((NO_DRAFTS,) if proposal.is_draft else ()) + _notes(proposal.extras))

    def amend(self, seen: Seen, title: str, body: str, extras: Extras = NO_EXTRAS) -> tuple[str, ...]:
        """Change title and body of an open proposal; there is nothing else that could be set on it."""
        with forge_errors():
            self._save(seen.branch, self._open_request(seen.branch), title, body)
        return _notes(extras)

    def close(self, seen: Seen) -> None:
        """Close an open proposal and delete its branch, which must still point to `seen.head`."""
        with forge_errors():
            self._refuse_in_use(seen.branch)
            head = self._refs.head(seen.branch)
            self._end(seen.branch, delete=seen.head if head is not None else None)

    def tell(self, seen: Seen, text: str) -> None:
        """Comment on an open proposal; the last comment is the one that is kept."""
        with forge_errors():
            request = self._open_request(seen.branch)
            ref = TOLD + seen.branch
            comment = self._git.write_blob(encode(text))
            still_open = Move(PROPOSALS + seen.branch, request.blob, request.blob)
            self._git.move([still_open, Move(ref, self._refs.blob(ref), comment)], "basebump: tell")

    def drop(self, seen: Seen) -> None:
        """Delete the branch if it still points to `seen.head`, with its open proposal; one that is gone is done.

        Of a proposal that was merged it is kept that it was.
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
            request = self._refs.requests(branch).get(branch)  # what is broken is no reason to keep the branch
            if request is not None and request.state is Saved.OPEN:
                is_merged = branch in self._refs.merged(branch, self._base)
                kept = self._refs.save(replace(request, state=Saved.MERGED)).blob if is_merged else None
                moves.append(Move(PROPOSALS + branch, request.blob, kept))
            self._git.move(moves, "basebump: drop")

    def decline(self, branch: str) -> bool:
        """Close an open proposal as a person does: its mark stays, so that a later run reads it as a decline.

        Its branch is deleted, unless somebody else committed to it or has it checked out. Return whether it is gone.
        Raises ForgeError.
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
            raise ForgeError(f"{self._repository.name} has no base branch; let its HEAD name one that has a commit")
        return self._repository.commit

    def _owns(self, head: Head | None, request: Request | None, *, is_wanted: bool) -> bool:
        """Say whether a branch or its proposal was made for this base branch: the proposal's word counts first."""
        if request is not None:
            return self._base_branch.owns_branch(is_wanted=is_wanted, is_ours=True, stated=request.base)
        is_ours, stated = (head.intent is not None, head.base) if head is not None else (False, None)
        return self._base_branch.owns_branch(is_wanted=is_wanted, is_ours=is_ours, stated=stated)

    def _open_request(self, branch: str) -> Request:
        request = self._refs.request(branch)
        if request is None or request.state is not Saved.OPEN:
            raise ForgeError(
                f"{branch} of {self._repository.name} has no open proposal; run basebump to see what it has"
            )
        return request

    def _save(self, branch: str, before: Request | None, title: str, body: str, *also: Move) -> None:
        """Let the proposal's ref point to an open proposal of these words."""
        refuse_too_long(title, body, self.limits)
        saved = self._refs.save(Request("", title, body, Saved.OPEN, self._repository.other_base))
        self._git.move(
            [*also, Move(PROPOSALS + branch, before.blob if before is not None else None, saved.blob)],
            "basebump: propose",
        )

    def _end(self, branch: str, delete: str | None) -> None:
        """Close the open proposal, and delete its branch where that points to `delete`: both or neither."""
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
        """Raise ForgeError where moving the branch would make a worktree look as if a person had changed its files."""
        if branch == self._repository.base_branch:
            raise ForgeError(f"{branch} is the base branch; choose a branch prefix of basebump's own")
        place = self._refs.checked_out().get(branch)
        if place is not None:
            raise ForgeError(f"{branch} is checked out in {place}; switch that to another branch, or remove it")

    def _seen(self, branch: str, state: RequestState, head: Head | None, request: Request, *, told: bool) -> Seen:
        seen = Seen(branch, state, None, None, title=request.title, body=request.body, told=told)
        if head is None:
            return seen
        conflicts = state is RequestState.OPEN and Merges(self._git, self._base).conflicts(head)
        return replace(
            seen,
            head=head.oid,
            intent=head.intent,
            committed=head.committed,
            conflicts=conflicts,
            behind=head.behind,
        )


def _notes(extras: Extras) -> tuple[str, ...]:
    return () if extras == NO_EXTRAS else (_NO_EXTRAS,)


def _state(head: Head | None, request: Request | None, *, is_merged: bool) -> RequestState | None:
    """Return what a proposal shows as; None where there is none, or its branch was deleted while it was open."""
    if request is None:
        return None
    if request.state is not Saved.OPEN:
        return RequestState(request.state)
    if head is None:
        return None
    return RequestState.MERGED if is_merged else RequestState.OPEN


def _seen_branch(branch: str, head: Head) -> Seen:
    return Seen(branch, RequestState.BRANCH, head.oid, head.intent, committed=head.committed, behind=head.behind)
