"""The operations on pull requests that all servers share, and the interfaces that each server implements.

Attributes of a pull request are labels, reviewers, assignees, milestone, auto-merge and the like. If an attribute
cannot be set, no error is raised; a note (a sentence for the report) gives the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from bot.branch_ports import BranchJudge
from bot.core.proposal.marks import COMMENT_MARK
from bot.core.proposal.request_text import check_text_length
from bot.core.proposal.requested_actions import get_labels
from bot.forges.hosted.branches import (
    BranchApi,
    require_base_branch,
    require_base_commit,
    require_request_number,
)
from bot.forges.hosted.ci import CiApi
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.heads import BranchTip, CommitReader
from bot.forges.hosted.records import NO_BODY_ADDITION, IssueApi, StatusApi, StatusOutcome, StatusWriter
from bot.forges.hosted.refusal import RefusedError, ServerErrors, read_after_refusal
from bot.forges.hosted.request_lister import RequestLister
from bot.forges.hosted.request_reader import ListedRequest, RequestReader
from bot.model.forge import ForgeLimits, GitRepository, OpenedRequest
from bot.model.proposal import Proposal, RemoteRequest
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes
from bot.model.source import FileChange


@dataclass(frozen=True, slots=True)
class RequestEdit:
    """A change to an open pull request."""

    title: str
    body: str
    attributes: RequestAttributes
    """The attributes to add. The edit ignores the status, the workflows and auto-merge in them."""
    is_reworded: bool = True
    """True if the title or the body changes."""
    removed_labels: tuple[str, ...] = ()
    is_draft: bool | None = None
    """True to make the pull request a draft, False to make it ready; None to leave this unchanged."""

    @property
    def is_empty(self) -> bool:
        """True if the edit changes nothing."""
        settable = replace(self.attributes, automerge=None, status=None, status_source=None, workflows=())
        return not self.is_reworded and not self.removed_labels and settable == NO_ATTRIBUTES


class RequestWriter(Protocol):
    """Changes the pull requests of one repository on a server. Methods raise RefusedError if an API call fails.

    If an attribute, such as a label, cannot be set, no error is raised. The result then contains a note with the
    reason.
    """

    def create(self, target_branch: str, proposal: Proposal) -> OpenedRequest:
        """Create the pull request for an existing branch, and set its attributes except auto-merge."""
        ...

    def is_already_open(self, refusal: RefusedError) -> bool:
        """Return True if the server refused `create` because the branch already has an open pull request."""
        ...

    def update(self, number: int, edit: RequestEdit) -> tuple[str, ...]:
        """Edit an open pull request, and return a note for each attribute that could not be set.

        Raises ForgeError if the pull request was closed or merged.
        """
        ...

    def close(self, number: int) -> None:
        """Close an open pull request without merging it."""
        ...

    def add_comment(self, number: int, text: str) -> None: ...


class AutomergeApi(Protocol):
    """Auto-merge of pull requests in one repository on a server."""

    def enable(self, number: int, head: str | None) -> tuple[str, ...]:
        """Enable auto-merge, and return no notes. If this fails, return one note with the reason.

        If `head` is given, auto-merge is enabled only if the pull request's last commit is still `head`. Never raises
        RefusedError.
        """
        ...

    def disable(self, number: int) -> None:
        """Disable auto-merge; do nothing if it is not enabled. Raises RefusedError if an API call fails."""
        ...


class BodyAddition(Protocol):
    """The outcome of an action, such as starting workflows: notes for the report, and a text for the body."""

    @property
    def notes(self) -> tuple[str, ...]: ...

    def add_to_body(self, body: str) -> str:
        """Return the body of a pull request with the text of the outcome appended."""
        ...


class WorkflowApi(Protocol):
    """Starts CI workflows on proposals if the server does not start them by itself.

    Its methods never raise exceptions.
    """

    def start_workflows(
        self, branch: str, commit: str | None, workflows: Sequence[str], *, is_new: bool, current_body: str | None
    ) -> BodyAddition:
        """Start those of `workflows` that have not yet run for `commit`.

        Return the outcome, whose text is added to the pull request's body.

        Args:
            branch: The branch of the proposal.
            commit: The commit that the branch points to; None if the commit is not known.
            workflows: The file names of the workflows; if empty, no workflow is started.
            is_new: True if this run created the commit, so that no workflow can have run for it.
            current_body: The current body of the pull request, which contains the outcomes of earlier runs; None if the
                pull request is not open yet.
        """
        ...


@dataclass(frozen=True, slots=True)
class HostedRepository:
    """The objects that access one repository on a server. Each kind of server has its own implementations."""

    name: str
    limits: ForgeLimits
    errors: ServerErrors
    pause: Callable[[float], None]
    """Waits for a number of seconds."""
    open_tree: Callable[[str], ListedTree]
    """Returns the files of the commit with this id. The files are listed only when they are needed."""
    branches: BranchApi
    commits: CommitReader
    requests: RequestReader
    request_writer: RequestWriter
    automerge: AutomergeApi
    statuses: StatusApi
    issues: IssueApi | None
    """None if the server has no issues, so that there is no dashboard."""
    ci: CiApi | None = None
    """None if the outcome of CI cannot be read."""
    workflows: WorkflowApi | None = None
    """None if the server always starts CI by itself."""
    open_folder: Callable[[str, str], ListedTree] | None = None
    """Returns the direct files of one folder of a commit. None if listing the whole tree takes as few API calls."""
    has_request_statuses: bool = False
    """True if the server attaches statuses to pull requests, so that a status can be set only after the pull request
    was opened."""
    list_without_branch: Callable[[str, Collection[str]], Sequence[ListedRequest]] | None = None
    """Returns basebump's open pull requests whose branches begin with a prefix and do not exist any more. The second
    argument is the collection of existing branches. None if the server closes a pull request when its branch is
    deleted."""
    has_change_times: bool = True
    """False if the server does not report when a pull request was last changed. `requests` then lists all data that
    decide basebump's next step."""
    is_read_only: bool = False
    """True if the token can neither change data nor list or compare commits. basebump then trusts the claims of
    branches, and does not read the history of files."""


class HostedForge:
    """The operations on branches and pull requests of one repository on a server; implements `bot.ports.Forge`."""

    def __init__(self, hosted: HostedRepository, repository: GitRepository) -> None:
        """Create the operations for the base branch and the base commit that `repository` names."""
        self.limits = hosted.limits
        self._hosted = hosted
        self._repository = repository
        self._statuses = StatusWriter(hosted.statuses)
        self._tips: dict[str, str] = {}
        """The commit of each branch when the list of branches was read."""
        self._pushed_commits: dict[str, str] = {}
        """The commits that this run pushed, by branch."""

    def list_requests(
        self, prefix: str, desired_branches: frozenset[str], judge: BranchJudge | None = None
    ) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches, their open pull requests, and the ended pull requests of `desired_branches`.

        basebump's branches are those whose names begin with `prefix`. The desired branches are those of the proposals
        that basebump wants to have open. The method sends these API requests:

        - one for the branches,
        - if there are branches, one for each page of open pull requests,
        - some for reviews and for closed pull requests,
        - one for each desired branch without an open pull request, to find the ended pull requests,
        - one for each commit, if the list of branches does not contain the facts about the commits,
        - one for each pull request whose base branch has new commits, to check for conflicts,
        - one for each pull request with commits of users, to find an earlier comment of basebump,
        - some for each branch that ends in a merge commit,
        - some for each branch whose content `judge` reads. If `judge` is None, the intents of the branches are only
          what their commits claim.
        """
        with self._translate_errors():
            tips = self._hosted.branches.list_tips(prefix)
            self._tips = {branch: tip.commit for branch, tip in tips.items()}
            return self._list_requests(prefix, tips, desired_branches, judge)

    def push(self, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None) -> str:
        """Create one commit on top of the base branch, point `branch` to it, and return its id.

        If `expected_head` is given, the branch must currently point to this commit. If `expected_head` is None, the
        branch must not exist yet.
        """
        with self._translate_errors():
            base_commit = require_base_commit(self._repository)
            commit = self._hosted.branches.push_commit(base_commit, branch, changes, message, expected_head)
        self._pushed_commits[branch] = commit
        return commit

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Open the pull request for an existing branch.

        If the branch already has an open pull request, update it instead.

        The commit status is set and workflows are started before the pull request is opened with its attributes. If
        statuses belong to pull requests, the status is set after the pull request was opened. Auto-merge is enabled
        last, because the server may merge immediately.
        """
        check_text_length(self.limits, proposal.title, proposal.body)
        branch, attributes = proposal.branch, proposal.attributes
        tip, is_status_last = self._tips.get(branch), self._hosted.has_request_statuses
        with self._translate_errors():
            status_outcome = NO_BODY_ADDITION if is_status_last else self._set_status(branch, tip, attributes)
            started = self._start_workflows(branch, tip, attributes, None)
            body = started.add_to_body(status_outcome.add_to_body(proposal.body))
            opened = self._create_or_update(replace(proposal, body=body))
            notes = [*status_outcome.notes, *started.notes, *opened.notes]
            if is_status_last and opened.number is not None:
                notes += self._set_status_of_request(opened.number, replace(proposal, body=body), tip)
            if attributes.automerge and opened.number is not None:
                notes += self._hosted.automerge.enable(opened.number, self._pushed_commits.get(branch, tip))
        return replace(opened, notes=tuple(notes))

    def update_request(
        self, request: RemoteRequest, title: str, body: str, attributes: RequestAttributes = NO_ATTRIBUTES
    ) -> tuple[str, ...]:
        """Update title and body of an open pull request, set its attributes, and return notes about failures.

        A user can request an update by setting certain labels on the pull request. These labels are removed.

        Auto-merge is disabled before all other changes, so that the server cannot merge before the update is complete.
        Auto-merge is enabled after all other changes, because the server may merge immediately.
        """
        number = require_request_number(request)
        check_text_length(self.limits, title, body)
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
                removed_labels=get_labels(request.requested_actions),
            )
            notes = [*status_outcome.notes, *started.notes]
            notes += () if edit.is_empty else self._hosted.request_writer.update(number, edit)
            if attributes.automerge:
                head = self._pushed_commits.get(request.branch, request.head)
                notes += self._hosted.automerge.enable(number, head)
        return tuple(notes)

    def close(self, request: RemoteRequest) -> None:
        """Close an open pull request without merging it; the branch is not deleted."""
        number = require_request_number(request)
        with self._translate_errors():
            self._hosted.request_writer.close(number)

    def add_comment(self, request: RemoteRequest, text: str) -> None:
        """Add a comment to an open pull request, with a hidden mark by which `list_requests` finds the comment."""
        number = require_request_number(request)
        with self._translate_errors():
            self._hosted.request_writer.add_comment(number, f"{text}\n\n{COMMENT_MARK}")

    def delete_branch(self, request: RemoteRequest) -> None:
        """Delete the branch if it still points to `request.head`; do nothing if the branch does not exist."""
        if request.head is not None:
            with self._translate_errors():
                self._hosted.branches.delete_branch(request.branch, request.head)

    def _list_requests(
        self, prefix: str, tips: Mapping[str, BranchTip], desired_branches: frozenset[str], judge: BranchJudge | None
    ) -> tuple[RemoteRequest, ...]:
        hosted, list_without_branch = self._hosted, self._hosted.list_without_branch
        lister = RequestLister(
            hosted.requests,
            hosted.commits,
            self._repository,
            hosted.pause,
            hosted.open_tree,
            partial(list_without_branch, prefix) if list_without_branch is not None else None,
        )
        return lister.list_requests(tips, desired_branches, None if hosted.is_read_only else judge)

    def _create_or_update(self, proposal: Proposal) -> OpenedRequest:
        """Create the pull request for a proposal. If the branch already has an open pull request, update it instead.

        If the server does not answer, it may still have created the pull request. Therefore basebump searches for the
        pull request, and updates it if it exists.
        """
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
        """Set the commit status of the last commit of a branch.

        The last commit is the one that this run pushed to the branch. If this run pushed none, the last commit is
        `tip`, to which the branch pointed when the branches were listed.
        """
        pushed = self._pushed_commits.get(branch)
        if attributes.status is None and attributes.status_source is not None and pushed is None:
            return self._statuses.copy_status(branch, tip, attributes.status_source)
        return self._statuses.set_status(branch, pushed or tip, attributes.status, is_new=pushed is not None)

    def _set_status_of_request(self, number: int, proposal: Proposal, tip: str | None) -> tuple[str, ...]:
        """Set the status of a pull request that was just opened, record it in the mark, and return notes.

        If a run is interrupted before the status is recorded, the next run sets the status again.
        """
        outcome = self._set_status(proposal.branch, tip, proposal.attributes)
        body = outcome.add_to_body(proposal.body)
        if body == proposal.body:
            return outcome.notes
        edit = RequestEdit(proposal.title, body, NO_ATTRIBUTES)
        return (*outcome.notes, *self._hosted.request_writer.update(number, edit))

    def _start_workflows(
        self, branch: str, tip: str | None, attributes: RequestAttributes, current_body: str | None
    ) -> BodyAddition:
        """Start workflows for the last commit of a branch, and return the outcome.

        The last commit is the one that this run pushed to the branch. If this run pushed none, the last commit is
        `tip`, to which the branch pointed when the branches were listed. `current_body` is the current body of the pull
        request; None if the pull request is not open yet.
        """
        if self._hosted.workflows is None:
            return NO_BODY_ADDITION
        pushed = self._pushed_commits.get(branch)
        return self._hosted.workflows.start_workflows(
            branch, pushed or tip, attributes.workflows, is_new=pushed is not None, current_body=current_body
        )

    def _translate_errors(self) -> AbstractContextManager[None]:
        return self._hosted.errors.translate(self._hosted.name)
