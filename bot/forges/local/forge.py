"""A forge without a server. It consists of git repositories in a folder, and stores everything in refs.

A proposal is a branch and the ref `refs/basebump/proposals/<branch>`, which points to a blob with JSON `{title, body,
state, number}`. The ref `refs/basebump/told/<branch>` points to a blob with the comment about commits of users. The ref
`refs/basebump/dashboard` points to a blob with the dashboard.

Each operation is one transaction of refs. If a process is killed, the repository is in the state before or after the
operation.

A user declines a proposal with `basebump close`. If a user deletes the branch instead, the next run creates the
proposal again. A declined proposal is kept forever. When the branch gets a new proposal, the declined one moves to
`refs/basebump/declined/<branch>/<first digits of its blob>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.branch_ports import BranchJudge
from bot.core.proposal.base_branches import BaseBranch
from bot.core.proposal.marks import parse_mark
from bot.core.proposal.request_text import check_text_length
from bot.forges.git.command import GitRunner, RefUpdate, encode_text
from bot.forges.git.commit import create_commit
from bot.forges.local.merges import MergeSimulator
from bot.forges.local.refs import (
    BRANCHES,
    COMMENTS,
    MAX_BODY,
    MAX_TITLE,
    PROPOSALS,
    LocalHead,
    ProposalRefs,
    StoredProposal,
    StoredState,
    build_declined_ref,
    translate_git_errors,
)
from bot.model.errors import ForgeError
from bot.model.forge import ForgeLimits, GitRepository, OpenedRequest
from bot.model.proposal import NO_DRAFTS, Proposal, RemoteRequest, RequestState
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes
from bot.model.source import FileChange

_NO_ATTRIBUTES_NOTE = (
    "A local forge has no labels, reviewers, assignees, milestones and auto-merge, so they were not set."
)


class LocalForge:
    """The operations on one local repository; implements `bot.ports.Forge`.

    Methods raise ForgeError if git fails, or if the repository is not in the expected state.
    """

    limits = ForgeLimits(body_characters=MAX_BODY, title_characters=MAX_TITLE)

    def __init__(self, git: GitRunner, repository: GitRepository) -> None:
        self._git = git
        self._refs = ProposalRefs(git)
        self._repository = repository
        self._base_branch = BaseBranch(repository.base_branch, repository.non_default_base)

    def list_requests(
        self, prefix: str, desired_branches: frozenset[str], judge: BranchJudge | None = None
    ) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches and open proposals, and the ended proposals of the desired branches.

        Only branches that begin with `prefix` are returned. If a branch still exists after its proposal has ended, the
        result has an entry for the proposal and an entry for the branch. If the branch of an open proposal was deleted,
        or if basebump did not write the proposal's blob, the proposal is left out.

        If users declined several proposals of a branch, the last proposal comes first in the result. The order of the
        earlier proposals is undefined, because refs have no dates.

        If `judge` is None, the intents in the result are only what the commits claim.
        """
        with translate_git_errors():
            requests = self._refs.list_proposals(prefix)
            heads = {
                branch: self._evaluate_head(
                    branch, head, requests.get(branch), judge, is_desired=branch in desired_branches
                )
                for branch, head in self._refs.list_heads(prefix).items()
            }
            declined = self._refs.list_declined(prefix, desired_branches)
            with_comment = self._refs.list_commented_branches(prefix)
            merged = self._refs.list_merged_branches(prefix, self._base_commit)
            result: list[RemoteRequest] = []
            for branch in sorted(heads.keys() | requests.keys() | declined.keys()):
                head, request = heads.get(branch), requests.get(branch)
                if not self._is_for_base(head, request, is_wanted=branch in desired_branches):
                    continue
                state = _determine_state(head, request, is_merged=branch in merged)
                if request is not None and (
                    state is RequestState.OPEN or (state is not None and branch in desired_branches)
                ):
                    result.append(
                        self._build_remote_request(branch, state, head, request, has_comment=branch in with_comment)
                    )
                earlier = declined.get(branch, ())
                result += [
                    self._build_remote_request(branch, RequestState.CLOSED, head, each, has_comment=False)
                    for each in earlier
                ]
                if head is not None and state is not RequestState.OPEN:
                    result.append(_build_branch_request(branch, head))
            return tuple(result)

    def push(self, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None) -> str:
        """Create one commit on top of the base branch, point `branch` to it, and return its id.

        If `expected_head` is given, the branch must currently point to this commit. If `expected_head` is None, the
        branch must not exist yet.
        """
        with translate_git_errors():
            self._refuse_branch_in_use(branch)
            commit = create_commit(self._git, self._base_commit, changes, message)
            updates = [RefUpdate(BRANCHES + branch, expected_head, commit)]
            if expected_head is None:  # a comment may remain from an earlier branch with this name
                updates.append(RefUpdate(COMMENTS + branch, self._refs.read_oid(COMMENTS + branch), None))
            self._git.update_refs(updates, "basebump: push")
            return commit

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Open the proposal for an existing branch. If the branch already has an open proposal, update it instead."""
        with translate_git_errors():
            branch = proposal.branch
            head = self._refs.read_head(branch)
            if head is None:
                raise ForgeError(
                    f"branch '{branch}' cannot be proposed, because it does not exist; hint: push the branch first"
                )
            current = self._refs.read_proposal(branch)
            updates = [RefUpdate(BRANCHES + branch, head.oid, head.oid)]
            if current is not None and current.state is StoredState.CLOSED and not current.mark.is_withdrawn:
                declined = build_declined_ref(branch, current)
                updates.append(RefUpdate(declined, self._refs.read_oid(declined), current.blob_name))
            number = self._choose_number(current, proposal)
            self._save_open_proposal(branch, current, proposal.title, proposal.body, number, *updates)
        return OpenedRequest(
            number, None, ((NO_DRAFTS,) if proposal.is_draft else ()) + _list_notes(proposal.attributes)
        )

    def update_request(
        self, request: RemoteRequest, title: str, body: str, attributes: RequestAttributes = NO_ATTRIBUTES
    ) -> tuple[str, ...]:
        """Update title and body of an open proposal.

        Labels, reviewers and other attributes cannot be set on a local forge. If `attributes` contains any, return a
        note about this.
        """
        with translate_git_errors():
            current = self._require_open_proposal(request.branch)
            self._save_open_proposal(request.branch, current, title, body, current.number)
        return _list_notes(attributes)

    def close(self, request: RemoteRequest) -> None:
        """Close an open proposal and delete its branch.

        Raises ForgeError if the branch does not point to `request.head` any more.
        """
        with translate_git_errors():
            self._refuse_branch_in_use(request.branch)
            head = self._refs.read_head(request.branch)
            self._close_proposal(request.branch, expected_head=request.head if head is not None else None)

    def add_comment(self, request: RemoteRequest, text: str) -> None:
        """Add a comment to an open proposal. Only the last comment is kept."""
        with translate_git_errors():
            proposal = self._require_open_proposal(request.branch)
            ref = COMMENTS + request.branch
            comment = self._git.write_blob(encode_text(text))
            still_open = RefUpdate(PROPOSALS + request.branch, proposal.blob_name, proposal.blob_name)
            self._git.update_refs([still_open, RefUpdate(ref, self._refs.read_oid(ref), comment)], "basebump: tell")

    def delete_branch(self, request: RemoteRequest) -> None:
        """Delete the branch of `request` and its open proposal; do nothing if the branch does not exist.

        If the branch was merged, its proposal is kept and marked as merged. Raises ForgeError if the branch does not
        point to `request.head` any more.
        """
        with translate_git_errors():
            branch = request.branch
            if self._refs.read_head(branch) is None:
                return
            self._refuse_branch_in_use(branch)
            updates = [
                RefUpdate(BRANCHES + branch, request.head, None),
                RefUpdate(COMMENTS + branch, self._refs.read_oid(COMMENTS + branch), None),
            ]
            proposal = self._refs.list_proposals(branch).get(
                branch
            )  # the branch is deleted even if its proposal is damaged
            if proposal is not None and proposal.state is StoredState.OPEN:
                is_merged = branch in self._refs.list_merged_branches(branch, self._base_commit)
                merged_blob = (
                    self._refs.save_proposal(replace(proposal, state=StoredState.MERGED)).blob_name
                    if is_merged
                    else None
                )
                updates.append(RefUpdate(PROPOSALS + branch, proposal.blob_name, merged_blob))
            self._git.update_refs(updates, "basebump: drop")

    def decline_proposal(self, branch: str) -> bool:
        """Close an open proposal because a user declined it.

        The hidden mark in the proposal's body is not changed, so that later runs recognise that a user declined the
        proposal. If the branch contains commits of users or is checked out, it is kept. If neither is true, it is
        deleted.

        Returns:
            True if the branch does not exist any more.
        """
        with translate_git_errors():
            head = self._refs.read_head(branch)
            is_untouched = (
                head is not None and MergeSimulator(self._git, self._base_commit).evaluate_head(head).intent is not None
            )
            is_ours = is_untouched and branch not in self._refs.list_checked_out()
            self._close_proposal(branch, expected_head=head.oid if head is not None and is_ours else None)
            return head is None or is_ours

    @property
    def _base_commit(self) -> str:
        if self._repository.commit is None:
            raise ForgeError(
                f"{self._repository.name}: there is no base branch; hint: let HEAD point to a branch that has commits"
            )
        return self._repository.commit

    def _evaluate_head(
        self,
        branch: str,
        head: LocalHead,
        proposal: StoredProposal | None,
        judge: BranchJudge | None,
        *,
        is_desired: bool,
    ) -> LocalHead:
        """Return the head with the intent of the whole branch.

        If the commit names another base branch, and this run proposes no updates on the branch, this method does not
        call `judge`, because the run of the other base branch does.
        """
        merges = MergeSimulator(self._git, self._base_commit)
        evaluated = merges.evaluate_head(head)
        if not is_desired and evaluated.stated_base != self._repository.non_default_base:
            return evaluated
        is_open = proposal is not None and proposal.state is StoredState.OPEN
        mark = proposal.mark if proposal is not None and is_open else None
        return evaluated if judge is None else merges.judge_head(branch, evaluated, mark, judge)

    def _is_for_base(self, head: LocalHead | None, proposal: StoredProposal | None, *, is_wanted: bool) -> bool:
        """Return True if basebump created a branch to update the current base branch.

        If the repository has several base branches, each branch of basebump belongs to one of them. The proposal of the
        branch names its base branch. If there is no proposal, the trailer of basebump's commit names it.

        `is_wanted` is True if this run proposes updates on the branch. In this case, the branch always belongs to the
        current base branch.
        """
        if proposal is not None:
            return self._base_branch.is_base_of_branch(is_desired=is_wanted, is_ours=True, stated_base=proposal.base)
        is_ours, stated = (head.intent is not None, head.stated_base) if head is not None else (False, None)
        return self._base_branch.is_base_of_branch(is_desired=is_wanted, is_ours=is_ours, stated_base=stated)

    def _require_open_proposal(self, branch: str) -> StoredProposal:
        proposal = self._refs.read_proposal(branch)
        if proposal is None or proposal.state is not StoredState.OPEN:
            raise ForgeError(
                f"{self._repository.name}: branch '{branch}' has no open proposal; "
                "hint: `basebump show` lists the open proposals"
            )
        return proposal

    def _choose_number(self, current: StoredProposal | None, proposal: Proposal) -> int:
        """Return the number of a proposal that is opened on a branch whose last proposal is `current`.

        If another run has just opened the same proposal, the number stays. An open proposal of other digests was
        merged, and its branch was pushed again.
        """
        open_now = current if current is not None and current.state is StoredState.OPEN else None
        if open_now is not None and open_now.mark.targets == parse_mark(proposal.body).targets:
            return open_now.number
        return self._refs.find_next_number()

    def _save_open_proposal(
        self, branch: str, current: StoredProposal | None, title: str, body: str, number: int, *updates: RefUpdate
    ) -> None:
        """Store an open proposal as a blob, and point the ref of the proposal to the blob.

        One transaction changes the ref and applies `updates`. `current` is the proposal that the ref points to now;
        None if the ref does not exist.
        """
        check_text_length(self.limits, title, body)
        stored = self._refs.save_proposal(
            StoredProposal("", title, body, StoredState.OPEN, self._repository.non_default_base, number)
        )
        self._git.update_refs(
            [
                *updates,
                RefUpdate(PROPOSALS + branch, current.blob_name if current is not None else None, stored.blob_name),
            ],
            "basebump: propose",
        )

    def _close_proposal(self, branch: str, expected_head: str | None) -> None:
        """Close the open proposal of a branch, and delete the branch in the same transaction.

        If `expected_head` is given, the branch must still point to this commit. If `expected_head` is None, the branch
        is not deleted.
        """
        proposal = self._require_open_proposal(branch)
        stored = self._refs.save_proposal(replace(proposal, state=StoredState.CLOSED))
        self._git.update_refs(
            [
                RefUpdate(BRANCHES + branch, expected_head, None),
                RefUpdate(PROPOSALS + branch, proposal.blob_name, stored.blob_name),
                RefUpdate(COMMENTS + branch, self._refs.read_oid(COMMENTS + branch), None),
            ],
            "basebump: close",
        )

    def _refuse_branch_in_use(self, branch: str) -> None:
        """Raise ForgeError if the branch is the base branch, or is checked out in a worktree.

        If a checked-out branch were updated, the files of its worktree would look as if a user had changed them.
        """
        if branch == self._repository.base_branch:
            raise ForgeError(
                f"branch '{branch}' cannot be used for a proposal, because it is the base branch; "
                "hint: choose a `branch_prefix` that only basebump uses"
            )
        place = self._refs.list_checked_out().get(branch)
        if place is not None:
            raise ForgeError(
                f"branch '{branch}' cannot be changed, because it is checked out in {place}; "
                "hint: switch to another branch there, or remove that worktree"
            )

    def _build_remote_request(
        self, branch: str, state: RequestState, head: LocalHead | None, proposal: StoredProposal, *, has_comment: bool
    ) -> RemoteRequest:
        remote_request = RemoteRequest(
            branch,
            state,
            None,
            None,
            proposal.number or None,
            title=proposal.title,
            body=proposal.body,
            mark=proposal.mark,
            has_commented=has_comment,
        )
        if head is None:
            return remote_request
        conflicts = state is RequestState.OPEN and MergeSimulator(self._git, self._base_commit).has_conflict(head)
        return replace(
            remote_request,
            head=head.oid,
            intent=head.intent,
            committed_at=head.committed_at,
            has_conflicts=conflicts,
            is_behind=head.is_behind,
            own_commit=head.own_commit,
            is_confirmed=head.is_confirmed,
            is_as_marked=head.is_as_marked,
        )


def _list_notes(attributes: RequestAttributes) -> tuple[str, ...]:
    return () if attributes == NO_ATTRIBUTES else (_NO_ATTRIBUTES_NOTE,)


def _determine_state(
    head: LocalHead | None, proposal: StoredProposal | None, *, is_merged: bool
) -> RequestState | None:
    """Return the state of a proposal; None if there is no proposal.

    If an open proposal's branch does not exist, the result is None, too. A user has deleted the branch, so that the
    proposal no longer counts.
    """
    if proposal is None:
        return None
    if proposal.state is not StoredState.OPEN:
        return RequestState(proposal.state)
    if head is None:
        return None
    return RequestState.MERGED if is_merged else RequestState.OPEN


def _build_branch_request(branch: str, head: LocalHead) -> RemoteRequest:
    return RemoteRequest(
        branch,
        RequestState.BRANCH,
        head.oid,
        head.intent,
        committed_at=head.committed_at,
        is_behind=head.is_behind,
        own_commit=head.own_commit,
        is_confirmed=head.is_confirmed,
        is_as_marked=head.is_as_marked,
    )
