"""The status of a commit, on any forge: read before it is written, and not asked for again where it was refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.proposal.mark import with_status
from bot.forges._refusal import RefusedError, is_final
from bot.model.extras import CommitStatus


@dataclass(frozen=True, slots=True)
class Setting:
    """What came of setting a status."""

    done: tuple[str, CommitStatus] | None = None
    """The commit that has it now, or may not have it, and what; None where another run is to try again."""
    notes: tuple[str, ...] = ()

    def remembered_in(self, body: str) -> str:
        """Return the text of a request with both in its mark."""
        return body if self.done is None else with_status(body, *self.done)


NOTHING_SET = Setting()


class StatusWriter:
    """Sets statuses in one repository, in one run. What cannot be set is said in sentences; no method raises."""

    def __init__(
        self, look: Callable[[str], CommitStatus | None], post: Callable[[str, str, CommitStatus], None]
    ) -> None:
        """Take what reads the last status of ours on a commit, and what sets one on the commit of a branch.

        Both raise RefusedError. What is there and is none of ours may be read as None.
        """
        self._look, self._post = look, post
        self._refused = ""
        """Why this token may not do it, once that turned out."""

    def set(self, branch: str, commit: str | None, status: CommitStatus | None, *, is_new: bool) -> Setting:
        """Set a status unless it is there; a commit that this run made has none, which needs no look."""
        if status is None or commit is None:
            return NOTHING_SET
        if self._refused:
            return Setting((commit, status), (self._refused,))
        try:
            if is_new or self._look(commit) != status:
                self._post(branch, commit, status)
        except RefusedError as refusal:
            note = f"Its status could not be set: {refusal}."
            if not is_final(refusal):
                return Setting(notes=(note,))
            self._refused = note
            return Setting((commit, status), (note,))
        return Setting((commit, status))
