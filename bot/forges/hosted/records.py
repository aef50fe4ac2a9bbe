"""The rules for setting commit statuses and for maintaining the dashboard issue, which are the same on all servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from bot.core.proposal.dashboard import is_dashboard_body
from bot.core.proposal.marks import record_status
from bot.forges.hosted.refusal import RefusedError, ServerErrors, is_permanent_refusal
from bot.model.dashboard import DASHBOARD_LABEL, DashboardIssue
from bot.model.errors import ForgeError
from bot.model.request_attributes import CommitStatus, StatusState


@dataclass(frozen=True, slots=True)
class StatusOutcome:
    """The outcome of setting a commit status."""

    recorded_status: tuple[str, CommitStatus] | None = None
    """The commit and its status, for the mark in the body of the pull request. They are also recorded if the server
    refused the status permanently, so that later runs do not try again. None if there is no status, or if a later run
    must try again."""
    notes: tuple[str, ...] = ()

    def add_to_body(self, body: str) -> str:
        """Return the body of a pull request with the commit and its status added to the mark, a hidden comment."""
        return body if self.recorded_status is None else record_status(body, *self.recorded_status)


NO_BODY_ADDITION = StatusOutcome()
"""The outcome of an action that was not needed. It adds nothing to the body of a pull request, and has no notes."""


@dataclass(frozen=True, slots=True)
class ListedStatus:
    """A commit status in a response of the server."""

    id: int
    state: str
    """The state in the server's own wording."""
    description: str


class StatusApi(Protocol):
    """The commit statuses of one repository on a server. Methods raise RefusedError if an API call fails."""

    @property
    def state_words(self) -> Mapping[StatusState, str]:
        """The server's words for the states of a commit status that basebump sets."""
        ...

    def list_own_statuses(self, commit: str) -> Iterable[ListedStatus]:
        """Return basebump's statuses of a commit that the token's account set.

        Everyone who can push can set a status with any name, so statuses of other accounts are left out.
        """
        ...

    def post_status(self, branch: str, commit: str, status: CommitStatus) -> None:
        """Set basebump's status of a commit. `branch` is the branch that points to the commit."""
        ...


class StatusWriter:
    """Sets commit statuses in one repository during one run.

    If a status cannot be set, no error is raised. The outcome then contains a note with the reason.
    """

    def __init__(self, statuses: StatusApi) -> None:
        self._statuses = statuses
        self._refusal_note = ""
        """The note that explains why this token cannot set statuses; empty until the server permanently refused a
        status."""

    def set_status(
        self, branch: str, commit: str | None, status: CommitStatus | None, *, is_new: bool
    ) -> StatusOutcome:
        """Set the status of a commit. If the commit has this status already, do nothing.

        Args:
            branch: The branch that points to the commit.
            commit: The commit; if it is None, nothing is done.
            status: The status to set; if it is None, nothing is done.
            is_new: True if this run created the commit, so that the commit cannot have a status yet.
        """
        if status is None or commit is None:
            return NO_BODY_ADDITION
        if self._refusal_note:
            return StatusOutcome((commit, status), (self._refusal_note,))
        try:
            if is_new or self._read_status(commit) != status:
                self._statuses.post_status(branch, commit, status)
        except RefusedError as refusal:
            note = f"The status could not be set: {refusal}."
            if not is_permanent_refusal(refusal):
                return StatusOutcome(notes=(note,))
            self._refusal_note = note
            return StatusOutcome((commit, status), (note,))
        return StatusOutcome((commit, status))

    def copy_status(self, branch: str, commit: str | None, source: str) -> StatusOutcome:
        """Set the status that basebump set on the commit `source` on another commit, too.

        If basebump set no status on `source`, do nothing. `branch` is the branch that points to `commit`.
        """
        if self._refusal_note:
            return StatusOutcome(notes=(self._refusal_note,))
        try:
            status = self._read_status(source)
        except RefusedError as refusal:
            return StatusOutcome(notes=(f"The status of an earlier commit could not be read: {refusal}.",))
        return self.set_status(branch, commit, status, is_new=False)

    def _read_status(self, commit: str) -> CommitStatus | None:
        """Return the last status that basebump set on a commit. Raises RefusedError if an API call fails.

        Returns None if there is no such status, or if basebump never sets the state of the status.
        """
        newest = max(self._statuses.list_own_statuses(commit), key=lambda each: each.id, default=None)
        words = self._statuses.state_words.items()
        state = next((each for each, word in words if newest is not None and word == newest.state), None)
        return CommitStatus(state, newest.description) if newest is not None and state is not None else None


MAX_ISSUES = 100
"""The largest number of issues with the label that are inspected. Usually only the dashboard has the label."""


@dataclass(frozen=True, slots=True)
class ListedIssue:
    """An issue in a list that the server returned."""

    number: int
    title: str
    body: str | None
    is_open: bool


class IssueApi(Protocol):
    """The issues of one repository on a server. Methods raise RefusedError if an API call fails."""

    def list_own_issues(self, label: str) -> Sequence[ListedIssue]:
        """Return the open and closed issues that have a label and were created by the token's account, newest first.

        If the account is not known, the issues of all authors are returned. The result has at most `MAX_ISSUES` issues.
        """
        ...

    def create_issue(self, title: str, body: str, label: str) -> None:
        """Create an issue with a label."""
        ...

    def update_issue(self, number: int, title: str, body: str, *, is_open: bool) -> None:
        """Replace title and body of an issue, and reopen the issue if it is closed.

        `is_open` is True if the issue is currently open.
        """
        ...

    def close_issue(self, number: int, body: str) -> None:
        """Replace the body of an issue, and close the issue."""
        ...


@dataclass(frozen=True, slots=True)
class HostedDashboard:
    """The dashboard issue of one repository on a server; implements `bot.ports.Dashboard`."""

    repository: str
    errors: ServerErrors
    issues: IssueApi

    def read(self) -> DashboardIssue | None:
        """Return the open or closed dashboard issue; None if it was never created."""
        with self._translate_errors():
            for issue in self.issues.list_own_issues(DASHBOARD_LABEL):
                body = _normalise_line_ends(issue.body)
                if is_dashboard_body(body):
                    return DashboardIssue(issue.title, body, issue.is_open, issue.number)
            return None

    def write(self, issue: DashboardIssue | None, title: str, body: str) -> None:
        """Create the dashboard issue, or update and reopen the existing one."""
        with self._translate_errors():
            if issue is None or issue.number is None:
                self.issues.create_issue(title, body, DASHBOARD_LABEL)
            else:
                self.issues.update_issue(issue.number, title, body, is_open=issue.is_open)

    def close(self, issue: DashboardIssue, body: str) -> None:
        """Replace the body of the dashboard issue, and close the issue.

        Raises ForgeError if `issue` has no number.
        """
        if issue.number is None:
            raise ForgeError(f"{self.repository}: the dashboard issue has no number yet; hint: rerun basebump")
        with self._translate_errors():
            self.issues.close_issue(issue.number, body)

    def _translate_errors(self) -> AbstractContextManager[None]:
        return self.errors.translate(self.repository)


def _normalise_line_ends(body: str | None) -> str:
    """Return the body with LF line ends; an empty text if `body` is None.

    Servers return CR LF if a user edited the text in a browser.
    """
    return (body or "").replace("\r\n", "\n")
