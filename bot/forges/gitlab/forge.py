"""The verbs for one project on GitLab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gitlab.v4.objects import Project

from bot.core.proposal.boxes import labels_of
from bot.core.proposal.mark import TOLD
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
from bot.model.extras import NO_EXTRAS, Extras
from bot.model.forge import ForgeLimits, GitRepository, Opened
from bot.model.proposal import Proposal, Seen
from bot.model.source import Change

MAX_BODY = 262_144
"""Characters; GitLab takes a mebibyte, and some releases count bytes, of which a character has up to four."""
MAX_TITLE = 255 - len(DRAFT)
"""Characters, with room for what makes it a draft."""


class GitLabForge:
    """Verbs for one project; every verb raises ForgeError."""

    limits = ForgeLimits(
        body_characters=MAX_BODY, title_characters=MAX_TITLE, sigil="!", disarms_by_push=True, has_statuses=True
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
        """What branches pointed to when they were looked at."""
        self._pushed: dict[str, str] = {}
        """What branches were pointed to in this run."""

    def seen(self, prefix: str, wanted: frozenset[str]) -> tuple[Seen, ...]:
        """Return our branches and open requests under `prefix`, and the ended requests of the `wanted` branches.

        Requests: one for the branches with their commits, one for each page of open merge requests if there are
        branches, one for the approvals of each open one, and one for each wanted branch without an open one. A merge
        request whose base moved on is asked whether it conflicts, and the project then how it merges; one that somebody
        committed to whether we told them; a branch that ends in a merge takes three more.
        """
        with understood(self._remote.name):
            tips = self._branches.heads(prefix)
            self._found = {branch: tip.commit for branch, tip in tips.items()}
            return self._requests.seen(tips, wanted, self._repository)

    def push(self, branch: str, changes: Sequence[Change], message: str, over: str | None) -> str:
        """Make one commit on the base's commit and point `branch` to it; return the commit.

        `over` is the commit that the branch must point to, None where it must not exist: otherwise ForgeError. GitLab
        cannot compare and swap: of two that push in the same moment the last one wins.
        """
        with understood(self._remote.name):
            commit = push_commit(self._remote, base_commit(self._repository), branch, changes, message, over)
        self._pushed[branch] = commit
        return commit

    def open(self, proposal: Proposal) -> Opened:
        """Make the merge request for a branch that exists; one that is already open is amended instead.

        https://docs.gitlab.com/api/merge_requests/#create-mr: GitLab makes labels that it does not have.
        """
        refuse_too_long(proposal.title, proposal.body, self.limits)
        title = DRAFT + proposal.title if proposal.is_draft else proposal.title
        with understood(self._remote.name):
            setting = self._set_status(proposal.branch, self._found.get(proposal.branch), proposal.extras)
            text = setting.remembered_in(proposal.body)
            body = {
                "source_branch": proposal.branch,
                "target_branch": base_branch(self._repository),
                "title": title,
                "description": text,
            }
            prepared = self._extras.new(proposal.extras)

            def create(project: Project) -> Shown:
                return dict(project.mergerequests.create({**body, **prepared.words}).attributes)

            try:
                made = self._remote.write(f"open a merge request for {proposal.branch}", create)
            except RefusedError as refusal:
                if refusal.status != CONFLICT and not refusal.may_have_worked:
                    raise
                number = self._open_after(proposal.branch, refusal)
                prepared = self._extras.more(number, proposal.extras, look_at(self._remote, number))
                made = self._edit(number, {"title": title, "description": text, **prepared.words})
            number = int(made["iid"])
            notes = (*setting.notes, *prepared.notes, *left_out(prepared.sent, made))
            if proposal.extras.automerge:
                notes = (*notes, *self._automerge.arm(number, self._pushed.get(proposal.branch)))
            return Opened(number, str(made["web_url"]), notes)

    def amend(self, seen: Seen, title: str, body: str, extras: Extras = NO_EXTRAS) -> tuple[str, ...]:
        """Change title and body of an open merge request where they are others, and set `extras` on it.

        The labels by which people asked for that come off. Whether it is a draft stays as it is, and what people took
        off stays off. What could not be set is returned in sentences.
        """
        number = request_number(seen)
        refuse_too_long(title, body, self.limits)
        with understood(self._remote.name):
            if extras.automerge is False:
                self._automerge.disarm(number)
            setting = self._set_status(seen.branch, seen.head, extras)
            body, notes = setting.remembered_in(body), setting.notes
            is_reworded = (title, body) != (seen.title, seen.body)
            if is_reworded or seen.asks or replace(extras, automerge=None, status=None) != NO_EXTRAS:
                shown = look_at(self._remote, number)
                if shown["state"] not in OPEN_STATES:  # its words are a record of what it was
                    raise request_ended(number, self._remote.name)
                prepared = self._extras.more(number, extras, shown)
                prefix = DRAFT if shown["draft"] else ""
                words = {"title": prefix + title, "description": body} if is_reworded else {}
                words |= {"remove_labels": ",".join(labels_of(seen.asks))} if seen.asks else {}
                made = self._edit(number, {**words, **prepared.words}) if words or prepared.words else shown
                notes = (*notes, *prepared.notes, *left_out(prepared.sent, made))
            if extras.automerge:  # last, since it may then be gone
                notes = (*notes, *self._automerge.arm(number, self._pushed.get(seen.branch, seen.head)))
        return notes

    def close(self, seen: Seen) -> None:
        """Close an open merge request, unmerged; its branch stays."""
        number = request_number(seen)
        self._remote.write(
            f"close merge request !{number}",
            lambda project: project.mergerequests.update(number, {"state_event": "close"}),
        )

    def tell(self, seen: Seen, text: str) -> None:
        """Comment on an open merge request, with a hidden mark by which `seen` knows it."""
        number = request_number(seen)
        self._remote.write(
            f"comment on merge request !{number}",
            lambda project: project.mergerequests.get(number, lazy=True).notes.create({"body": f"{text}\n\n{TOLD}"}),
        )

    def drop(self, seen: Seen) -> None:
        """Delete the branch if it still points to `seen.head`; one that is gone is done.

        It is read, then deleted: a commit that comes in between is lost.
        """
        if seen.head is not None:
            with understood(self._remote.name):
                self._branches.delete(seen.branch, seen.head)

    def _open_after(self, branch: str, refusal: RefusedError) -> int:
        """Return the request that is open after making one was refused; the refusal stands where there is none."""
        number = after(refusal, lambda: self._requests.open_number(branch, base_branch(self._repository)))
        if number is None:
            raise refusal
        return number

    def _set_status(self, branch: str, found: str | None, extras: Extras) -> Setting:
        """Set the status of what a branch was pointed to in this run, else of what was found there."""
        pushed = self._pushed.get(branch)
        return self._statuses.set(branch, pushed or found, extras.status, is_new=pushed is not None)

    def _edit(self, number: int, words: Mapping[str, object]) -> Shown:
        """Change a merge request; return it as it then is."""
        return self._remote.write(
            f"edit merge request !{number}", lambda project: dict(project.mergerequests.update(number, dict(words)))
        )
