"""Building of the dashboard's template data from the reports on the base branches of a repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from bot.core.evidence.effect import FindingSummary, describe_unknown_effects, summarise_effect
from bot.core.markdown import Plain, Text
from bot.core.proposal.requested_actions import Box
from bot.core.proposal.view.dashboard import (
    DashboardCountsView,
    DashboardView,
    EntryView,
    ReferencesView,
    SkippedView,
)
from bot.core.proposal.view.dashboard_rows import BranchRows, sort_references
from bot.model.dashboard import RequestedAction
from bot.model.decision import Transition
from bot.model.evidence import Evidence
from bot.model.report import RepositoryReport, Verdict
from bot.model.vocabulary import HELD_STATUSES, OPEN_OUTCOMES, ProposalOutcome, ReferenceStatus

VERSION = 1
MIN_BULK = 2
"""The minimum number of proposals for which there is a common checkbox."""

_WAITING = frozenset({ProposalOutcome.DEFERRED, ProposalOutcome.WOULD_OPEN})
_LEFT = frozenset({ProposalOutcome.LEFT_ALONE})
_CURRENT = OPEN_OUTCOMES - _LEFT


def build_dashboard(
    reports: Sequence[RepositoryReport],
    evidence: Mapping[Transition, Evidence],
    rows: int,
    *,
    is_public: bool = False,
) -> DashboardView:
    """Return the content of the dashboard of one repository. Lists are cut after `rows` entries.

    `reports` are the reports on the repository's base branches, and `evidence` is the evidence on their updates. If
    everyone can read the repository (`is_public`), the dashboard shows no private evidence, and does not name the
    registries that were contacted, because they may be private.
    """
    has_several = len(reports) > 1
    branch_rows = [BranchRows(each, evidence, is_public=is_public, has_several=has_several) for each in reports]
    waiting = _list_entries(branch_rows, _WAITING, RequestedAction.OPEN)
    current = _list_entries(branch_rows, _CURRENT, RequestedAction.REBASE)
    left = _list_entries(branch_rows, _LEFT, RequestedAction.REBASE)
    declined = _list_entries(branch_rows, {ProposalOutcome.DECLINED}, RequestedAction.AGAIN)
    failed = _list_entries(branch_rows, {ProposalOutcome.FAILED}, None)
    blocked = _list_references(branch_rows, {ReferenceStatus.BLOCKED})
    stuck = tuple(each for one in branch_rows for each in one.list_stuck_updates())
    held = _list_references(branch_rows, HELD_STATUSES)
    superseded = _list_references(branch_rows, {ReferenceStatus.SUPERSEDED})
    unknown = _list_references(branch_rows, {ReferenceStatus.UNRESOLVED})
    detected = tuple(each for one in branch_rows for each in one.list_detected_files())
    pending = [each for one in branch_rows for each in one.collect_evidence(_WAITING | OPEN_OUTCOMES)]
    notes = dict.fromkeys(each.note for each in reports)
    effect = summarise_effect(pending)
    lists = (blocked, stuck, waiting, current, left, declined, failed, held, superseded, unknown)
    return DashboardView(
        version=VERSION,
        trouble=tuple(Text(line) for note in notes for line in note.splitlines()),
        blocked=blocked[:rows],
        stuck=stuck[:rows],
        waiting=waiting[:rows],
        current=current[:rows],
        left=left[:rows],
        declined=declined[:rows],
        failed=failed[:rows],
        held=held[:rows],
        superseded=superseded[:rows],
        unknown=unknown[:rows],
        skipped=_count_skipped(verdict for each in reports for verdict in each.verdicts),
        cut=sum(max(0, len(each) - rows) for each in lists),
        counts=DashboardCountsView(
            blocked=len(blocked),
            stuck=len(stuck),
            waiting=len(waiting),
            current=len(current),
            left=len(left),
            declined=len(declined),
            failed=len(failed),
            held=len(held),
            superseded=len(superseded),
            unknown=len(unknown),
            detected=len(detected),
            references=sum(len(each.verdicts) for each in reports),
            unreadable=sum(len(each.unsupported) for each in reports),
        ),
        fixes=Plain(_describe_fixes(effect.fixed)) if effect is not None else None,
        added=Plain(str(effect.added)) if effect is not None and effect.added.count else None,
        remarks=tuple(map(Plain, _list_remarks(pending))),
        overdue_count=sum(each.due is not None and each.due.is_overdue for each in (*waiting, *current, *left)),
        waiting_reason=waiting[0].note if _have_same_note(waiting) else None,
        open_all=Box(RequestedAction.OPEN) if len(waiting) >= MIN_BULK else None,
        rebuild_all=Box(RequestedAction.REBASE) if len(current) >= MIN_BULK else None,
        detected=detected[:rows],
    )


def _list_entries(
    branch_rows: Sequence[BranchRows], outcomes: Collection[ProposalOutcome], ask: RequestedAction | None
) -> tuple[EntryView, ...]:
    entries = [each for one in branch_rows for each in one.list_entries(outcomes, ask)]
    return tuple(view for _, view in sorted(entries, key=lambda each: each[0]))


def _list_references(
    branch_rows: Sequence[BranchRows], statuses: Collection[ReferenceStatus]
) -> tuple[ReferencesView, ...]:
    return sort_references(each for one in branch_rows for each in one.list_references(statuses))


def _have_same_note(entries: Sequence[EntryView]) -> bool:
    return len(entries) > 1 and len({each.note for each in entries}) == 1


def _count_skipped(verdicts: Iterable[Verdict]) -> tuple[SkippedView, ...]:
    counts = Counter(each.reason for each in verdicts if each.status is ReferenceStatus.SKIPPED and each.reason)
    return tuple(SkippedView(reason, count) for reason, count in sorted(counts.items()))


def _describe_fixes(fixed: FindingSummary) -> str:
    """Return the numbers of all and of the most severe fixed vulnerabilities, as the object of a sentence."""
    if not fixed.count:
        return "no known vulnerabilities"
    grave = [
        f"{count} {word}" for count, word in ((fixed.exploited, "exploited"), (fixed.critical, "critical")) if count
    ]
    noun = "vulnerability" if fixed.count == 1 else "vulnerabilities"
    return f"{fixed.count} known {noun}" + (f" ({', '.join(grave)})" if grave else "")


def _list_remarks(pending: Sequence[Evidence]) -> Iterator[str]:
    """Yield remarks on unknown fixes of the open and waiting proposals."""
    yield from describe_unknown_effects(pending)
    if any(each.delta is not None and each.exploited_ids is None for each in pending):
        yield "known exploitation not looked up"
