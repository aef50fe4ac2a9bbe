"""The forge operations for one project on GitLab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gitlab.v4.objects import Project

from bot.core.proposal.markers import COMMENT_MARKER
from bot.core.proposal.user_requests import get_labels
from bot.forges.gitlab.attributes import GitLabAttributesWriter, describe_left_out
from bot.forges.gitlab.automerge import GitLabAutomerge
from bot.forges.gitlab.branches import GitLabBranches, push_commit
from bot.forges.gitlab.connection import GitLabRemote
from bot.forges.gitlab.errors import translate_errors
from bot.forges.gitlab.merge_requests import DRAFT_PREFIX, OPEN_STATES, GitLabRequests
from bot.forges.gitlab.records import build_status_writer
from bot.forges.gitlab.request_state import MergeRequestData, read_merge_request
from bot.forges.hosted.preconditions import (
    build_request_ended_error,
    require_base_branch,
    require_base_commit,
    require_request_number,
)
from bot.forges.hosted.records import StatusOutcome
from bot.forges.hosted.refusal import CONFLICT, RefusedError, read_after_refusal
from bot.model.forge import ForgeLimits, GitRepository, OpenedRequest
from bot.model.proposal import Proposal, RemoteRequest
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes
from bot.model.source import FileChange

MAX_BODY = 262_144
"""Characters; GitLab allows a mebibyte, and some versions count bytes, of which a character has up to four."""
MAX_TITLE = 255 - len(DRAFT_PREFIX)
"""Characters, without those that mark a draft."""


class GitLabForge:
    """The forge operations for one project on GitLab. Every method raises ForgeError."""

    limits = ForgeLimits(
        body_characters=MAX_BODY,
        title_characters=MAX_TITLE,
        number_prefix="!",
        is_automerge_cancelled_by_push=True,
        has_statuses=True,
    )

    def __init__(self, remote: GitLabRemote, repository: GitRepository) -> None:
        self._remote = remote
        self._repository = repository
        self._branches = GitLabBranches(remote)
        self._merge_requests = GitLabRequests(remote)
        self._attributes = GitLabAttributesWriter(remote)
        self._automerge = GitLabAutomerge(remote)
        self._statuses = build_status_writer(remote)
        self._tips: dict[str, str] = {}
        """The commits that branches pointed to when they were listed."""
        self._pushed_commits: dict[str, str] = {}
        """The commits that this run pushed, by branch."""

    def list_requests(self, prefix: str, desired_branches: frozenset[str]) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches and open requests, and the ended requests of the desired branches.

        Only branches that begin with `prefix` are returned. It takes one request for the branches with their commits,
        one for each page of open merge requests if there are branches, one for the approvals of each open one, and one
        for each desired branch without an open one. A merge request whose base has new commits takes one more to check
        for conflicts, and then one for the merge method of the project; one with commits of people another to find
        basebump's comment; a branch that ends in a merge takes three more.
        """
        with translate_errors(self._remote.name):
            tips = self._branches.list_tips(prefix)
            self._tips = {branch: tip.commit for branch, tip in tips.items()}
            return self._merge_requests.list_requests(tips, desired_branches, self._repository)

    def push(self, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None) -> str:
        """Make one commit on the base's commit, point `branch` to it, and return it.

        Raises ForgeError unless the branch points to the expected commit; None means that it must not exist. GitLab
        cannot compare and move in one request: if two runs push at the same moment, the last one wins.
        """
        with translate_errors(self._remote.name):
            commit = push_commit(
                self._remote, require_base_commit(self._repository), branch, changes, message, expected_head
            )
        self._pushed_commits[branch] = commit
        return commit

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Create the merge request for a branch that exists; update the merge request if one is open.

        https://docs.gitlab.com/api/merge_requests/#create-mr: GitLab creates missing labels.
        """
        self.limits.check_text_length(proposal.title, proposal.body)
        title = DRAFT_PREFIX + proposal.title if proposal.is_draft else proposal.title
        with translate_errors(self._remote.name):
            status_outcome = self._set_status(proposal.branch, self._tips.get(proposal.branch), proposal.attributes)
            description = status_outcome.add_to_body(proposal.body)
            body = {
                "source_branch": proposal.branch,
                "target_branch": require_base_branch(self._repository),
                "title": title,
                "description": description,
            }
            prepared = self._attributes.prepare_new(proposal.attributes)

            def create(project: Project) -> MergeRequestData:
                return dict(project.mergerequests.create({**body, **prepared.parameters}).attributes)

            try:
                data = self._remote.write(f"open a merge request for {proposal.branch}", create)
            except RefusedError as refusal:
                if refusal.status != CONFLICT and not refusal.may_have_worked:
                    raise
                number = self._find_open_after_refusal(proposal.branch, refusal)
                prepared = self._attributes.prepare_additions(
                    number, proposal.attributes, read_merge_request(self._remote, number)
                )
                data = self._edit_request(number, {"title": title, "description": description, **prepared.parameters})
            number = int(data["iid"])
            notes = (*status_outcome.notes, *prepared.notes, *describe_left_out(prepared.requested, data))
            if proposal.attributes.automerge:
                notes = (*notes, *self._automerge.enable(number, self._pushed_commits.get(proposal.branch)))
            return OpenedRequest(number, str(data["web_url"]), notes)

    def update_request(
        self, request: RemoteRequest, title: str, body: str, attributes: RequestAttributes = NO_ATTRIBUTES
    ) -> tuple[str, ...]:
        """Update title and body of an open merge request if they differ, and set attributes on it.

        The labels by which people asked for the update are removed. Attributes that people removed stay removed, and a
        draft stays a draft. Returns notes about attributes that were not set.
        """
        number = require_request_number(request)
        self.limits.check_text_length(title, body)
        with translate_errors(self._remote.name):
            if attributes.automerge is False:
                self._automerge.disable(number)
            status_outcome = self._set_status(request.branch, request.head, attributes)
            body, notes = status_outcome.add_to_body(body), status_outcome.notes
            is_reworded = (title, body) != (request.title, request.body)
            if (
                is_reworded
                or request.user_requests
                or replace(attributes, automerge=None, status=None) != NO_ATTRIBUTES
            ):
                current_data = read_merge_request(self._remote, number)
                if current_data["state"] not in OPEN_STATES:  # the text of an ended request is a record of what it was
                    raise build_request_ended_error(number, self._remote.name)
                prepared = self._attributes.prepare_additions(number, attributes, current_data)
                prefix = DRAFT_PREFIX if current_data["draft"] else ""
                parameters = {"title": prefix + title, "description": body} if is_reworded else {}
                parameters |= (
                    {"remove_labels": ",".join(get_labels(request.user_requests))} if request.user_requests else {}
                )
                new_data = (
                    self._edit_request(number, {**parameters, **prepared.parameters})
                    if parameters or prepared.parameters
                    else current_data
                )
                notes = (*notes, *prepared.notes, *describe_left_out(prepared.requested, new_data))
            if attributes.automerge:  # last, since GitLab may merge at once
                notes = (
                    *notes,
                    *self._automerge.enable(number, self._pushed_commits.get(request.branch, request.head)),
                )
        return notes

    def close(self, request: RemoteRequest) -> None:
        """Close an open merge request without merging it; its branch stays."""
        number = require_request_number(request)
        self._remote.write(
            f"close merge request !{number}",
            lambda project: project.mergerequests.update(number, {"state_event": "close"}),
        )

    def add_comment(self, request: RemoteRequest, text: str) -> None:
        """Comment on an open merge request, with a hidden marker by which `list_requests` finds the comment."""
        number = require_request_number(request)
        self._remote.write(
            f"comment on merge request !{number}",
            lambda project: project.mergerequests.get(number, lazy=True).notes.create(
                {"body": f"{text}\n\n{COMMENT_MARKER}"}
            ),
        )

    def delete_branch(self, request: RemoteRequest) -> None:
        """Delete the branch if it still points to the head of the request; nothing happens if it does not exist.

        The branch is read, then deleted: a commit that is pushed in between is lost.
        """
        if request.head is not None:
            with translate_errors(self._remote.name):
                self._branches.delete_branch(request.branch, request.head)

    def _find_open_after_refusal(self, branch: str, refusal: RefusedError) -> int:
        """Return the open request after creating one was refused; raise the refusal if there is none."""
        number = read_after_refusal(
            refusal, lambda: self._merge_requests.find_open_number(branch, require_base_branch(self._repository))
        )
        if number is None:
            raise refusal
        return number

    def _set_status(self, branch: str, tip: str | None, attributes: RequestAttributes) -> StatusOutcome:
        """Set the status of the commit that this run pushed to a branch, or else of the commit that was listed."""
        pushed = self._pushed_commits.get(branch)
        return self._statuses.set_status(branch, pushed or tip, attributes.status, is_new=pushed is not None)

    def _edit_request(self, number: int, parameters: Mapping[str, object]) -> MergeRequestData:
        """Update a merge request, and return it as GitLab then has it."""
        return self._remote.write(
            f"edit merge request !{number}",
            lambda project: dict(project.mergerequests.update(number, dict(parameters))),
        )
