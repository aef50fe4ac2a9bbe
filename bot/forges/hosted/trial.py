"""Tries all writes of a run on one repository: a branch, a commit, a pull request, and their removal.

Some servers report a missing permission only when an API call needs it, and some of their behaviour is not documented.
The trial shows both. It changes one file on a separate branch. At the end, it removes everything that it created except
the closed pull request.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.core.proposal.marks import append_trailers, mark_withdrawn, render_mark
from bot.core.proposal.request_text import RequestText, split_text
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.forge import HostedForge
from bot.model.diagnosis import TRIAL_ACTION, Check, report_ok, report_problem
from bot.model.errors import BasebumpError, ForgeError, TreeError
from bot.model.forge import GitRepository
from bot.model.proposal import BodyMark, Proposal, RemoteRequest, RequestState
from bot.model.source import FileChange

MAX_FILE_BYTES = 64 * 1024
"""The largest file, in bytes, that is changed for the trial."""

_INTENTS = ("0" * 16, "1" * 16)
"""The intents of the first commit, and of the commit that replaces it."""
_REPORT = "0" * 16
_TARGET = "docker.io/library/basebump-trial:1@sha256:" + "0" * 64
"""A target that no proposal has, so that closing the pull request does not count as a user's decision."""
_TITLE = "basebump tries what it may write (ignore this)"
_WORDS = "`basebump doctor` opened this pull request to try its permissions, and closes it again."


def try_writes(
    open_forge: Callable[[], HostedForge], tree: ListedTree, repository: GitRepository, prefix: str
) -> Iterator[Check]:
    """Try all writes in a repository, and yield a result for each of them.

    After the first write that fails, only the removal is tried.

    Args:
        open_forge: Returns new operations on the repository, without cached data.
        tree: The files of the base branch.
        repository: The repository and its base branch.
        prefix: The prefix of basebump's branches.
    """
    trial = _Trial(open_forge, tree, repository, f"{prefix}trial-{secrets.token_hex(4)}")
    for action, step in trial.list_steps():
        try:
            result = step()
        except BasebumpError as error:
            yield report_problem(repository.name, action, str(error))
            break
        yield report_ok(repository.name, action, result)
    try:
        result = trial.remove()
    except BasebumpError as error:
        yield report_problem(repository.name, "remove the trial", f"branch '{trial.branch}': {error}")
    else:
        yield report_ok(repository.name, "remove the trial", result)


@dataclass(slots=True)
class _Trial:
    open_forge: Callable[[], HostedForge]
    tree: ListedTree
    repository: GitRepository
    branch: str
    head: str | None = None
    """The commit that the branch points to; None if the branch does not exist."""
    number: int | None = None

    def list_steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield TRIAL_ACTION, self._create_branch
        yield "recognise the commit", self._find_branch
        yield "open a pull request", self._open
        yield "read its text again", self._read_text
        yield "rebuild the branch", self._rebuild
        yield "edit the text", self._edit
        yield "close the pull request", self._close

    def remove(self) -> str:
        """Close the pull request if it is open, and delete the branch."""
        for each in self._list():
            if each.state is RequestState.OPEN and each.number is not None:
                self.open_forge().close(each)
            if each.head is not None:
                self.open_forge().delete_branch(each)
        if any(each.state in (RequestState.OPEN, RequestState.BRANCH) for each in self._list()):
            raise ForgeError("the trial's branch or pull request still exists; hint: delete the branch")
        return "only the closed pull request remains" if self.number is not None else "everything was removed"

    def _create_branch(self) -> str:
        self.head = self._push(_INTENTS[0], None)
        return f"branch '{self.branch}'"

    def _find_branch(self) -> str:
        (branch,) = self._require(RequestState.BRANCH)
        return self._check_head(branch, _INTENTS[0])

    def _open(self) -> str:
        opened = self.open_forge().open(self._build_proposal())
        self.number = opened.number
        return f"{opened.url}{''.join(f' ({note})' for note in opened.notes)}"

    def _read_text(self) -> str:
        (request,) = self._require(RequestState.OPEN)
        if (request.title, split_text(request.body).body) != (_TITLE, _WORDS):
            raise ForgeError("the server returns another text than the one that was written")
        if request.mark.targets != (_TARGET,):
            raise ForgeError("the server does not return the mark in the text")
        return "title, body and mark are as they were written"

    def _rebuild(self) -> str:
        self.head = self._push(_INTENTS[1], self.head)
        (request,) = self._require(RequestState.OPEN)
        if request.number != self.number:
            raise ForgeError("the pull request was replaced by another one")
        return self._check_head(request, _INTENTS[1])

    def _edit(self) -> str:
        (request,) = self._require(RequestState.OPEN)
        self.open_forge().update_request(request, _TITLE, mark_withdrawn(request.body))
        (edited,) = self._require(RequestState.OPEN)
        if not edited.mark.is_withdrawn:
            raise ForgeError("the server does not return the mark that was written")
        return "the new mark was stored"

    def _close(self) -> str:
        (request,) = self._require(RequestState.OPEN)
        self.open_forge().close(request)
        (closed,) = self._require(RequestState.CLOSED)
        if not closed.mark.is_withdrawn:
            raise ForgeError("the closed pull request no longer contains its mark")
        return f"pull request {closed.number} is closed, and marked as withdrawn by basebump"

    def _push(self, intent: str, expected_head: str | None) -> str:
        message = append_trailers(_TITLE, intent, (), self.repository.non_default_base)
        return self.open_forge().push(self.branch, [self._choose_change(intent)], message, expected_head)

    def _choose_change(self, intent: str) -> FileChange:
        """Return a change of the first small file of the base branch."""
        for entry in self.tree.list_entries():
            if entry.size is None or entry.size <= MAX_FILE_BYTES:
                (content,) = self.tree.read([entry])
                if isinstance(content, TreeError):
                    raise content
                return FileChange(entry.path, content + f"\n# {intent}\n".encode())
        raise ForgeError(f"{self.repository.name} has no small file to change; hint: choose another repository")

    def _build_proposal(self) -> Proposal:
        text = RequestText(_WORDS, "Evidence.", render_mark(BodyMark((_TARGET,), _REPORT)))
        body = (
            text.join() if self.open_forge().limits.appendix_characters else RequestText(_WORDS, "", text.mark).join()
        )
        return Proposal(self.branch, _TITLE, body, _TITLE, (), (), (_TARGET,), _INTENTS[0], _REPORT)

    def _list(self) -> list[RemoteRequest]:
        listed = self.open_forge().list_requests(self.branch, frozenset({self.branch}))
        return [each for each in listed if each.branch == self.branch]

    def _require(self, state: RequestState) -> list[RemoteRequest]:
        found = [each for each in self._list() if each.state is state]
        if len(found) != 1:
            raise ForgeError(f"the server returns {len(found)} entries with the state '{state}' instead of one")
        return found

    def _check_head(self, request: RemoteRequest, intent: str) -> str:
        if request.head != self.head:
            raise ForgeError("the branch points to another commit than the one that was pushed")
        if request.intent != intent:
            raise ForgeError("basebump does not recognise its own commit, and would leave the branch to users")
        return "basebump recognises its own commit"
