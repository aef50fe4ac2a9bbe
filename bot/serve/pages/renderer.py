"""Renders pages with the templates in `templates/service/`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from jinja2 import Template

from bot import __version__
from bot.reports.page.fleet_html import build_environment
from bot.reports.page.trend_charts import build_trend_section
from bot.reports.parts.stage_section import BAR_COLUMNS
from bot.serve.http import HTML, HttpRequest, Response, Route
from bot.serve.pages.content import PageContent, PageLink

TEMPLATE, LAYOUT, MACROS = "service/content.html.j2", "service/layout.html.j2", "page_macros.html.j2"
STYLES = ("report.css", "service/service.css")
"""The stylesheets that are served as one file: the stylesheet of the fleet page, and the rules for the service's
pages.
"""
ICON = "service/icon.svg"
CACHE_FOR_A_DAY = (("Cache-Control", "max-age=86400"),)
NOT_CACHED = (("Cache-Control", "no-store"),)
"""The header that keeps browsers from storing pages, because pages can contain private evidence."""


@dataclass(frozen=True)
class PageRenderer:
    """Renders pages, and serves the stylesheet and the icon."""

    read_template: Callable[[str], str]
    """Returns the content of a file in `templates/`."""
    has_stages: bool
    """True if the navigation has the page about stages of updates."""

    def render(self, content: PageContent, request: HttpRequest) -> Response:
        """Return the response with a page."""
        text = self._template.render(
            page=content,
            trends=build_trend_section(content.trends) if content.trends is not None else None,
            links=tuple(each for each in PageLink if self.has_stages or each is not PageLink.STAGES),
            bar_columns=BAR_COLUMNS,
            words=request.query.get("q", "") if request.path == "/search" else "",
            style=self._style_address,
            version=__version__,
        )
        return Response(content.status, text.encode("utf-8", "replace"), HTML, NOT_CACHED)

    def list_file_routes(self) -> tuple[Route, ...]:
        """Return the routes of the stylesheet and the icon."""
        icon = self.read_template(ICON).encode()
        files = {
            self._style_address: (self._style, "text/css; charset=utf-8"),
            "/static/icon.svg": (icon, "image/svg+xml"),
        }
        return tuple(Route.build("GET", address, _build_file_handler(*file)) for address, file in files.items())

    @cached_property
    def _style(self) -> bytes:
        return "\n".join(self.read_template(each) for each in STYLES).encode()

    @property
    def _style_address(self) -> str:
        """The URL of the stylesheet. The URL changes with the content, so that browsers can cache the stylesheet."""
        return f"/static/basebump-{hashlib.sha256(self._style).hexdigest()[:12]}.css"

    @cached_property
    def _template(self) -> Template:
        templates = {name: self.read_template(name) for name in (TEMPLATE, LAYOUT, MACROS)}
        return build_environment(templates).get_template(TEMPLATE)


def _build_file_handler(body: bytes, content_type: str) -> Callable[[HttpRequest, Mapping[str, str]], Response]:
    def answer(_request: HttpRequest, _parts: Mapping[str, str]) -> Response:
        return Response(200, body, content_type, CACHE_FOR_A_DAY)

    return answer
