"""The forge operations for one repository on GitHub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from github.Repository import Repository

from bot.core.proposal.boxes import get_labels
from bot.core.proposal.mark import COMMENT_MARKER
from bot.forges._preconditions import base_branch, base_commit, request_ended, request_number
from bot.forges._refusal import INVALID, RefusedError, after
from bot.forges._status import Setting
from bot.forges.github.automerge import Automerge
from bot.forges.github.commit import WORKFLOWS, make_commit, permission_for
from bot.forges.github.connection import Remote
from bot.forges.github.errors import PULLS_WRITE, understood
from bot.forges.github.extras import ExtrasWriter
from bot.forges.github.pull_requests import Requests
from bot.forges.github.refs import Branches
from bot.forges.github.status import status_writer
from bot.forges.github.workflows import Started, WorkflowStarter, is_said
from bot.model.extras import NO_ATTRIBUTES, RequestAttributes
from bot.model.forge import ForgeLimits, GitRepository, OpenedRequest
from bot.model.proposal import NO_DRAFTS, Proposal, RemoteRequest
from bot.model.source import FileChange

MAX_BODY = 65_536
"""Characters; GitHub refuses longer bodies."""
MAX_TITLE = 256
"""Characters; GitHub refuses longer titles."""


class GitHubForge:
    """The forge operations for one repository on GitHub. Every method raises ForgeError."""

    def __init__(self, remote: Remote, repository: GitRepository, dispatch: tuple[str, ...] = ()) -> None:
        """Prepare the operations; `dispatch` names the workflows that have to be started on each proposal."""
        self.limits = ForgeLimits(
            body_characters=MAX_BODY,
            title_characters=MAX_TITLE,
            protected_folder=WORKFLOWS,
            has_statuses=True,
            workflows=dispatch,
        )
        self._remote = remote
        self._repository = repository
        self._branches = Branches(remote)
        self._requests = Requests(remote)
        self._extras = ExtrasWriter(remote)
        self._automerge = Automerge(remote)
        self._statuses = status_writer(remote)
        self._workflows = WorkflowStarter(remote)
        self._found: dict[str, str] = {}
        """The commits that branches pointed to when they were listed."""
        self._pushed: dict[str, str] = {}
        """The commits that this run pushed, by branch."""

    def list_requests(self, prefix: str, wanted: frozenset[str]) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches and open requests, and the ended requests of the desired branches.

        Only branches that begin with `prefix` are returned. It takes one request for the branches, one for each page of
        open pull requests if there are branches, one for each branch's commit, and one for each desired branch without
        an open request. A pull request whose base has new commits takes one more to check for conflicts, one with
        commits of people another to find basebump's comment.
        """
        with understood(self._remote.name):
            self._found = dict(self._branches.heads(prefix))
            return self._requests.seen(self._found, wanted, self._repository)

    def push(self, branch: str, changes: Sequence[FileChange], message: str, over: str | None) -> str:
        """Make one commit on the base's commit, point `branch` to it, and return it.

        Raises ForgeError unless the branch points to the expected commit; None means that it must not exist.
        """
        with understood(self._remote.name):
            commit = make_commit(self._remote, base_commit(self._repository), changes, message)
        if over is None:
            self._branches.create(branch, commit, permission_for(changes))
        else:
            self._branches.swap(branch, over, commit, permission_for(changes))
        self._pushed[branch] = commit
        return commit

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Create the pull request for a branch that exists; update the pull request if one is open.

        https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request
        """
        found = self._found.get(proposal.branch)
        setting = self._set_status(proposal.branch, found, proposal.attributes)
        started = self._start(proposal.branch, found, proposal.attributes, is_quiet=True)
        proposal = replace(proposal, body=started.said_in(setting.remembered_in(proposal.body)))
        notes = [*setting.notes, *started.notes]
        try:
            number, url = self._create(proposal)
        except RefusedError as refusal:
            if not proposal.is_draft or refusal.status != INVALID or "draft" not in refusal.words.lower():
                raise
            number, url = self._create(replace(proposal, is_draft=False))
            notes.append(NO_DRAFTS)
        head = self._pushed.get(proposal.branch)
        return OpenedRequest(number, url, (*notes, *self._set(number, proposal.attributes, head)))

    def update_request(
        self, seen: RemoteRequest, title: str, body: str, extras: RequestAttributes = NO_ATTRIBUTES
    ) -> tuple[str, ...]:
        """Update title and body of an open pull request if they differ, and set attributes on it.

        The labels by which people asked for the update are removed. Returns notes about attributes that were not set.
        """
        number = request_number(seen)
        setting = self._set_status(seen.branch, seen.head, extras)
        is_quiet = is_said(seen.body) or seen.branch in self._pushed
        started = self._start(seen.branch, seen.head, extras, is_quiet=is_quiet)
        body = started.said_in(setting.remembered_in(body))
        if (title, body) != (seen.title, seen.body):
            self._edit(number, title, body)
        for label in get_labels(seen.user_requests):
            self._extras.take_off(number, label)
        return (*setting.notes, *started.notes, *self._set(number, extras, self._pushed.get(seen.branch, seen.head)))

    def close(self, seen: RemoteRequest) -> None:
        """Close an open pull request without merging it; its branch stays."""
        number = request_number(seen)
        self._remote.write(
            f"close pull request #{number}",
            lambda repository: repository.get_pull(number).edit(state="closed"),
            PULLS_WRITE,
        )

    def add_comment(self, seen: RemoteRequest, text: str) -> None:
        """Comment on an open pull request, with a hidden marker by which `list_requests` finds the comment."""
        number = request_number(seen)
        self._remote.write(
            f"comment on pull request #{number}",
            lambda repository: repository.get_issue(number).create_comment(f"{text}\n\n{COMMENT_MARKER}"),
            PULLS_WRITE,
        )

    def delete_branch(self, seen: RemoteRequest) -> None:
        """Delete the branch if it still points to the head of the request; nothing happens if it does not exist.

        With GraphQL's `updateRefs` the server compares and deletes in one request. REST cannot do that: the branch is
        read, then deleted, and a commit that is pushed in between is lost.
        """
        if seen.head is not None:
            self._branches.swap(seen.branch, seen.head, None)

    def _create(self, proposal: Proposal) -> tuple[int, str]:
        base = base_branch(self._repository)

        def create(repository: Repository) -> tuple[int, str]:
            made = repository.create_pull(
                base, proposal.branch, title=proposal.title, body=proposal.body, draft=proposal.is_draft
            )
            return made.number, made.html_url

        try:
            return self._remote.write(f"open a pull request for {proposal.branch}", create, PULLS_WRITE)
        except RefusedError as refusal:
            exists = refusal.status == INVALID and "already exists" in refusal.words
            if not exists and not refusal.may_have_worked:
                raise
            number = self._open_after(proposal.branch, refusal)
        return number, self._edit(number, proposal.title, proposal.body)

    def _open_after(self, branch: str, refusal: RefusedError) -> int:
        """Return the open request after creating one was refused; raise the refusal if there is none."""
        number = after(refusal, lambda: self._requests.open_number(branch))
        if number is None:
            raise refusal
        return number

    def _set_status(self, branch: str, found: str | None, extras: RequestAttributes) -> Setting:
        """Set the status of the commit that this run pushed to a branch, or else of the commit that was listed."""
        pushed = self._pushed.get(branch)
        return self._statuses.set(branch, pushed or found, extras.status, is_new=pushed is not None)

    def _start(self, branch: str, found: str | None, extras: RequestAttributes, *, is_quiet: bool) -> Started:
        """Start workflows for the commit that this run pushed to a branch, or else for the commit that was listed."""
        pushed = self._pushed.get(branch)
        head, workflows = pushed or found, extras.workflows
        return self._workflows.start(branch, head, workflows, is_new=pushed is not None, is_quiet=is_quiet)

    def _set(self, number: int, extras: RequestAttributes, head: str | None) -> tuple[str, ...]:
        """Set attributes; auto-merge comes last, since it may merge at once. `head` is the expected last commit."""
        if extras.automerge is False:
            self._automerge.disarm(number)
        notes = self._extras.write(number, extras)
        return (*notes, *self._automerge.arm(number, head)) if extras.automerge else notes

    def _edit(self, number: int, title: str, body: str) -> str:
        """Update title and body of an open pull request, and return its URL.

        Raises ForgeError if it was merged or closed: its text is a record of what it was.
        """

        def edit(repository: Repository) -> str:
            pull = repository.get_pull(number)
            if pull.state != "open":
                raise request_ended(number, self._remote.name)
            pull.edit(title=title, body=body)
            return pull.html_url

        return self._remote.write(f"edit pull request #{number}", edit, PULLS_WRITE)
