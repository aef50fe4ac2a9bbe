"""The operations on branches and requests that are the same on all servers, and the parts that a server implements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from bot.core.proposal.markers import COMMENT_MARKER
from bot.core.proposal.user_requests import get_labels
from bot.forges.hosted.branches import (
    BranchApi,
    require_base_branch,
    require_base_commit,
    require_request_number,
)
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.heads import BranchTip, CommitReader
from bot.forges.hosted.records import NO_STATUS_OUTCOME, IssueApi, StatusApi, StatusOutcome, StatusWriter
from bot.forges.hosted.refusal import RefusedError, ServerErrors, read_after_refusal
from bot.forges.hosted.requests import RequestLister, RequestReader
from bot.model.forge import ForgeLimits, GitRepository, OpenedRequest
from bot.model.proposal import Proposal, RemoteRequest
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes
from bot.model.source import FileChange


@dataclass(frozen=True, slots=True)
class RequestEdit:
    """A change to an open request."""

    title: str
    body: str
    attributes: RequestAttributes
    """The attributes to add. Status, workflows and auto-merge in them are not part of the edit."""
    is_reworded: bool = True
    """True if the title or the body changes."""
    removed_labels: tuple[str, ...] = ()
    is_draft: bool | None = None
    """Whether the request becomes a draft; None leaves this unchanged."""

    @property
    def is_empty(self) -> bool:
        """True if the edit changes nothing."""
        settable = replace(self.attributes, automerge=None, status=None, workflows=())
        return not self.is_reworded and not self.removed_labels and settable == NO_ATTRIBUTES


class RequestWriter(Protocol):
    """Changes the requests of one repository on a server. Methods raise RefusedError.

    If an attribute cannot be set, no error is raised, and the result contains a note with the reason.
    """

    def create(self, target_branch: str, proposal: Proposal) -> OpenedRequest:
        """Create the request for an existing branch, and set its attributes except auto-merge."""
        ...

    def is_already_open(self, refusal: RefusedError) -> bool:
        """Return True if the server refused `create` because the branch has an open request."""
        ...

    def update(self, number: int, edit: RequestEdit) -> tuple[str, ...]:
        """Edit an open request, and return a note for each attribute that could not be set.

        Raises ForgeError if the request was closed or merged.
        """
        ...

    def close(self, number: int) -> None:
        """Close an open request without merging it."""
        ...

    def add_comment(self, number: int, text: str) -> None: ...


class AutomergeApi(Protocol):
    """Auto-merge of requests in one repository on a server."""

    def enable(self, number: int, head: str | None) -> tuple[str, ...]:
        """Enable auto-merge if `head` is still the last commit; a `head` of None allows any commit.

        Returns the reason as a note if auto-merge was not enabled, and nothing otherwise. Never raises RefusedError.
        """
        ...

    def disable(self, number: int) -> None:
        """Disable auto-merge; do nothing if it is not enabled. Raises RefusedError."""
        ...


class BodyAddition(Protocol):
    """The outcome of an action that basebump records in the body of a request."""

    @property
    def notes(self) -> tuple[str, ...]: ...

    def add_to_body(self, body: str) -> str:
        """Return the body of a request with the outcome recorded in it."""
        ...


class WorkflowApi(Protocol):
    """Starts CI workflows on proposals if the server does not start them by itself. No method raises."""

    def start_workflows(
        self, branch: str, commit: str | None, workflows: Sequence[str], *, is_new: bool, earlier_body: str | None
    ) -> BodyAddition:
        """Start the workflows that have not run for a commit yet, and return the outcome.

        Args:
            branch: The branch of the proposal.
            commit: The commit that the branch points to; None if the commit is not known.
            workflows: The file names of the workflows; if there are none, nothing is started.
            is_new: True if this run created the commit, so that no workflow can have run for it.
            earlier_body: The current body of the request; None if the request is about to be opened.
        """
        ...


@dataclass(frozen=True, slots=True)
class HostedRepository:
    """The access to one repository on a server, in parts that each kind of server implements."""

    name: str
    limits: ForgeLimits
    errors: ServerErrors
    pause: Callable[[float], None]
    """Waits for a number of seconds."""
    open_tree: Callable[[str], ListedTree]
    """Returns the tree of a commit. Its files are listed when the list is first needed."""
    branches: BranchApi
    commits: CommitReader
    requests: RequestReader
    request_writer: RequestWriter
    automerge: AutomergeApi
    statuses: StatusApi
    issues: IssueApi
    workflows: WorkflowApi | None = None
    """None if the server always starts CI by itself."""


class HostedForge:
    """The operations on branches and requests of one repository on a server; implements `bot.ports.Forge`."""

    def __init__(self, hosted: HostedRepository, repository: GitRepository) -> None:
        """Create the operations for the base branch that `repository` names."""
        self.limits = hosted.limits
        self._hosted = hosted
        self._repository = repository
        self._statuses = StatusWriter(hosted.statuses)
        self._tips: dict[str, str] = {}
        """The commit of each branch when the branches were listed."""
        self._pushed_commits: dict[str, str] = {}
        """The commits that this run pushed, by branch."""

    def list_requests(self, prefix: str, desired_branches: frozenset[str]) -> tuple[RemoteRequest, ...]:
        """Return the branches and open requests under `prefix`, and the ended requests of `desired_branches`.

        One API request reads the branches, one reads each page of open requests (if there are branches), and one reads
        the requests of each desired branch without an open request. If the list of branches does not contain the
        commits, one API request reads each commit. More API requests are sent for a request whose base has new commits
        (to check for conflicts), for a request with commits of users (to find basebump's comment), and for a branch
        that ends in a merge commit.
        """
        with self._translate_errors():
            tips = self._hosted.branches.list_tips(prefix)
            self._tips = {branch: tip.commit for branch, tip in tips.items()}
            return self._list_requests(tips, desired_branches)

    def push(self, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None) -> str:
        """Create one commit on top of the base branch's commit, point `branch` to it and return its id.

        The branch must currently point to the commit `expected_head`. If `expected_head` is None, the branch must not
        exist.
        """
        with self._translate_errors():
            base_commit = require_base_commit(self._repository)
            commit = self._hosted.branches.push_commit(base_commit, branch, changes, message, expected_head)
        self._pushed_commits[branch] = commit
        return commit

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Open the request for an existing branch; if a request is already open, update that request instead.

        The order of writes is: status, workflows, request with its attributes, auto-merge. Auto-merge is enabled last,
        because the server may merge immediately.
        """
        self.limits.check_text_length(proposal.title, proposal.body)
        branch, attributes = proposal.branch, proposal.attributes
        tip = self._tips.get(branch)
        with self._translate_errors():
            status_outcome = self._set_status(branch, tip, attributes)
            started = self._start_workflows(branch, tip, attributes, None)
            body = started.add_to_body(status_outcome.add_to_body(proposal.body))
            opened = self._create_or_update(replace(proposal, body=body))
            notes = [*status_outcome.notes, *started.notes, *opened.notes]
            if attributes.automerge and opened.number is not None:
                notes += self._hosted.automerge.enable(opened.number, self._pushed_commits.get(branch))
        return replace(opened, notes=tuple(notes))

    def update_request(
        self, request: RemoteRequest, title: str, body: str, attributes: RequestAttributes = NO_ATTRIBUTES
    ) -> tuple[str, ...]:
        """Update title and body of an open request if they differ, set its attributes, and return notes.

        The labels by which users requested the update are removed. If auto-merge must be disabled, it is disabled
        before all other writes, so that the server cannot merge the request in between. If auto-merge must be enabled,
        it is enabled last, because the server may merge immediately.
        """
        number = require_request_number(request)
        self.limits.check_text_length(title, body)
        with self._translate_errors():
            if attributes.automerge is False:
                self._hosted.automerge.disable(number)
            status_outcome = self._set_status(request.branch, request.head, attributes)
            started = self._start_workflows(request.branch, request.head, attributes, request.body)
            body = started.add_to_body(status_outcome.add_to_body(body))
            edit = RequestEdit(
                title,
                body,
                attributes,
                is_reworded=(title, body) != (request.title, request.body),
                removed_labels=get_labels(request.user_requests),
            )
            notes = [*status_outcome.notes, *started.notes]
            notes += () if edit.is_empty else self._hosted.request_writer.update(number, edit)
            if attributes.automerge:
                head = self._pushed_commits.get(request.branch, request.head)
                notes += self._hosted.automerge.enable(number, head)
        return tuple(notes)

    def close(self, request: RemoteRequest) -> None:
        """Close an open request without merging it; the branch is not deleted."""
        number = require_request_number(request)
        with self._translate_errors():
            self._hosted.request_writer.close(number)

    def add_comment(self, request: RemoteRequest, text: str) -> None:
        """Add a comment to an open request, with a hidden marker by which `list_requests` finds the comment."""
        number = require_request_number(request)
        with self._translate_errors():
            self._hosted.request_writer.add_comment(number, f"{text}\n\n{COMMENT_MARKER}")

    def delete_branch(self, request: RemoteRequest) -> None:
        """Delete the branch if it still points to `request.head`; do nothing if the branch does not exist."""
        if request.head is not None:
            with self._translate_errors():
                self._hosted.branches.delete_branch(request.branch, request.head)

    def _list_requests(
        self, tips: Mapping[str, BranchTip], desired_branches: frozenset[str]
    ) -> tuple[RemoteRequest, ...]:
        hosted = self._hosted
        lister = RequestLister(hosted.requests, hosted.commits, self._repository, hosted.pause)
        return lister.list_requests(tips, desired_branches)

    def _create_or_update(self, proposal: Proposal) -> OpenedRequest:
        """Create the request; if the server refuses or does not answer, update the open request if there is one."""
        writer, base_branch = self._hosted.request_writer, require_base_branch(self._repository)
        try:
            return writer.create(base_branch, proposal)
        except RefusedError as refusal:
            if not writer.is_already_open(refusal) and not refusal.may_have_worked:
                raise
            found = read_after_refusal(refusal, lambda: self._hosted.requests.find_open(proposal.branch, base_branch))
            if found is None:
                raise
        edit = RequestEdit(proposal.title, proposal.body, proposal.attributes, is_draft=proposal.is_draft)
        return OpenedRequest(found.number, found.url, writer.update(found.number, edit))

    def _set_status(self, branch: str, tip: str | None, attributes: RequestAttributes) -> StatusOutcome:
        """Set the status of the last commit of a branch.

        This is the commit that this run pushed to the branch; if this run pushed none, it is `tip`, the listed commit.
        """
        pushed = self._pushed_commits.get(branch)
        return self._statuses.set_status(branch, pushed or tip, attributes.status, is_new=pushed is not None)

    def _start_workflows(
        self, branch: str, tip: str | None, attributes: RequestAttributes, earlier_body: str | None
    ) -> BodyAddition:
        """Start workflows for the last commit of a branch, which is determined as in `_set_status`."""
        if self._hosted.workflows is None:
            return NO_STATUS_OUTCOME
        pushed = self._pushed_commits.get(branch)
        return self._hosted.workflows.start_workflows(
            branch, pushed or tip, attributes.workflows, is_new=pushed is not None, earlier_body=earlier_body
        )

    def _translate_errors(self) -> AbstractContextManager[None]:
        return self._hosted.errors.translate(self._hosted.name)
