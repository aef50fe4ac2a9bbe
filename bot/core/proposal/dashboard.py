"""What the dashboard of a repository shows, and when it is written, closed or left to people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto

from bot.core.evidence.withheld import names_hosts
from bot.core.markdown import Link, Plain, Text, is_address
from bot.core.proposal.boxes import Box
from bot.model.dashboard import Ask, Board
from bot.model.report import ProposalReport, RepositoryReport, Verdict
from bot.model.vocabulary import ProposalOutcome, Reason, Status

VERSION = 1
TITLE = "basebump: base images"
TROUBLE = "basebump: the file of this repository cannot be used"

_MARK = "<!-- basebump:dashboard:1 -->"
_EMPTY = "<!-- basebump:dashboard:1 empty -->"
"""Says that it was closed by us, as there was nothing to show."""
NOTHING = f"{_EMPTY}\nThere is nothing to show at the moment.\n"

_WAITING = frozenset({ProposalOutcome.DEFERRED, ProposalOutcome.WOULD_OPEN})
_CURRENT = frozenset(
    {ProposalOutcome.OPENED, ProposalOutcome.REFRESHED, ProposalOutcome.UNCHANGED, ProposalOutcome.WOULD_REFRESH}
)


@dataclass(frozen=True, slots=True)
class EntryView:
    """One proposal."""

    box: Box | None
    title: Plain | Link
    note: Plain | None


@dataclass(frozen=True, slots=True)
class PlacesView:
    """Places of one image that are not moved, for one reason."""

    image: Text
    reason: Reason | None
    sentence: str
    detail: Text | None
    count: int


@dataclass(frozen=True, slots=True)
class SkippedView:
    """Places that are skipped for one reason."""

    reason: Reason
    sentence: str
    count: int


@dataclass(frozen=True, slots=True)
class DashboardView:
    """Everything that a dashboard is made of."""

    version: int
    trouble: tuple[Text, ...]
    """What keeps the whole repository from being looked at, line by line."""
    waiting: tuple[EntryView, ...]
    current: tuple[EntryView, ...]
    left: tuple[EntryView, ...]
    """Open, and left to people."""
    declined: tuple[EntryView, ...]
    failed: tuple[EntryView, ...]
    held: tuple[PlacesView, ...]
    superseded: tuple[PlacesView, ...]
    unknown: tuple[PlacesView, ...]
    skipped: tuple[SkippedView, ...]
    cut: int
    """How many rows were left out."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that anybody would have to know: what is skipped alone is no news."""
        shown = (self.trouble, self.waiting, self.current, self.left, self.declined, self.failed)
        return not any((*shown, self.held, self.superseded, self.unknown))


def build_dashboard(report: RepositoryReport, rows: int, *, is_public: bool = False) -> DashboardView:
    """Return the view of one repository; each list has at most `rows` rows.

    Where everybody can read it (`is_public`), it does not say which hosts were asked.
    """
    verdicts = [_without_hosts(each) for each in report.verdicts] if is_public else report.verdicts
    waiting = _entries(report.proposals, _WAITING, Ask.OPEN)
    current = _entries(report.proposals, _CURRENT, Ask.REBASE)
    left = _entries(report.proposals, {ProposalOutcome.LEFT_ALONE}, Ask.REBASE)
    declined = _entries(report.proposals, {ProposalOutcome.DECLINED}, Ask.AGAIN)
    failed = _entries(report.proposals, {ProposalOutcome.FAILED}, None)
    held = _places(verdicts, {Status.HELD, Status.REFUSED})
    superseded = _places(verdicts, {Status.SUPERSEDED})
    unknown = _places(verdicts, {Status.UNRESOLVED})
    lists = (waiting, current, left, declined, failed, held, superseded, unknown)
    skipped = Counter(each.reason for each in report.verdicts if each.status is Status.SKIPPED and each.reason)
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


def _without_hosts(verdict: Verdict) -> Verdict:
    return replace(verdict, detail="") if names_hosts(verdict.status, verdict.reason) else verdict


def _entries(
    proposals: Iterable[ProposalReport], outcomes: Iterable[ProposalOutcome], ask: Ask | None
) -> tuple[EntryView, ...]:
    return tuple(
        EntryView(
            Box(ask, each.branch) if ask is not None else None,
            Link(Plain(each.title), each.url) if each.url and is_address(each.url) else Plain(each.title),
            Plain(each.note) if each.note else None,
        )
        for each in proposals
        if each.outcome in outcomes
    )


def _places(verdicts: Iterable[Verdict], statuses: Iterable[Status]) -> tuple[PlacesView, ...]:
    counted = Counter(
        (f"{each.occurrence.reference.name}:{each.occurrence.reference.tag or 'latest'}", each.reason, each.detail)
        for each in verdicts
        if each.status in statuses
    )
    return tuple(
        PlacesView(Text(image), reason, reason.sentence if reason else "", Text(detail) if detail else None, count)
        for (image, reason, detail), count in sorted(counted.items(), key=lambda each: (each[0][0], str(each[0][1:])))
    )


class BoardStep(Enum):
    """What is to be done about the issue."""

    LEAVE = auto()
    WRITE = auto()
    """Make it, or write it anew; open it again where it is closed."""
    CLOSE = auto()
    """Say that there is nothing to show, and close it."""


def next_board(board: Board | None, body: str | None) -> BoardStep:
    """Return what is to be done about the issue; `body` is what it should say, None where there is nothing to show.

    One that a person closed stays closed.
    """
    if body is None:
        return BoardStep.CLOSE if board is not None and board.is_open else BoardStep.LEAVE
    if board is None:
        return BoardStep.WRITE
    if not board.is_open:
        return BoardStep.WRITE if _EMPTY in board.body else BoardStep.LEAVE
    return BoardStep.LEAVE if board.body == body else BoardStep.WRITE


def is_ours(body: str) -> bool:
    """Say whether an issue of our account is the dashboard."""
    return body.startswith((_MARK, _EMPTY))


def marked(text: str) -> str:
    """Return the body of a dashboard that shows `text`."""
    return f"{_MARK}\n{text.strip()}\n"
