"""The verbs for one repository on GitHub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from github.Repository import Repository

from bot.core.proposal.boxes import labels_of
from bot.core.proposal.mark import TOLD
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
from bot.model.extras import NO_EXTRAS, Extras
from bot.model.forge import ForgeLimits, GitRepository, Opened
from bot.model.proposal import NO_DRAFTS, Proposal, Seen
from bot.model.source import Change

MAX_BODY = 65_536
"""Characters; GitHub refuses longer bodies by this number."""
MAX_TITLE = 256
"""Characters; the same for titles."""


class GitHubForge:
    """Verbs for one repository; every verb raises ForgeError."""

    def __init__(self, remote: Remote, repository: GitRepository, dispatch: tuple[str, ...] = ()) -> None:
        """Take a repository as it stands, and the workflows that have to be started on each proposal to it."""
        self.limits = ForgeLimits(
            body_characters=MAX_BODY,
            title_characters=MAX_TITLE,
            guarded=WORKFLOWS,
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
        """What branches pointed to when they were looked at."""
        self._pushed: dict[str, str] = {}
        """What branches were pointed to in this run."""

    def seen(self, prefix: str, wanted: frozenset[str]) -> tuple[Seen, ...]:
        """Return our branches and open requests under `prefix`, and the ended requests of the `wanted` branches.

        Requests: one for the branches, one for each page of open pull requests if there are branches, one for each
        branch's commit, and one for each wanted branch without an open request. A pull request whose base moved on is
        asked whether it conflicts, one that somebody committed to whether we told them.
        """
        with understood(self._remote.name):
            self._found = dict(self._branches.heads(prefix))
            return self._requests.seen(self._found, wanted, self._repository)

    def push(self, branch: str, changes: Sequence[Change], message: str, over: str | None) -> str:
        """Make one commit on the base's commit and point `branch` to it; return the commit.

        `over` is the commit that the branch must point to, None where it must not exist: otherwise ForgeError.
        """
        with understood(self._remote.name):
            commit = make_commit(self._remote, base_commit(self._repository), changes, message)
        if over is None:
            self._branches.create(branch, commit, permission_for(changes))
        else:
            self._branches.swap(branch, over, commit, permission_for(changes))
        self._pushed[branch] = commit
        return commit

    def open(self, proposal: Proposal) -> Opened:
        """Make the pull request for a branch that exists; one that is already open is amended instead.

        https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request
        """
        found = self._found.get(proposal.branch)
        setting = self._set_status(proposal.branch, found, proposal.extras)
        started = self._start(proposal.branch, found, proposal.extras, is_quiet=True)
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
        return Opened(number, url, (*notes, *self._set(number, proposal.extras, head)))

    def amend(self, seen: Seen, title: str, body: str, extras: Extras = NO_EXTRAS) -> tuple[str, ...]:
        """Change title and body of an open pull request where they are others, and set `extras` on it.

        The labels by which people asked for that come off. What could not be set is returned in sentences.
        """
        number = request_number(seen)
        setting = self._set_status(seen.branch, seen.head, extras)
        is_quiet = is_said(seen.body) or seen.branch in self._pushed
        started = self._start(seen.branch, seen.head, extras, is_quiet=is_quiet)
        body = started.said_in(setting.remembered_in(body))
        if (title, body) != (seen.title, seen.body):
            self._edit(number, title, body)
        for label in labels_of(seen.asks):
            self._extras.take_off(number, label)
        return (*setting.notes, *started.notes, *self._set(number, extras, self._pushed.get(seen.branch, seen.head)))

    def close(self, seen: Seen) -> None:
        """Close an open pull request, unmerged; its branch stays."""
        number = request_number(seen)
        self._remote.write(
            f"close pull request #{number}",
            lambda repository: repository.get_pull(number).edit(state="closed"),
            PULLS_WRITE,
        )

    def tell(self, seen: Seen, text: str) -> None:
        """Comment on an open pull request, with a hidden mark by which `seen` knows it."""
        number = request_number(seen)
        self._remote.write(
            f"comment on pull request #{number}",
            lambda repository: repository.get_issue(number).create_comment(f"{text}\n\n{TOLD}"),
            PULLS_WRITE,
        )

    def drop(self, seen: Seen) -> None:
        """Delete the branch if it still points to `seen.head`; one that is gone is done.

        Compared and deleted in one request where the server has GraphQL's `updateRefs`. REST has no such thing: there
        the branch is read, then deleted, and a commit that comes in between is lost.
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
        """Return the request that is open after making one was refused; the refusal stands where there is none."""
        number = after(refusal, lambda: self._requests.open_number(branch))
        if number is None:
            raise refusal
        return number

    def _set_status(self, branch: str, found: str | None, extras: Extras) -> Setting:
        """Set the status of what a branch was pointed to in this run, else of what was found there."""
        pushed = self._pushed.get(branch)
        return self._statuses.set(branch, pushed or found, extras.status, is_new=pushed is not None)

    def _start(self, branch: str, found: str | None, extras: Extras, *, is_quiet: bool) -> Started:
        """Start workflows for what a branch was pointed to in this run, else for what was found there."""
        pushed = self._pushed.get(branch)
        head, workflows = pushed or found, extras.workflows
        return self._workflows.start(branch, head, workflows, is_new=pushed is not None, is_quiet=is_quiet)

    def _set(self, number: int, extras: Extras, head: str | None) -> tuple[str, ...]:
        """Set extras; that it merges by itself comes last, since it may then be gone. `head` is what it must hold."""
        if extras.automerge is False:
            self._automerge.disarm(number)
        notes = self._extras.write(number, extras)
        return (*notes, *self._automerge.arm(number, head)) if extras.automerge else notes

    def _edit(self, number: int, title: str, body: str) -> str:
        """Change title and body; return where people find the pull request.

        What was merged or closed keeps its words: they are a record of what it was.
        """

        def edit(repository: Repository) -> str:
            pull = repository.get_pull(number)
            if pull.state != "open":
                raise request_ended(number, self._remote.name)
            pull.edit(title=title, body=body)
            return pull.html_url

        return self._remote.write(f"edit pull request #{number}", edit, PULLS_WRITE)
