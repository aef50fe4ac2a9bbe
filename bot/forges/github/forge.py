"""The forge operations for one repository on GitHub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from github.Repository import Repository

from bot.core.proposal.markers import COMMENT_MARKER
from bot.core.proposal.user_requests import get_labels
from bot.forges.github.attributes import GitHubAttributesWriter
from bot.forges.github.automerge import GitHubAutomerge
from bot.forges.github.branches import WORKFLOWS_FOLDER, GitHubBranches, create_commit, get_push_permission
from bot.forges.github.connection import GitHubRemote
from bot.forges.github.errors import PULLS_WRITE, translate_errors
from bot.forges.github.pull_requests import GitHubRequests
from bot.forges.github.records import build_status_writer
from bot.forges.github.workflows import WorkflowStarter, WorkflowStartResult, has_notice
from bot.forges.hosted.preconditions import (
    build_request_ended_error,
    require_base_branch,
    require_base_commit,
    require_request_number,
)
from bot.forges.hosted.records import StatusOutcome
from bot.forges.hosted.refusal import INVALID, RefusedError, read_after_refusal
from bot.model.forge import ForgeLimits, GitRepository, OpenedRequest
from bot.model.proposal import NO_DRAFTS, Proposal, RemoteRequest
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes
from bot.model.source import FileChange

MAX_BODY = 65_536
"""Characters; GitHub refuses longer bodies."""
MAX_TITLE = 256
"""Characters; GitHub refuses longer titles."""


class GitHubForge:
    """The forge operations for one repository on GitHub. Every method raises ForgeError."""

    def __init__(self, remote: GitHubRemote, repository: GitRepository, dispatch: tuple[str, ...] = ()) -> None:
        """Prepare the operations; `dispatch` names the workflows that have to be started on each proposal."""
        self.limits = ForgeLimits(
            body_characters=MAX_BODY,
            title_characters=MAX_TITLE,
            protected_folder=WORKFLOWS_FOLDER,
            has_statuses=True,
            workflows=dispatch,
        )
        self._remote = remote
        self._repository = repository
        self._branches = GitHubBranches(remote)
        self._pull_requests = GitHubRequests(remote)
        self._attributes = GitHubAttributesWriter(remote)
        self._automerge = GitHubAutomerge(remote)
        self._statuses = build_status_writer(remote)
        self._workflows = WorkflowStarter(remote)
        self._tips: dict[str, str] = {}
        """The commits that branches pointed to when they were listed."""
        self._pushed_commits: dict[str, str] = {}
        """The commits that this run pushed, by branch."""

    def list_requests(self, prefix: str, desired_branches: frozenset[str]) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches and open requests, and the ended requests of the desired branches.

        Only branches that begin with `prefix` are returned. It takes one request for the branches, one for each page of
        open pull requests if there are branches, one for each branch's commit, and one for each desired branch without
        an open request. A pull request whose base has new commits takes one more to check for conflicts, one with
        commits of people another to find basebump's comment.
        """
        with translate_errors(self._remote.name):
            self._tips = dict(self._branches.list_tips(prefix))
            return self._pull_requests.list_requests(self._tips, desired_branches, self._repository)

    def push(self, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None) -> str:
        """Make one commit on the base's commit, point `branch` to it, and return it.

        Raises ForgeError unless the branch points to the expected commit; None means that it must not exist.
        """
        with translate_errors(self._remote.name):
            commit = create_commit(self._remote, require_base_commit(self._repository), changes, message)
        if expected_head is None:
            self._branches.create_branch(branch, commit, get_push_permission(changes))
        else:
            self._branches.move_branch(branch, expected_head, commit, get_push_permission(changes))
        self._pushed_commits[branch] = commit
        return commit

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Create the pull request for a branch that exists; update the pull request if one is open.

        https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request
        """
        tip = self._tips.get(proposal.branch)
        status_outcome = self._set_status(proposal.branch, tip, proposal.attributes)
        started = self._start_workflows(proposal.branch, tip, proposal.attributes, may_lack_ci=True)
        proposal = replace(proposal, body=started.add_to_body(status_outcome.add_to_body(proposal.body)))
        notes = [*status_outcome.notes, *started.notes]
        try:
            number, url = self._create_request(proposal)
        except RefusedError as refusal:
            if not proposal.is_draft or refusal.status != INVALID or "draft" not in refusal.server_message.lower():
                raise
            number, url = self._create_request(replace(proposal, is_draft=False))
            notes.append(NO_DRAFTS)
        head = self._pushed_commits.get(proposal.branch)
        return OpenedRequest(number, url, (*notes, *self._set_attributes(number, proposal.attributes, head)))

    def update_request(
        self, request: RemoteRequest, title: str, body: str, attributes: RequestAttributes = NO_ATTRIBUTES
    ) -> tuple[str, ...]:
        """Update title and body of an open pull request if they differ, and set attributes on it.

        The labels by which people asked for the update are removed. Returns notes about attributes that were not set.
        """
        number = require_request_number(request)
        status_outcome = self._set_status(request.branch, request.head, attributes)
        may_lack_ci = has_notice(request.body) or request.branch in self._pushed_commits
        started = self._start_workflows(request.branch, request.head, attributes, may_lack_ci=may_lack_ci)
        body = started.add_to_body(status_outcome.add_to_body(body))
        if (title, body) != (request.title, request.body):
            self._edit_request(number, title, body)
        for label in get_labels(request.user_requests):
            self._attributes.remove_label(number, label)
        return (
            *status_outcome.notes,
            *started.notes,
            *self._set_attributes(number, attributes, self._pushed_commits.get(request.branch, request.head)),
        )

    def close(self, request: RemoteRequest) -> None:
        """Close an open pull request without merging it; its branch stays."""
        number = require_request_number(request)
        self._remote.write(
            f"close pull request #{number}",
            lambda repository: repository.get_pull(number).edit(state="closed"),
            PULLS_WRITE,
        )

    def add_comment(self, request: RemoteRequest, text: str) -> None:
        """Comment on an open pull request, with a hidden marker by which `list_requests` finds the comment."""
        number = require_request_number(request)
        self._remote.write(
            f"comment on pull request #{number}",
            lambda repository: repository.get_issue(number).create_comment(f"{text}\n\n{COMMENT_MARKER}"),
            PULLS_WRITE,
        )

    def delete_branch(self, request: RemoteRequest) -> None:
        """Delete the branch if it still points to the head of the request; nothing happens if it does not exist.

        With GraphQL's `updateRefs` the server compares and deletes in one request. REST cannot do that: the branch is
        read, then deleted, and a commit that is pushed in between is lost.
        """
        if request.head is not None:
            self._branches.move_branch(request.branch, request.head, None)

    def _create_request(self, proposal: Proposal) -> tuple[int, str]:
        base = require_base_branch(self._repository)

        def create(repository: Repository) -> tuple[int, str]:
            pull = repository.create_pull(
                base, proposal.branch, title=proposal.title, body=proposal.body, draft=proposal.is_draft
            )
            return pull.number, pull.html_url

        try:
            return self._remote.write(f"open a pull request for {proposal.branch}", create, PULLS_WRITE)
        except RefusedError as refusal:
            exists = refusal.status == INVALID and "already exists" in refusal.server_message
            if not exists and not refusal.may_have_worked:
                raise
            number = self._find_open_after_refusal(proposal.branch, refusal)
        return number, self._edit_request(number, proposal.title, proposal.body)

    def _find_open_after_refusal(self, branch: str, refusal: RefusedError) -> int:
        """Return the open request after creating one was refused; raise the refusal if there is none."""
        number = read_after_refusal(refusal, lambda: self._pull_requests.find_open_number(branch))
        if number is None:
            raise refusal
        return number

    def _set_status(self, branch: str, tip: str | None, attributes: RequestAttributes) -> StatusOutcome:
        """Set the status of the commit that this run pushed to a branch, or else of the commit that was listed."""
        pushed = self._pushed_commits.get(branch)
        return self._statuses.set_status(branch, pushed or tip, attributes.status, is_new=pushed is not None)

    def _start_workflows(
        self, branch: str, tip: str | None, attributes: RequestAttributes, *, may_lack_ci: bool
    ) -> WorkflowStartResult:
        """Start workflows for the commit that this run pushed to a branch, or else for the commit that was listed."""
        pushed = self._pushed_commits.get(branch)
        head, workflows = pushed or tip, attributes.workflows
        return self._workflows.start_workflows(
            branch, head, workflows, is_new=pushed is not None, may_lack_ci=may_lack_ci
        )

    def _set_attributes(self, number: int, attributes: RequestAttributes, head: str | None) -> tuple[str, ...]:
        """Set attributes; auto-merge comes last, since it may merge at once. `head` is the expected last commit."""
        if attributes.automerge is False:
            self._automerge.disable(number)
        notes = self._attributes.set_attributes(number, attributes)
        return (*notes, *self._automerge.enable(number, head)) if attributes.automerge else notes

    def _edit_request(self, number: int, title: str, body: str) -> str:
        """Update title and body of an open pull request, and return its URL.

        Raises ForgeError if it was merged or closed: its text is a record of what it was.
        """

        def edit(repository: Repository) -> str:
            pull = repository.get_pull(number)
            if pull.state != "open":
                raise build_request_ended_error(number, self._remote.name)
            pull.edit(title=title, body=body)
            return pull.html_url

        return self._remote.write(f"edit pull request #{number}", edit, PULLS_WRITE)
