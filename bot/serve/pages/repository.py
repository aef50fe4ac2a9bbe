"""The page of a repository: its image references, its proposals, and the history of its digests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.core.inventory.declines import find_decline
from bot.core.inventory.history import list_moves
from bot.model.fleet_history import DigestMove, FleetHistory, MoveOrigin
from bot.model.fleet_overview import BranchSummary
from bot.model.inventory import BranchKey, StoredRequest
from bot.model.proposal import RequestState
from bot.model.report import RepositoryReport, Verdict
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import (
    NO_HOST,
    build_cell,
    describe_span,
    link_image,
    link_request,
    show_digest,
    show_due,
    show_fixes,
    show_targets,
    show_text,
    show_time,
)
from bot.serve.pages.content import Cell, Column, PageContent, PageLink, Part, Table, build_missing_page
from bot.serve.pages.evidence import EVIDENCE_LEFT_OUT, build_evidence_tables, load_shown_evidence
from bot.serve.pages.image import link_file, show_declined, show_status
from bot.serve.pages.ports import ListPage, PagePorts
from bot.serve.pages.repository_tables import build_branch_list
from bot.serve.pages.request_tables import show_ci, show_state
from bot.serve.pages.stage_tables import list_missing, list_stuck_tables, load_stages, select_branches

MAX_REQUESTS = 15
"""The maximum number of proposals of a repository that are shown: open ones first, and then the last opened ones."""
MAX_REFERENCES = 500
"""The maximum number of image references of a repository that are shown. Most repositories have fewer than twenty."""
_REFERENCE_COLUMNS = (
    *(Column("Image"), Column("File"), Column("Branch"), Column("Digest"), Column("Status"), Column("Next digest")),
    Column("Explanation"),
)
_REQUEST_COLUMNS = (
    *(Column("Proposal"), Column("State"), Column("Image"), Column("Fixes"), Column("CI")),
    *(Column("Opened"), Column("Due"), Column("Ended")),
)
_MOVE_COLUMNS = (
    *(Column("Image"), Column("Digest"), Column("Since"), Column("Until"), Column("Changed by")),
    *(Column("After it was seen", is_number=True), Column("After it was proposed", is_number=True)),
)
_ORIGINS = {
    MoveOrigin.BASEBUMP: "basebump",
    MoveOrigin.OTHER: "others",
    MoveOrigin.FIRST_VISIT: "not known: it was there at first",
}


def build_repository(ports: PagePorts, request: HttpRequest, parts: Mapping[str, str]) -> PageContent:
    """Return the page of a repository on a forge, or the page for repositories that the state does not contain."""
    branches, now = find_branches(ports, parts), ports.clock.now()
    if not branches:
        return build_missing_page("The state contains no such repository.", PageLink.REPOSITORIES)
    keys = [each.key for each in branches]
    reports = ports.reports.load_reports(keys)
    history = load_history(ports, keys)
    evidence = load_shown_evidence(ports, reports)
    is_public = all(each.is_public for each in branches)
    shows_fixes = ports.can_show_fixes(is_public=is_public)
    is_incomplete = evidence.is_incomplete or (not shows_fixes and bool(history.requests))
    stages = select_branches(load_stages(ports), frozenset(keys))
    requests = sorted((each.request for each in history.requests), key=_get_request_order)
    return PageContent(
        title=branches[0].key.repository,
        link=PageLink.REPOSITORIES,
        lead=(Part(f"{branches[0].key.forge} · {branches[0].key.host or 'this machine'}"),),
        notices=(*((EVIDENCE_LEFT_OUT,) if is_incomplete else ()), *list_missing(ports, stages)),
        tables=(
            build_branch_list(branches, now, name="branches", heading="Base branches"),
            *list_stuck_tables(ports, stages),
            _build_reference_table(reports, history),
            *build_evidence_tables(evidence, now),
            _build_request_table(requests, now, shows_fixes=shows_fixes),
            _build_move_table(list_moves(history), request, now),
        ),
    )


def find_branches(ports: PagePorts, parts: Mapping[str, str]) -> Sequence[BranchSummary]:
    """Return the base branches of the repository that the URL names."""
    host, slash, name = parts["path"].partition("/")
    path = f"{slash}{name}" if host == NO_HOST else parts["path"]
    return ports.fleet.list_repository_branches(parts["forge"], path)


def load_history(ports: PagePorts, keys: Sequence[BranchKey]) -> FleetHistory:
    """Return the history of some base branches of one repository."""
    history = ports.inventory.load_repository_history(keys[0].repository)
    return FleetHistory(
        tuple(each for each in history.held if each.key in keys),
        tuple(each for each in history.requests if each.key in keys),
        history.observations,
    )


def _get_request_order(request: StoredRequest) -> tuple[bool, float, int]:
    """Return the key that sorts proposals: open ones first, and then the last opened ones."""
    opened = request.opened_at.timestamp() if request.opened_at is not None else 0.0
    return request.state is not RequestState.OPEN, -opened, -request.number


def _build_reference_table(reports: Mapping[BranchKey, RepositoryReport], history: FleetHistory) -> Table:
    found = [(key, report, verdict) for key, report in sorted(reports.items()) for verdict in report.verdicts]
    left_out = len(found) - MAX_REFERENCES
    return Table(
        name="references",
        heading="Image references",
        columns=_REFERENCE_COLUMNS,
        rows=[
            _build_reference_row(key, report, verdict, [each.request for each in history.requests if each.key == key])
            for key, report, verdict in found[:MAX_REFERENCES]
        ],
        empty="basebump found no image references when it last read the repository.",
        note=f"{left_out:,} more are not shown." if left_out > 0 else "",
    )


def _build_reference_row(
    key: BranchKey, report: RepositoryReport, verdict: Verdict, requests: Sequence[StoredRequest]
) -> tuple[Cell, ...]:
    reference, declined = verdict.reference, find_decline(verdict, requests)
    image = reference.image
    name = f"{image.repository}:{image.tag}" if image.tag else image.repository
    return (
        build_cell(link_image(name)),
        build_cell(link_file(report, reference.path, reference.line_number)),
        show_text(key.base_branch),
        show_digest(image.digest),
        show_status(verdict.status, verdict.reason),
        show_digest(verdict.new_digest) if verdict.new_digest is not None else Cell(),
        show_declined(declined, key.forge) if declined is not None else show_text(_explain(verdict)),
    )


def _explain(verdict: Verdict) -> str:
    return verdict.detail or (verdict.reason.sentence if verdict.reason is not None else "")


def _build_request_table(requests: Sequence[StoredRequest], now: datetime, *, shows_fixes: bool) -> Table:
    count = max(MAX_REQUESTS, sum(each.state is RequestState.OPEN for each in requests))
    left_out = len(requests) - count
    return Table(
        name="proposals",
        heading="Proposals",
        columns=_REQUEST_COLUMNS,
        rows=[
            (
                build_cell(link_request(each)),
                show_state(each),
                show_targets(each),
                show_fixes(each.fixes, is_shown=shows_fixes),
                show_ci(each.ci),
                show_time(each.opened_at, now),
                show_due(each.due_at, now) if each.state is RequestState.OPEN else Cell(),
                show_time(each.ended_at, now),
            )
            for each in requests[:count]
        ],
        empty="basebump opened no proposal here.",
        note=f"{left_out:,} earlier ones are not shown." if left_out > 0 else "",
    )


def _build_move_table(moves: Sequence[DigestMove], request: HttpRequest, now: datetime) -> Table:
    page = ListPage.parse(request)
    return Table(
        name="history",
        heading="History of digests",
        columns=_MOVE_COLUMNS,
        rows=[_build_move_row(each, now) for each in moves[page.section.offset : page.end]],
        empty="There is no history yet.",
        pager=page.build_pager(request, len(moves)),
    )


def _build_move_row(move: DigestMove, now: datetime) -> tuple[Cell, ...]:
    held = move.held
    waits = (move.wait_since_first_seen, move.wait_since_opened)
    request = (link_request(move.request),) if move.request is not None else ()
    return (
        build_cell(link_image(held.name)),
        show_digest(held.digest),
        show_time(move.moved_at, now),
        show_time(held.ended_at, now) if held.ended_at is not None else show_text("now"),
        build_cell(Part(_ORIGINS[move.origin]), *request),
        *(show_text(describe_span(wait)) if wait is not None else Cell() for wait in waits),
    )
