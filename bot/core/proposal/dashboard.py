"""The dashboard: an issue in each repository that lists basebump's proposals and the images that are not updated.

This module builds the content of the issue, and decides whether to write the issue, close it or leave it unchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto

from bot.core.evidence.private_evidence import has_registry_detail
from bot.core.markdown import Link, Plain, Text, is_safe_url
from bot.core.proposal.user_requests import Box
from bot.model.dashboard import DashboardIssue, UserRequest
from bot.model.report import ProposalReport, RepositoryReport, Verdict
from bot.model.vocabulary import OccurrenceStatus, ProposalOutcome, Reason

VERSION = 1
DASHBOARD_TITLE = "basebump: base images"
CONFIG_ERROR_TITLE = "basebump: the file of this repository cannot be used"

_MARKER = "<!-- basebump:dashboard:1 -->"
_EMPTY_MARKER = "<!-- basebump:dashboard:1 empty -->"
"""The marker of a dashboard issue that basebump closed because there was nothing to show."""
EMPTY_BODY = f"{_EMPTY_MARKER}\nThere is nothing to show at the moment.\n"

_WAITING = frozenset({ProposalOutcome.DEFERRED, ProposalOutcome.WOULD_OPEN})
_CURRENT = frozenset(
    {ProposalOutcome.OPENED, ProposalOutcome.REFRESHED, ProposalOutcome.UNCHANGED, ProposalOutcome.WOULD_REFRESH}
)


@dataclass(frozen=True, slots=True)
class EntryView:
    """A proposal in a list of the dashboard, such as the list of waiting proposals."""

    box: Box | None
    title: Plain | Link
    note: Plain | None


@dataclass(frozen=True, slots=True)
class ReferencesView:
    """References to one image (`repository:tag`) that are not updated, all for the same reason."""

    image: Text
    reason: Reason | None
    sentence: str
    detail: Text | None
    count: int


@dataclass(frozen=True, slots=True)
class SkippedView:
    """The number of image references that are skipped for one reason."""

    reason: Reason
    sentence: str
    count: int


@dataclass(frozen=True, slots=True)
class DashboardView:
    """The data for the text of a dashboard: lists of proposals, and lists of image references that are not updated."""

    version: int
    trouble: tuple[Text, ...]
    """Lines of the error that prevents basebump from processing the repository."""
    waiting: tuple[EntryView, ...]
    current: tuple[EntryView, ...]
    left: tuple[EntryView, ...]
    """Open requests that basebump leaves to users."""
    declined: tuple[EntryView, ...]
    failed: tuple[EntryView, ...]
    held: tuple[ReferencesView, ...]
    superseded: tuple[ReferencesView, ...]
    unknown: tuple[ReferencesView, ...]
    skipped: tuple[SkippedView, ...]
    cut: int
    """Number of rows that are left out."""

    @property
    def is_empty(self) -> bool:
        """Whether the dashboard shows nothing except skipped references. No dashboard issue is then needed."""
        shown = (self.trouble, self.waiting, self.current, self.left, self.declined, self.failed)
        return not any((*shown, self.held, self.superseded, self.unknown))


def build_dashboard(report: RepositoryReport, rows: int, *, is_public: bool = False) -> DashboardView:
    """Return the content of the dashboard for one repository. Each list is cut after `rows` entries.

    If everyone can read the repository (`is_public`), the dashboard does not name the registries that were contacted,
    because they may be private.
    """
    verdicts = [_remove_hosts(each) for each in report.verdicts] if is_public else report.verdicts
    waiting = _list_entries(report.proposals, _WAITING, UserRequest.OPEN)
    current = _list_entries(report.proposals, _CURRENT, UserRequest.REBASE)
    left = _list_entries(report.proposals, {ProposalOutcome.LEFT_ALONE}, UserRequest.REBASE)
    declined = _list_entries(report.proposals, {ProposalOutcome.DECLINED}, UserRequest.AGAIN)
    failed = _list_entries(report.proposals, {ProposalOutcome.FAILED}, None)
    held = _group_references(verdicts, {OccurrenceStatus.HELD, OccurrenceStatus.REFUSED})
    superseded = _group_references(verdicts, {OccurrenceStatus.SUPERSEDED})
    unknown = _group_references(verdicts, {OccurrenceStatus.UNRESOLVED})
    lists = (waiting, current, left, declined, failed, held, superseded, unknown)
    skipped = Counter(
        each.reason for each in report.verdicts if each.status is OccurrenceStatus.SKIPPED and each.reason
    )
    return DashboardView(
        version=VERSION,
        trouble=tuple(Text(line) for line in report.note.splitlines()),
        waiting=waiting[:rows],
        current=current[:rows],
        left=left[:rows],
        declined=declined[:rows],
        failed=failed[:rows],
        held=held[:rows],
        superseded=superseded[:rows],
        unknown=unknown[:rows],
        skipped=tuple(SkippedView(reason, reason.sentence, count) for reason, count in sorted(skipped.items())),
        cut=sum(max(0, len(each) - rows) for each in lists),
    )


def _remove_hosts(verdict: Verdict) -> Verdict:
    return replace(verdict, detail="") if has_registry_detail(verdict.status, verdict.reason) else verdict


def _list_entries(
    proposals: Iterable[ProposalReport], outcomes: Iterable[ProposalOutcome], ask: UserRequest | None
) -> tuple[EntryView, ...]:
    return tuple(
        EntryView(
            Box(ask, each.branch) if ask is not None else None,
            Link(Plain(each.title), each.url) if each.url and is_safe_url(each.url) else Plain(each.title),
            Plain(each.note) if each.note else None,
        )
        for each in proposals
        if each.outcome in outcomes
    )


def _group_references(verdicts: Iterable[Verdict], statuses: Iterable[OccurrenceStatus]) -> tuple[ReferencesView, ...]:
    reference_counts = Counter(
        (f"{each.occurrence.reference.name}:{each.occurrence.reference.tag or 'latest'}", each.reason, each.detail)
        for each in verdicts
        if each.status in statuses
    )
    return tuple(
        ReferencesView(Text(image), reason, reason.sentence if reason else "", Text(detail) if detail else None, count)
        for (image, reason, detail), count in sorted(
            reference_counts.items(), key=lambda each: (each[0][0], str(each[0][1:]))
        )
    )


class DashboardStep(Enum):
    """What to do next with the dashboard issue."""

    LEAVE = auto()
    WRITE = auto()
    """Create or update the issue. Reopen the issue if it is closed."""
    CLOSE = auto()
    """Replace the text of the issue by a note that there is nothing to show, and close the issue."""


def choose_dashboard_step(issue: DashboardIssue | None, body: str | None) -> DashboardStep:
    """Return whether to write the dashboard issue, close it, or leave it unchanged.

    - `issue` is the existing issue; None if the repository has no dashboard issue.
    - `body` is the text that the issue should have; None if the dashboard is empty.

    If the issue is closed and there is something to show again, basebump reopens the issue only if basebump closed it.
    An issue that a user closed stays closed.
    """
    if body is None:
        return DashboardStep.CLOSE if issue is not None and issue.is_open else DashboardStep.LEAVE
    if issue is None:
        return DashboardStep.WRITE
    if not issue.is_open:
        return DashboardStep.WRITE if _EMPTY_MARKER in issue.body else DashboardStep.LEAVE
    return DashboardStep.LEAVE if issue.body == body else DashboardStep.WRITE


def is_dashboard_body(body: str) -> bool:
    """Return True if `body` starts with the marker of a dashboard.

    Check only issues that basebump's own account created, because anyone can write the marker.
    """
    return body.startswith((_MARKER, _EMPTY_MARKER))


def add_marker(text: str) -> str:
    """Return `text` with the marker by which basebump recognises its dashboard."""
    return f"{_MARKER}\n{text.strip()}\n"
