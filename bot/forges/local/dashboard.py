"""The dashboard of a local repository. Like a proposal, it is stored as a blob with JSON `{title, body, state}`."""

from __future__ import annotations

from dataclasses import dataclass

from bot.forges.git.command import GitRunner, RefUpdate
from bot.forges.local.refs import DASHBOARD_REF, ProposalRefs, StoredProposal, StoredState, translate_git_errors
from bot.model.dashboard import DashboardIssue


@dataclass(frozen=True, slots=True)
class LocalDashboard:
    """The dashboard of one local repository; implements `bot.ports.Dashboard`. Methods raise ForgeError."""

    git: GitRunner

    def read(self) -> DashboardIssue | None:
        """Return the dashboard, whether it is open or closed; None if it was never created."""
        request = self._load_issue()
        return (
            None if request is None else DashboardIssue(request.title, request.body, request.state is StoredState.OPEN)
        )

    def write(self, issue: DashboardIssue | None, title: str, body: str) -> None:  # noqa: ARG002 - there is one ref for it
        """Create the dashboard, or update and reopen the existing one."""
        self._save_issue(title, body, StoredState.OPEN)

    def close(self, issue: DashboardIssue, body: str) -> None:
        """Replace the body of the dashboard, and close the dashboard."""
        self._save_issue(issue.title, body, StoredState.CLOSED)

    def _save_issue(self, title: str, body: str, state: StoredState) -> None:
        current = self._load_issue()
        with translate_git_errors():
            stored = ProposalRefs(self.git).save_proposal(StoredProposal("", title, body, state))
            self.git.update_refs(
                [RefUpdate(DASHBOARD_REF, current.blob_name if current else None, stored.blob_name)],
                "basebump: dashboard",
            )

    def _load_issue(self) -> StoredProposal | None:
        with translate_git_errors():
            return ProposalRefs(self.git).read_dashboard()
