"""Renders the JSON documents of the API that no command prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.model.delivery import Delivery
from bot.model.fleet_overview import BranchSummary, RequestFigures, RequestSummary
from bot.model.patch_times import PatchGrouping, PatchSummary
from bot.model.proposal import RequestState
from bot.model.report import SCHEMA, RunReport
from bot.model.usage import InventoryCoverage
from bot.model.work import (
    FinishedWork,
    PendingWork,
    PollWork,
    QueueFigures,
    SweepWork,
    TagWork,
    VisitWork,
    WorkKey,
)
from bot.reports.fleet.history import HistoryAnswer, render_history_document
from bot.reports.fleet.patch_times import PatchReport, render_patch_document
from bot.reports.fleet.stage_documents import build_fleet_stages
from bot.reports.parts.inventory_document import build_branch, build_coverage, count_seconds
from bot.reports.parts.json_text import JsonValue, format_time, render_json
from bot.reports.parts.stage_section import StageReport
from bot.reports.run.report_document import render_run_document


@dataclass(frozen=True, slots=True)
class ServiceSummary:
    """The figures of the fleet and of the service."""

    now: datetime
    coverage: InventoryCoverage
    requests: RequestFigures
    queue: QueueFigures
    last_sweep: datetime | None
    fixes: PatchReport | None
    """The fixes over time; None if they could not be computed."""


@dataclass(frozen=True, slots=True)
class QueueLists:
    """The lists of pending and finished work."""

    figures: QueueFigures
    running: Sequence[PendingWork]
    failing: Sequence[PendingWork]
    waiting: Sequence[PendingWork]
    finished: Sequence[FinishedWork]


def render_summary_document(summary: ServiceSummary) -> str:
    requests = summary.requests
    return render_json(
        {
            "schema": SCHEMA,
            "at": format_time(summary.now),
            "coverage": build_coverage(summary.coverage),
            "last_sweep": format_time(summary.last_sweep),
            "proposals": {
                "open": requests.open,
                "with_due_date": requests.with_due_date,
                "overdue": requests.overdue,
                "exploited": requests.exploited,
                "critical": requests.critical,
                "unknown_fixes": requests.unknown_fixes,
                "merged_in_30_days": requests.merged,
            },
            "queue": _build_figures(summary.queue),
            "fixes": _build_fixes(summary.fixes) if summary.fixes is not None else None,
        }
    )


def _build_fixes(report: PatchReport) -> JsonValue:
    """Return the result of `report --since … --format json` without the lists that are long in a large fleet.

    These are the list of all fixes, and the summaries by repository.
    """
    summaries: dict[PatchGrouping, Sequence[PatchSummary]] = {
        by: group for by, group in report.summaries.items() if by is not PatchGrouping.REPOSITORY
    }
    document = json.loads(render_patch_document(replace(report, patches=(), summaries=summaries)))
    return {name: document[name] for name in ("since", "summaries", "trends")}


def render_stages_document(report: StageReport | None, now: datetime) -> str:
    """Return how far the updates of the fleet got; `stages` is null if the config has neither clusters nor builds."""
    at = report.now if report is not None else now
    stages = build_fleet_stages(report) if report is not None else None
    return render_json({"schema": SCHEMA, "at": format_time(at), "stages": stages})


def render_repository_document(
    branches: Sequence[BranchSummary], report: RunReport, history: HistoryAnswer, *, is_evidence_complete: bool
) -> str:
    """Return the base branches of a repository, the report of their last visits, and the history of the repository.

    Args:
        branches: The base branches.
        report: The reports of the last visits as the report of one run. It contains only evidence that can be shown.
        history: The history of the repository.
        is_evidence_complete: False if evidence was left out.
    """
    return render_json(
        {
            "schema": SCHEMA,
            "branches": [_build_summary(each) for each in branches],
            "reports": json.loads(render_run_document(report))["repositories"],
            "evidence_withheld": not is_evidence_complete,
            "history": json.loads(render_history_document(history)),
        }
    )


def _build_summary(branch: BranchSummary) -> JsonValue:
    return {
        **build_branch(branch.key),
        "references": branch.references,
        "outdated": branch.outdated,
        "unpinned": branch.unpinned,
        "open_proposals": branch.open_requests,
        "read_at": format_time(branch.read_at),
        "seen_at": format_time(branch.seen_at),
        "unread_files": branch.has_unread_files,
        "settled": branch.is_settled,
        "due_at": format_time(branch.due_at),
    }


def render_proposals_document(
    requests: Sequence[RequestSummary], shown: Sequence[bool], total: int, now: datetime
) -> str:
    """Return a page of proposals. `shown` states for each proposal whether its fixes can be shown."""
    return render_json(
        {
            "schema": SCHEMA,
            "total": total,
            "proposals": [
                _build_proposal(each, now, shows_fixes=shows_fixes)
                for each, shows_fixes in zip(requests, shown, strict=True)
            ],
        }
    )


def _build_proposal(listed: RequestSummary, now: datetime, *, shows_fixes: bool) -> JsonValue:
    request = listed.request
    return {
        **build_branch(listed.key),
        "number": request.number,
        "url": request.url,
        "state": request.state.value,
        "branch": request.branch,
        "targets": list(request.targets),
        "fixes": dict(request.fixes) if request.fixes is not None and shows_fixes else None,
        "fixes_withheld": not shows_fixes,
        "ci": request.ci.value,
        "opened_at": format_time(request.opened_at),
        "ended_at": format_time(request.ended_at),
        "closed_by": request.closed_by.value if request.closed_by is not None else None,
        "due_at": format_time(request.due_at),
        "overdue": request.state is RequestState.OPEN and request.due_at is not None and request.due_at <= now,
    }


def render_deliveries_document(deliveries: Sequence[Delivery]) -> str:
    return render_json({"schema": SCHEMA, "deliveries": [_build_delivery(each) for each in deliveries]})


def _build_delivery(delivery: Delivery) -> JsonValue:
    return {
        "sender": delivery.sender,
        "id": delivery.id,
        "received_at": format_time(delivery.received_at),
        "outcome": delivery.outcome.value,
        "trace": delivery.trace,
        "subjects": list(delivery.subjects),
        "repeats": delivery.repeats,
    }


def render_queue_document(lists: QueueLists) -> str:
    return render_json(
        {
            "schema": SCHEMA,
            "figures": _build_figures(lists.figures),
            "running": [_build_waiting(each) for each in lists.running],
            "failing": [_build_waiting(each) for each in lists.failing],
            "waiting": [_build_waiting(each) for each in lists.waiting],
            "finished": [_build_finished(each) for each in lists.finished],
        }
    )


def _build_figures(figures: QueueFigures) -> JsonValue:
    return {
        "waiting": figures.waiting,
        "due": figures.due,
        "claimed": figures.claimed,
        "oldest_due_seconds": count_seconds(figures.oldest_due_age),
        "next_due_in_seconds": count_seconds(figures.next_due_in),
    }


def _build_waiting(work: PendingWork) -> JsonValue:
    return {
        **_build_key(work.key),
        "priority": work.priority.name.lower(),
        "reason": work.reason.value,
        "trace": work.trace,
        "requested_at": format_time(work.requested_at),
        "due_at": format_time(work.due_at),
        "worker": work.worker,
        "failed_attempts": work.attempts,
        "interruptions": work.interruptions,
        "error": work.error,
    }


def _build_finished(work: FinishedWork) -> JsonValue:
    return {
        **_build_key(work.key),
        "reason": work.reason.value,
        "trace": work.trace,
        "started_at": format_time(work.started_at),
        "ended_at": format_time(work.ended_at),
        "result": work.result,
        "failed": work.is_failure,
        "opened": work.opened,
        "pushed_at": format_time(work.pushed_at),
    }


def _build_key(key: WorkKey) -> dict[str, JsonValue]:
    """Return the keys that name a piece of work. Keys that do not apply to its kind are null."""
    forge = host = repository = tag = None
    match key:
        case TagWork(tag_ref):
            repository, tag = tag_ref.repository, tag_ref.tag
        case VisitWork():
            forge, host, repository = key.forge, key.host or None, key.repository
        case PollWork():
            host = key.host
        case SweepWork():
            pass
    return {"kind": key.kind.value, "forge": forge, "host": host, "repository": repository, "tag": tag}
