"""Properties of the dashboard issue on every server: its label, line ends and number."""

from __future__ import annotations

from bot.model.dashboard import DashboardIssue
from bot.model.errors import ForgeError

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
