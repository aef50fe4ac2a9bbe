"""Pushing commits to a server with git over HTTP.

git creates the commit in a temporary repository that contains only the folders of its parent. The push is a
compare-and-swap: the server moves a branch only if the branch still points to the expected commit. A single request
moves the branch. Therefore no temporary branch is needed, and an interrupted run leaves nothing behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.forges.git.command import GitIdentity, GitRunner
from bot.forges.git.commit import create_commit
from bot.forges.git.remote import GitOrigin
from bot.forges.hosted.branches import build_branch_moved_error, settle_branch
from bot.forges.hosted.heads import BranchTip
from bot.forges.hosted.refusal import FORBIDDEN, UNAUTHORIZED, RefusedError
from bot.model.errors import ForgeError, ProcessError
from bot.model.source import FileChange
from bot.net import PROXY_ADVICE

_STALE = re.compile(r"^!\t.*\[rejected\] \(stale info\)$", re.MULTILINE)
"""Matches git's message that the branch does not point to the expected commit."""
_STATUS = re.compile(
    r"The requested URL returned error: (?P<status>\d{3})|(?P<login>Authentication failed|could not read Username)"
)
"""Matches git's messages about the HTTP status of a response. If the server refuses the login, git asks for another
login, and the message states that this failed."""
_PUSH = ("push", "--porcelain", "--no-verify")
_HEADER = "Connection: close"
"""Without this header, curl reuses connections, and sends a request again if the server closes a reused connection
without a response."""
_REMOTE_LINE = re.compile(r"^remote: (?P<text>.*\w.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class GitPush:
    """Moves the branches of one repository on a server. Methods raise RefusedError if a push fails."""

    origin: GitOrigin
    repository: str
    """The name of the repository, for messages."""
    server: str
    """The name of the server, for messages."""
    permission: str
    """The permission that a push requires, for hints."""
    read_tip: Callable[[str], BranchTip | None]
    """Reads the commit that a branch points to. It is used after a failed push, to find out whether the branch was
    moved."""

    def push_commit(
        self,
        identity: GitIdentity,
        base: str,
        branch: str,
        changes: Sequence[FileChange],
        message: str,
        expected_head: str | None,
    ) -> str:
        """Create a commit with the parent `base`, and point a branch to it if the branch points to `expected_head`.

        Returns the id of the commit. The files keep their modes. If `expected_head` is None, the branch must not exist
        yet.

        Raises:
            RefusedError: If the commit cannot be created or pushed.
            ForgeError: If a path is not a regular file of `base`, if no file would change, or if the branch does not
                point to `expected_head`.
        """
        with self.origin.clone(base) as clone:
            git = replace(clone.local_git, identity=identity)
            try:
                commit = create_commit(git, base, changes, message, is_partial=True)
                # otherwise git would fetch the old contents of the files, to send only differences
                git.read_output("config", "--remove-section", "remote.origin")
            except ProcessError as error:
                raise self.origin.build_refusal(str(error)) from error
            self._push(clone.remote_git, branch, commit, expected_head)
            return commit

    def delete_branch(self, branch: str, expected_commit: str) -> None:
        """Delete a branch if it points to the expected commit; do nothing if it does not exist.

        Raises ForgeError if the branch points to another commit.
        """
        try:
            with self.origin.open_empty_repository(expected_commit) as remote_git:
                self._push(remote_git, branch, None, expected_commit)
        except ForgeError:
            if self.read_tip(branch) is not None:
                raise

    def _push(self, git: GitRunner, branch: str, commit: str | None, expected_head: str | None) -> None:
        """Move a branch, or delete it if `commit` is None.

        If the push fails, find out whether the branch was changed.
        """
        refusal = self._try_push(git, branch, commit or "", expected_head)
        if refusal is not None:

            def is_done(tip: BranchTip | None) -> bool:
                return (tip.commit if tip is not None else None) == commit

            settle_branch(branch, self.repository, expected_head, refusal, self.read_tip, is_done)

    def _try_push(self, git: GitRunner, branch: str, commit: str, expected_head: str | None) -> RefusedError | None:
        """Move a branch, or delete it if `commit` is empty. Return the error if the push failed."""
        ref = f"refs/heads/{branch}"
        lease = f"--force-with-lease={ref}:{expected_head or ''}"
        try:
            header = f"http.{self.origin.url}.extraHeader={_HEADER}"
            result = self.origin.contact(git, "-c", header, *_PUSH, lease, "origin", f"{commit}:{ref}")
        except ProcessError as error:
            return self._explain(branch, str(error))
        if not result.status:
            return None
        if _STALE.search(result.output.decode("utf-8", "replace")):
            raise build_branch_moved_error(branch, self.repository)
        return self._explain(branch, f"{result.error_text}\n{result.output.decode('utf-8', 'replace')}")

    def _explain(self, branch: str, reason: str) -> RefusedError:
        """Return the error for a push that failed, with the reason that git or the server wrote, and a hint."""
        found = _STATUS.search(reason)
        status = int(found["status"] or UNAUTHORIZED) if found else None
        remote_lines = " ".join(line["text"] for line in _REMOTE_LINE.finditer(reason))
        if status in (UNAUTHORIZED, FORBIDDEN) or (remote_lines and status is None):
            hint = f"give the token {self.permission}, and check that no rule protects the branch"
        elif status is not None:
            hint = "rerun basebump later"
        else:
            hint = f"check the network and the URL, and {PROXY_ADVICE}"
        text = self.origin.hide_login(remote_lines or reason)
        message = f"{self.server} refused to push to '{branch}' of {self.repository}: {text}; hint: {hint}"
        return RefusedError(message, status=status)
