"""The forge operations for one project on GitLab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gitlab.v4.objects import Project

from bot.core.proposal.boxes import get_labels
from bot.core.proposal.mark import COMMENT_MARKER
from bot.forges._preconditions import base_branch, base_commit, refuse_too_long, request_ended, request_number
from bot.forges._refusal import CONFLICT, RefusedError, after
from bot.forges._status import Setting
from bot.forges.gitlab.automerge import Automerge
from bot.forges.gitlab.branches import Branches
from bot.forges.gitlab.commit import push_commit
from bot.forges.gitlab.connection import Remote
from bot.forges.gitlab.errors import understood
from bot.forges.gitlab.extras import ExtrasWriter, left_out
from bot.forges.gitlab.merge_requests import DRAFT, OPEN_STATES, Requests
from bot.forges.gitlab.shown import Shown, look_at
from bot.forges.gitlab.status import status_writer
from bot.model.extras import NO_ATTRIBUTES, RequestAttributes
from bot.model.forge import ForgeLimits, GitRepository, OpenedRequest
from bot.model.proposal import Proposal, RemoteRequest
from bot.model.source import FileChange

MAX_BODY = 262_144
"""Characters; GitLab allows a mebibyte, and some versions count bytes, of which a character has up to four."""
MAX_TITLE = 255 - len(DRAFT)
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

    def __init__(self, remote: Remote, repository: GitRepository) -> None:
        self._remote = remote
        self._repository = repository
        self._branches = Branches(remote)
        self._requests = Requests(remote)
        self._extras = ExtrasWriter(remote)
        self._automerge = Automerge(remote)
        self._statuses = status_writer(remote)
        self._found: dict[str, str] = {}
        """The commits that branches pointed to when they were listed."""
        self._pushed: dict[str, str] = {}
        """The commits that this run pushed, by branch."""

    def list_requests(self, prefix: str, wanted: frozenset[str]) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches and open requests, and the ended requests of the desired branches.

        Only branches that begin with `prefix` are returned. It takes one request for the branches with their commits,
        one for each page of open merge requests if there are branches, one for the approvals of each open one, and one
        for each desired branch without an open one. A merge request whose base has new commits takes one more to check
        for conflicts, and then one for the merge method of the project; one with commits of people another to find
        basebump's comment; a branch that ends in a merge takes three more.
        """
        with understood(self._remote.name):
            tips = self._branches.heads(prefix)
            self._found = {branch: tip.commit for branch, tip in tips.items()}
            return self._requests.seen(tips, wanted, self._repository)

    def push(self, branch: str, changes: Sequence[FileChange], message: str, over: str | None) -> str:
        """Make one commit on the base's commit, point `branch` to it, and return it.

        Raises ForgeError unless the branch points to the expected commit; None means that it must not exist. GitLab
        cannot compare and move in one request: if two runs push at the same moment, the last one wins.
        """
        with understood(self._remote.name):
            commit = push_commit(self._remote, base_commit(self._repository), branch, changes, message, over)
        self._pushed[branch] = commit
        return commit

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Create the merge request for a branch that exists; update the merge request if one is open.

        https://docs.gitlab.com/api/merge_requests/#create-mr: GitLab creates missing labels.
        """
        refuse_too_long(proposal.title, proposal.body, self.limits)
        title = DRAFT + proposal.title if proposal.is_draft else proposal.title
        with understood(self._remote.name):
            setting = self._set_status(proposal.branch, self._found.get(proposal.branch), proposal.attributes)
            text = setting.remembered_in(proposal.body)
            body = {
                "source_branch": proposal.branch,
                "target_branch": base_branch(self._repository),
                "title": title,
                "description": text,
            }
            prepared = self._extras.new(proposal.attributes)

            def create(project: Project) -> Shown:
                return dict(project.mergerequests.create({**body, **prepared.words}).attributes)

            try:
                made = self._remote.write(f"open a merge request for {proposal.branch}", create)
            except RefusedError as refusal:
                if refusal.status != CONFLICT and not refusal.may_have_worked:
                    raise
                number = self._open_after(proposal.branch, refusal)
                prepared = self._extras.more(number, proposal.attributes, look_at(self._remote, number))
                made = self._edit(number, {"title": title, "description": text, **prepared.words})
            number = int(made["iid"])
            notes = (*setting.notes, *prepared.notes, *left_out(prepared.sent, made))
            if proposal.attributes.automerge:
                notes = (*notes, *self._automerge.arm(number, self._pushed.get(proposal.branch)))
            return OpenedRequest(number, str(made["web_url"]), notes)

    def update_request(
        self, seen: RemoteRequest, title: str, body: str, extras: RequestAttributes = NO_ATTRIBUTES
    ) -> tuple[str, ...]:
        """Update title and body of an open merge request if they differ, and set attributes on it.

        The labels by which people asked for the update are removed. Attributes that people removed stay removed, and a
        draft stays a draft. Returns notes about attributes that were not set.
        """
        number = request_number(seen)
        refuse_too_long(title, body, self.limits)
        with understood(self._remote.name):
            if extras.automerge is False:
                self._automerge.disarm(number)
            setting = self._set_status(seen.branch, seen.head, extras)
            body, notes = setting.remembered_in(body), setting.notes
            is_reworded = (title, body) != (seen.title, seen.body)
            if is_reworded or seen.user_requests or replace(extras, automerge=None, status=None) != NO_ATTRIBUTES:
                shown = look_at(self._remote, number)
                if shown["state"] not in OPEN_STATES:  # the text of an ended request is a record of what it was
                    raise request_ended(number, self._remote.name)
                prepared = self._extras.more(number, extras, shown)
                prefix = DRAFT if shown["draft"] else ""
                words = {"title": prefix + title, "description": body} if is_reworded else {}
                words |= {"remove_labels": ",".join(get_labels(seen.user_requests))} if seen.user_requests else {}
                made = self._edit(number, {**words, **prepared.words}) if words or prepared.words else shown
                notes = (*notes, *prepared.notes, *left_out(prepared.sent, made))
            if extras.automerge:  # last, since GitLab may merge at once
                notes = (*notes, *self._automerge.arm(number, self._pushed.get(seen.branch, seen.head)))
        return notes

    def close(self, seen: RemoteRequest) -> None:
        """Close an open merge request without merging it; its branch stays."""
        number = request_number(seen)
        self._remote.write(
            f"close merge request !{number}",
            lambda project: project.mergerequests.update(number, {"state_event": "close"}),
        )

    def add_comment(self, seen: RemoteRequest, text: str) -> None:
        """Comment on an open merge request, with a hidden marker by which `list_requests` finds the comment."""
        number = request_number(seen)
        self._remote.write(
            f"comment on merge request !{number}",
            lambda project: project.mergerequests.get(number, lazy=True).notes.create({"body": f"{text}\n\n{COMMENT_MARKER}"}),
        )

    def delete_branch(self, seen: RemoteRequest) -> None:
        """Delete the branch if it still points to the head of the request; nothing happens if it does not exist.

        The branch is read, then deleted: a commit that is pushed in between is lost.
        """
        if seen.head is not None:
            with understood(self._remote.name):
                self._branches.delete(seen.branch, seen.head)

    def _open_after(self, branch: str, refusal: RefusedError) -> int:
        """Return the open request after creating one was refused; raise the refusal if there is none."""
        number = after(refusal, lambda: self._requests.open_number(branch, base_branch(self._repository)))
        if number is None:
            raise refusal
        return number

    def _set_status(self, branch: str, found: str | None, extras: RequestAttributes) -> Setting:
        """Set the status of the commit that this run pushed to a branch, or else of the commit that was listed."""
        pushed = self._pushed.get(branch)
        return self._statuses.set(branch, pushed or found, extras.status, is_new=pushed is not None)

    def _edit(self, number: int, words: Mapping[str, object]) -> Shown:
        """Update a merge request, and return it as GitLab then has it."""
        return self._remote.write(
            f"edit merge request !{number}", lambda project: dict(project.mergerequests.update(number, dict(words)))
        )
