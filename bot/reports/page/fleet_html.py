"""Renders HTML pages about a run, about several runs of parts of a fleet (`--shard`), and about fixes over time.

The pages load no other files.

No other module converts untrusted text to HTML. The templates get only the values of the page. They escape all values
with three exceptions: the style and the script, which are files of basebump, and the data for the script. This data is
JSON without the character `<`. The script inserts this data only as text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup

from bot import __version__
from bot.model.errors import BasebumpError
from bot.model.exposure_summary import ExposureSummary
from bot.model.patch_times import FleetTrends
from bot.reports.page.fleet_page import build_page
from bot.reports.page.image_rows import SHOWN_SEVERITIES
from bot.reports.page.run_facts import RunFacts, merge_runs
from bot.reports.page.trend_charts import build_trend_section
from bot.reports.parts.publisher_tables import build_publisher_tables
from bot.reports.parts.stage_section import MAX_STUCK, StageReport, build_stage_section

MAX_BYTES = 5_000_000
"""The maximum size of the page. Browsers show it without delay, and mail servers and artifact stores accept it."""
_ROW_LIMITS = (5000, 2000, 1000, 500, 200, 100, 50, 20, 5, 0)
"""The maximum numbers of rows of each list. They are tried in this order until the page fits."""
_SECURITY_POLICY = (
    "default-src 'none'; style-src '{style}'; script-src '{script}'; img-src data:; base-uri 'none'; form-action 'none'"
)
"""Allows only the style and the script of the page, by their hashes: https://www.w3.org/TR/CSP3/."""
RUN_PAGE, FIXES_PAGE = "report.html.j2", "fixes.html.j2"
PAGE_TEMPLATES = (RUN_PAGE, FIXES_PAGE, "page.html.j2", "page_macros.html.j2")
"""The templates of the pages, and the templates that these include."""


class PageTooLongError(BasebumpError):
    """Raised if the page has more than MAX_BYTES even without all rows of its lists."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """The contents of the files from which the pages are built."""

    templates: Mapping[str, str]
    """The contents of PAGE_TEMPLATES by their names."""
    style: str
    script: str
    """The page is complete even if a browser does not run the script."""


def render_html_page(
    runs: Sequence[RunFacts],
    parts: PageParts,
    trends: FleetTrends | None = None,
    stages: StageReport | None = None,
    exposure: ExposureSummary | None = None,
) -> str:
    """Return one page for one run, or for several runs that each handled a part of a fleet.

    If `trends` is not None, the page shows the fixes of the fleet over time. If `stages` is not None, the page shows
    how far updates got. If `exposure` is not None, it shows the tables about publishers.

    If the page is longer than MAX_BYTES, its lists get fewer rows. Raises PageTooLongError if it is still too long.
    """
    run = merge_runs(runs)
    template = _compile_template(tuple(parts.templates.items()), RUN_PAGE)
    shared = _build_values(parts, trends, exposure)
    values = {**shared, "script": _mark_trusted(parts.script), "severities": SHOWN_SEVERITIES}
    for rows in _ROW_LIMITS:
        page = build_page(run, rows, stages)
        text = template.render(values, page=page, data=_mark_trusted(page.image_data)).strip()
        if len(text.encode()) <= MAX_BYTES:
            return text
    raise PageTooLongError(f"the HTML page has more than {MAX_BYTES} bytes even if all its lists are empty")


def render_fixes_page(
    trends: FleetTrends | None,
    parts: PageParts,
    stages: StageReport | None = None,
    exposure: ExposureSummary | None = None,
) -> str:
    """Return the page about the fixes of a fleet over time. `trends` is None if the state contains no visit yet.

    If `stages` is not None, the page also shows how far updates got. If `exposure` is not None, it shows the tables
    about publishers.
    """
    template = _compile_template(tuple(parts.templates.items()), FIXES_PAGE)
    section = build_stage_section(stages, MAX_STUCK) if stages is not None else None
    return template.render(_build_values(parts, trends, exposure), stages=section).strip()


def _build_values(parts: PageParts, trends: FleetTrends | None, exposure: ExposureSummary | None) -> dict[str, object]:
    """Return the values that all pages have."""
    style, script = _mark_trusted(parts.style), _mark_trusted(parts.script)
    return {
        "policy": _SECURITY_POLICY.format(style=_hash_content(style), script=_hash_content(script)),
        "style": style,
        "version": __version__,
        "trends": build_trend_section(trends) if trends is not None else None,
        "publishers": build_publisher_tables(exposure) if exposure is not None else (),
    }


@lru_cache(2)
def _compile_template(templates: tuple[tuple[str, str], ...], name: str) -> Template:
    """Return the template `name`. It can include the other templates in `templates`."""
    return build_environment(dict(templates)).get_template(name)


def build_environment(templates: Mapping[str, str]) -> Environment:
    """Return an environment whose templates escape all values and can include each other."""
    environment = Environment(
        loader=DictLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters = {}
    return environment


def _mark_trusted(content: str) -> Markup:
    """Return text as HTML that the template does not escape.

    The text is the content of a file that ships with basebump, or JSON without the character `<`.
    """
    return Markup(content.strip())  # noqa: S704 - see above


def _hash_content(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
