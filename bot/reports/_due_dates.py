"""Words for the due dates of proposals in text output."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.due_date import DueDate, DueUntil
from bot.model.report import ProposalReport, RunReport


def is_overdue(proposal: ProposalReport) -> bool:
    """Return True if the due date of a proposal has passed."""
    return proposal.due is not None and proposal.due.is_overdue


def describe_due_date(due: DueDate) -> str:
    """Return a due date as words, such as `Merge by 2027-01-31 08:30 UTC (critical).`."""
    lead = "Overdue since" if due.is_overdue else "Running by" if due.until is DueUntil.RUNNING else "Merge by"
    return f"{lead} {due.at:%Y-%m-%d %H:%M} UTC ({due.fixes})."


def summarise_due_dates(report: RunReport) -> Iterator[str]:
    """Yield a line with the numbers of overdue proposals and of accepted risks; nothing if there are no due dates."""
    proposals = [proposal for repository in report.repositories for proposal in repository.proposals]
    due = sum(each.due is not None for each in proposals)
    accepted = sum(each.accepted_risk is not None for each in proposals)
    overdue = sum(map(is_overdue, proposals))
    unknown = sum(each.is_due_unknown for each in proposals)
    parts = [f"Overdue: {overdue} of {due} proposal{'' if due == 1 else 's'} with a due date."] if due else []
    parts += [f"Due dates not known, because scan results are missing: {unknown}."] if unknown else []
    parts += [f"Accepted risks: {accepted} declined proposal{'' if accepted == 1 else 's'}."] if accepted else []
    if parts:
        yield " ".join(parts)
