"""The API of the service: read-only JSON under `/api/v1/`.

If a command prints the same information, the API returns the command's JSON document. `config/openapi.json` describes
the API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from bot.core.evidence.finding_keys import parse_vulnerability_id
from bot.inventory_ports import StageReader
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import ImageName, parse_sha256
from bot.model.report import RunReport
from bot.model.stage_facts import StageFacts
from bot.model.vocabulary import RunLevel
from bot.reports.fleet.exposed_usage import ExposedUsageAnswer, render_exposed_usage_document
from bot.reports.fleet.history import render_history_document
from bot.reports.fleet.service_documents import (
    QueueLists,
    ServiceSummary,
    render_deliveries_document,
    render_proposals_document,
    render_queue_document,
    render_repository_document,
    render_stages_document,
    render_summary_document,
)
from bot.reports.fleet.stored_answers import (
    answer_image_history,
    answer_repository_history,
    answer_stages,
    answer_usage,
)
from bot.reports.fleet.usage import UsageAnswer, render_usage_document
from bot.reports.parts.stage_section import StageReport
from bot.resources import read_config
from bot.serve.access import guard
from bot.serve.http import JSON, Handler, HttpRequest, Response, Route, build_json_response
from bot.serve.pages.evidence import load_shown_evidence
from bot.serve.pages.ports import MAX_RECORD_PAGE, RECENT, ListPage, PagePorts, build_address
from bot.serve.pages.repository import find_branches, load_history
from bot.serve.pages.request_tables import parse_filter
from bot.serve.pages.vulnerability import load_shown_exposure

PREFIX = "/api/v1"
DESCRIPTION = "openapi.json"
API_ROWS = 500
"""The maximum number of entries of a list in one response."""
MAX_RUNNING = 100
"""The maximum number of running pieces of work, and of failed ones, in one response."""
TRENDS_WAIT = timedelta(seconds=20)
"""How long a response waits for the computation of the fixes over time, or of the stages of updates."""
_BAD_REQUEST, _NOT_FOUND, _UNAVAILABLE = 400, 404, 503
ApiHandler = Callable[[PagePorts, HttpRequest, Mapping[str, str]], Response]


def list_api_routes(ports: PagePorts) -> Iterable[Route]:
    """Yield the routes of the API."""
    for path, answer in ANSWERS.items():
        yield Route.build("GET", f"{PREFIX}{path}", guard(_build_handler(ports, answer), ports.settings))


def _build_handler(ports: PagePorts, answer: ApiHandler) -> Handler:
    def handle(request: HttpRequest, parts: Mapping[str, str]) -> Response:
        return answer(ports, request, parts)

    return handle


def _describe(_ports: PagePorts, _request: HttpRequest, _parts: Mapping[str, str]) -> Response:
    return Response(200, read_config(DESCRIPTION).encode(), JSON)


def _answer_summary(ports: PagePorts, _request: HttpRequest, _parts: Mapping[str, str]) -> Response:
    now = ports.clock.now()
    summary = ServiceSummary(
        now,
        ports.inventory.load_coverage(),
        ports.fleet.count_requests(now, now - RECENT),
        ports.queue.compute_figures(),
        ports.log.find_last_sweep(),
        ports.trends.load(TRENDS_WAIT),
    )
    return _respond(render_summary_document(summary))


def _answer_stages(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> Response:
    """Return how far the updates of the fleet got. The lists in the response have pages."""
    report, page = ports.stages.load(TRENDS_WAIT) if ports.stages is not None else None, _parse_page(request)
    if report is None and ports.stages is not None:
        return _refuse("the stages are being computed, or the state cannot be read", _UNAVAILABLE)
    if report is None:
        return _respond(render_stages_document(None, ports.clock.now()))
    stages, part = report.stages, slice(page.section.offset, page.end)
    stuck, total = stages.list_stuck(report.now), len(stages.funnels)
    lists = (stuck, stages.unwanted, stages.unlisted)
    shown = replace(
        stages,
        updates=tuple(stuck[part]),
        funnels=stages.funnels[part],
        unwanted=stages.unwanted[part],
        unlisted=stages.unlisted[part],
    )
    document = render_stages_document(replace(report, stages=shown, shows_names=ports.has_users), report.now)
    return _respond(document, _link_next(request, page, max(total, *map(len, lists))))


def _answer_usage(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> Response:
    """Return the document of `usage --format json`, with one page of the usages."""
    image, excluded = _parse_image(request.query.get("image", "")), request.query.get("not_on")
    digest = parse_sha256(excluded) if excluded is not None else None
    if image is None:
        return _refuse("`image` must be an image, such as `python:3.12`")
    if excluded is not None and digest is None:
        return _refuse("`not_on` must be a digest: `sha256:` and 64 hexadecimal digits")
    page = _parse_page(request)
    usages = [each for each in ports.inventory.list_usages(image) if digest is None or each.digest != digest]
    answer = UsageAnswer(image, digest, usages, ports.inventory.load_coverage())
    if ports.stage_reader is not None:
        facts, now = ports.stage_reader.load_image_facts(image), ports.clock.now()
        answer = answer_usage(image, digest, usages, answer.coverage, facts, now, shows_names=ports.has_users)
    shown = replace(answer, usages=usages[page.section.offset : page.end])
    return _respond(render_usage_document(shown), _link_next(request, page, len(usages)))


def _answer_vulnerability(ports: PagePorts, request: HttpRequest, parts: Mapping[str, str]) -> Response:
    """Return the document of `usage VULNERABILITY --format json`, with one page of the images."""
    vulnerability, page = parse_vulnerability_id(parts["id"]), _parse_page(request)
    if vulnerability is None:
        return _refuse("this is not the id of a vulnerability, such as `CVE-2026-1234`", _NOT_FOUND)
    shown = load_shown_exposure(ports, vulnerability)
    tags = [replace(tag, uses=tag.uses[:API_ROWS], containers=tag.containers[:API_ROWS]) for tag in shown.tags]
    answer = ExposedUsageAnswer(
        vulnerability,
        tags[page.section.offset : page.end],
        ports.exposure.load_coverage(),
        ports.inventory.load_coverage(),
        is_incomplete=shown.is_incomplete,
    )
    return _respond(render_exposed_usage_document(answer), _link_next(request, page, len(tags)))


def _load_stages(ports: PagePorts, load: Callable[[StageReader], StageFacts]) -> StageReport | None:
    """Return how far updates got; None if the config has neither clusters nor builds.

    Names from clusters are left out unless a reverse proxy names the users.
    """
    if ports.stage_reader is None:
        return None
    return answer_stages(load(ports.stage_reader), ports.clock.now(), shows_names=ports.has_users)


def _answer_image(ports: PagePorts, request: HttpRequest, parts: Mapping[str, str]) -> Response:
    """Return the document of `history IMAGE --format json`, with one page of the digest changes."""
    name, page = parts["name"], _parse_page(request)
    image = _parse_image(name)
    history = ports.inventory.load_image_history(image) if image is not None else None
    if image is None or history is None or not history.held:
        return _refuse("no base branch uses or ever used this image", _NOT_FOUND)
    stages = _load_stages(ports, lambda reader: reader.load_image_facts(image))
    answer = answer_image_history(name, image, history, ports.inventory.load_coverage(), stages)
    shown = replace(answer, moves=answer.moves[page.section.offset : page.end])
    return _respond(render_history_document(shown), _link_next(request, page, len(answer.moves)))


def _answer_repository(ports: PagePorts, request: HttpRequest, parts: Mapping[str, str]) -> Response:
    branches, page = find_branches(ports, parts), _parse_page(request)
    if not branches:
        return _refuse("the state contains no such repository", _NOT_FOUND)
    keys = [each.key for each in branches]
    reports = ports.reports.load_reports(keys)
    evidence = load_shown_evidence(ports, reports)
    report = RunReport(RunLevel.REPORT, tuple(reports[key] for key in keys if key in reports), dict(evidence.evidence))
    coverage = ports.inventory.load_coverage()
    name = keys[0].repository
    stages = _load_stages(ports, lambda reader: reader.load_repository_facts(name))
    history = answer_repository_history(name, load_history(ports, keys), coverage, stages)
    shown = replace(history, moves=history.moves[page.section.offset : page.end])
    is_complete = not evidence.is_incomplete
    document = render_repository_document(branches, report, shown, is_evidence_complete=is_complete)
    return _respond(document, _link_next(request, page, len(history.moves)))


def _answer_proposals(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> Response:
    now, page = ports.clock.now(), _parse_page(request)
    listed = ports.fleet.list_requests(parse_filter(request), now, page.section)
    shown = [ports.can_show_fixes(is_public=each.is_public) for each in listed.entries]
    document = render_proposals_document(listed.entries, shown, listed.total, now)
    return _respond(document, _link_next(request, page, listed.total))


def _answer_deliveries(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> Response:
    page = _parse_page(request, MAX_RECORD_PAGE)
    rows = ports.log.list_deliveries(page.end + 1)
    document = render_deliveries_document(rows[page.section.offset : page.end])
    return _respond(document, _link_next(request, page, len(rows)))


def _answer_queue(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> Response:
    """Return the pending work, and the finished work. Both lists have pages."""
    page = _parse_page(request, MAX_RECORD_PAGE)
    part = slice(page.section.offset, page.end)
    waiting, finished = ports.log.list_pending(page.end + 1), ports.log.list_finished(page.end + 1)
    lists = QueueLists(
        ports.queue.compute_figures(),
        ports.service.list_running(MAX_RUNNING),
        ports.service.list_failing(MAX_RUNNING),
        waiting[part],
        finished[part],
    )
    total = max(len(waiting), len(finished))
    return _respond(render_queue_document(lists), _link_next(request, page, total))


ANSWERS: Mapping[str, ApiHandler] = {
    f"/{DESCRIPTION}": _describe,
    "/summary": _answer_summary,
    "/stages": _answer_stages,
    "/usage": _answer_usage,
    "/vulnerabilities/{id}": _answer_vulnerability,
    "/images/{name...}": _answer_image,
    "/repositories/{forge}/{path...}": _answer_repository,
    "/proposals": _answer_proposals,
    "/deliveries": _answer_deliveries,
    "/queue": _answer_queue,
}
"""The functions that answer requests, by their path below PREFIX."""


def _parse_page(request: HttpRequest, last: int | None = None) -> ListPage:
    return ListPage.parse(request, rows=API_ROWS) if last is None else ListPage.parse(request, last, API_ROWS)


def _parse_image(text: str) -> ImageName | None:
    try:
        return ImageName.parse(text)
    except InvalidReferenceError:
        return None


def _link_next(request: HttpRequest, page: ListPage, total: int) -> tuple[tuple[str, str], ...]:
    """Return a `Link` header with the URL of the next page (RFC 8288); nothing if this page is the last."""
    if not page.has_next(total):
        return ()
    return (("Link", f'<{build_address(request, page=str(page.number + 1))}>; rel="next"'),)


def _respond(document: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response(200, f"{document}\n".encode(), JSON, (("Cache-Control", "no-store"), *headers))


def _refuse(sentence: str, status: int = _BAD_REQUEST) -> Response:
    return build_json_response({"error": sentence}, status)
