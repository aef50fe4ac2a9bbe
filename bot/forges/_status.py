"""Commit statuses on any forge: read before they are written, and not tried again once they are refused for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.proposal.mark import record_status
from bot.forges._refusal import RefusedError, is_final
from bot.model.extras import CommitStatus


@dataclass(frozen=True, slots=True)
class Setting:
    """The outcome of setting a status."""

    done: tuple[str, CommitStatus] | None = None
    """The commit and its status, if it was set or refused for good; None if another run is to try again."""
    notes: tuple[str, ...] = ()

    def remembered_in(self, body: str) -> str:
        """Return the text of a request with the commit and the status in its marker."""
        return body if self.done is None else record_status(body, *self.done)


NOTHING_SET = Setting()


class StatusWriter:
    """Sets commit statuses in one repository, in one run. Failures are returned as notes; no method raises."""

    def __init__(
        self, look: Callable[[str], CommitStatus | None], post: Callable[[str, str, CommitStatus], None]
    ) -> None:
        """Wrap the functions that read and set a status. Both raise RefusedError.

        `read_status` returns basebump's last status of a commit. It may return None for a status that basebump would
        not write. `post_status` sets the status of the commit that a branch points to.
        """
        self._look, self._post = look, post
        self._refused = ""
        """The note that says why this token cannot set statuses, once a request showed that."""

    def set(self, branch: str, commit: str | None, status: CommitStatus | None, *, is_new: bool) -> Setting:
        """Set the status of a commit unless it is set already.

        Args:
            branch: The branch that points to the commit.
            commit: The commit; None if there is none.
            status: The status to set; None if there is none.
            is_new: True if this run made the commit, which then has no status that has to be read.
        """
        if status is None or commit is None:
            return NOTHING_SET
        if self._refused:
            return Setting((commit, status), (self._refused,))
        try:
            if is_new or self._look(commit) != status:
                self._post(branch, commit, status)
        except RefusedError as refusal:
            note = f"The status could not be set: {refusal}."
            if not is_final(refusal):
                return Setting(notes=(note,))
            self._refused = note
            return Setting((commit, status), (note,))
        return Setting((commit, status))
