"""The pages of the service. They change nothing, and contain no scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from bot.resources import read_template
from bot.serve.access import guard
from bot.serve.http import FailurePages, Handler, HttpRequest, Response, Route
from bot.serve.pages.content import PageContent, PageLink
from bot.serve.pages.empty_state import explain_empty_state
from bot.serve.pages.event_tables import build_events
from bot.serve.pages.exposure import build_exposure_page
from bot.serve.pages.failure import show_failure
from bot.serve.pages.health import build_health
from bot.serve.pages.image import build_image
from bot.serve.pages.image_tables import build_images
from bot.serve.pages.overview import build_overview
from bot.serve.pages.ports import PagePorts
from bot.serve.pages.renderer import PageRenderer
from bot.serve.pages.repository import build_repository
from bot.serve.pages.repository_tables import build_repositories
from bot.serve.pages.request_tables import build_proposals
from bot.serve.pages.search import build_search, build_trends
from bot.serve.pages.stage_tables import build_stages
from bot.serve.pages.vulnerability import build_vulnerability
from bot.serve.pages.work_tables import build_queue

PageBuilder = Callable[[PagePorts, HttpRequest, Mapping[str, str]], PageContent]
"""Builds the values of a page for a request. Its last argument contains the parts of the path that match the route."""

PAGES: Mapping[str, PageBuilder] = {
    PageLink.OVERVIEW.address: build_overview,
    PageLink.EXPOSURE.address: build_exposure_page,
    PageLink.PROPOSALS.address: build_proposals,
    PageLink.TRENDS.address: build_trends,
    PageLink.STAGES.address: build_stages,
    PageLink.IMAGES.address: build_images,
    PageLink.REPOSITORIES.address: build_repositories,
    PageLink.QUEUE.address: build_queue,
    PageLink.EVENTS.address: build_events,
    PageLink.HEALTH.address: build_health,
    "/search": build_search,
    "/vulnerabilities/{id}": build_vulnerability,
    "/images/{name...}": build_image,
    "/repositories/{forge}/{path...}": build_repository,
}
"""The pages by their paths."""
_FLEET_PAGES = frozenset(PageLink) - {PageLink.QUEUE, PageLink.EVENTS, PageLink.HEALTH}
"""The pages that are empty until a repository was read."""


def list_page_routes(ports: PagePorts) -> Iterable[Route]:
    """Yield the routes of all pages, of their stylesheet and of their icon."""
    renderer = _create_renderer(ports)
    for path, build in PAGES.items():
        yield Route.build("GET", path, guard(_build_handler(ports, renderer, build), ports.settings))
    yield from renderer.list_file_routes()


def create_failure_pages(ports: PagePorts) -> FailurePages:
    """Return the function that shows failures to browsers as pages."""
    return partial(show_failure, _create_renderer(ports))


def _create_renderer(ports: PagePorts) -> PageRenderer:
    return PageRenderer(read_template, has_stages=ports.stages is not None)


def _build_handler(ports: PagePorts, renderer: PageRenderer, build: PageBuilder) -> Handler:
    def answer(request: HttpRequest, parts: Mapping[str, str]) -> Response:
        content = build(ports, request, parts)
        is_empty = content.link is PageLink.OVERVIEW or not any(table.rows for table in content.tables)
        if content.link in _FLEET_PAGES and is_empty:
            content = replace(content, notices=(*content.notices, *explain_empty_state(ports)))
        return renderer.render(content, request)

    return answer
