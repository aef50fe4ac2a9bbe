"""Commit statuses and the dashboard issue of a server.

A status is read before it is written, and not tried again once it is refused for good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.proposal.markers import record_status
from bot.forges.hosted.refusal import RefusedError, is_permanent_refusal
from bot.model.dashboard import DashboardIssue
from bot.model.errors import ForgeError
from bot.model.request_attributes import CommitStatus


@dataclass(frozen=True, slots=True)
class StatusOutcome:
    """The outcome of setting a status."""

    recorded_status: tuple[str, CommitStatus] | None = None
    """The commit and its status, if it was set or refused for good; None if another run is to try again."""
    notes: tuple[str, ...] = ()

    def add_to_body(self, body: str) -> str:
        """Return the text of a request with the commit and the status in its marker."""
        return body if self.recorded_status is None else record_status(body, *self.recorded_status)


NO_STATUS_OUTCOME = StatusOutcome()


class StatusWriter:
    """Sets commit statuses in one repository, in one run. Failures are returned as notes; no method raises."""

    def __init__(
        self, read_status: Callable[[str], CommitStatus | None], post_status: Callable[[str, str, CommitStatus], None]
    ) -> None:
        """Wrap the functions that read and set a status. Both raise RefusedError.

        `read_status` returns basebump's last status of a commit. It may return None for a status that basebump would
        not write. `post_status` sets the status of the commit that a branch points to.
        """
        self._look, self._post = read_status, post_status
        self._refusal_note = ""
        """The note that says why this token cannot set statuses, once a request showed that."""

    def set_status(
        self, branch: str, commit: str | None, status: CommitStatus | None, *, is_new: bool
    ) -> StatusOutcome:
        """Set the status of a commit unless it is set already.

        Args:
            branch: The branch that points to the commit.
            commit: The commit; None if there is none.
            status: The status to set; None if there is none.
            is_new: True if this run made the commit, which then has no status that has to be read.
        """
        if status is None or commit is None:
            return NO_STATUS_OUTCOME
        if self._refusal_note:
            return StatusOutcome((commit, status), (self._refusal_note,))
        try:
            if is_new or self._look(commit) != status:
                self._post(branch, commit, status)
        except RefusedError as refusal:
            note = f"The status could not be set: {refusal}."
            if not is_permanent_refusal(refusal):
                return StatusOutcome(notes=(note,))
            self._refusal_note = note
            return StatusOutcome((commit, status), (note,))
        return StatusOutcome((commit, status))


DASHBOARD_LABEL = "basebump-dashboard"
"""Only people with rights on the repository can set it, so a stranger's issue is never taken for the dashboard."""
MAX_ISSUES = 100
"""Issues with the label that are inspected; there is one, unless people give the label to other issues."""


def normalise_line_ends(body: str | None) -> str:
    """Normalise line ends to LF: servers return text that people edited in a browser with CR LF."""
    return (body or "").replace("\r\n", "\n")


def require_issue_number(issue: DashboardIssue, repository: str) -> int:
    """Return the number of the dashboard issue. Raises ForgeError if the issue has no number."""
    if issue.number is None:
        raise ForgeError(f"{repository}: dashboard issue has no number yet; hint: rerun basebump")
    return issue.number
