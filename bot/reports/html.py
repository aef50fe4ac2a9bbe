"""Renders the HTML page of a run, or of several runs that shared a fleet; the page loads nothing from elsewhere.

Only here does text from outside become HTML. The template sees the values of the page only, and escapes each of them
unless this module made it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from bot import __version__
from bot.model.errors import BasebumpError
from bot.reports._fleet_page import build_page
from bot.reports.run_facts import RunFacts, merge_runs

MAX_BYTES = 5_000_000
"""A size that browsers show without delay, and that mail servers and artifact stores accept."""
_ROW_LIMITS = (5000, 2000, 1000, 500, 200, 100, 50, 20, 5, 0)
"""Numbers of rows in each list, tried in turn until the page fits."""
_SECURITY_POLICY = (
    "default-src 'none'; style-src '{style}'; script-src '{script}'; img-src data:; base-uri 'none'; form-action 'none'"
)
"""Allows the style and the script of the page by their hashes, and nothing else: https://www.w3.org/TR/CSP3/."""


class PageTooLongError(BasebumpError):
    """The page is too long even without any row."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """The files that the page is built from."""

    template: str
    style: str
    script: str
    """Optional for readers: the page is complete without it."""


def render_html_page(runs: Sequence[RunFacts], parts: PageParts) -> str:
    """Return the page of a run, or of several runs that shared a fleet. Raises PageTooLongError."""
    run = merge_runs(runs)
    style, script = _mark_trusted(parts.style), _mark_trusted(parts.script)
    values = {
        "policy": _SECURITY_POLICY.format(style=_hash_content(style), script=_hash_content(script)),
        "style": style,
        "script": script,
        "version": __version__,
    }
    template = _compile_template(parts.template)
    for rows in _ROW_LIMITS:
        text = template.render(values, page=build_page(run, rows)).strip()
        if len(text.encode()) <= MAX_BYTES:
            return text
    raise PageTooLongError(f"the page has more than {MAX_BYTES} bytes without any row of a list")


@lru_cache(1)
def _compile_template(source: str) -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters = {}
    return environment.from_string(source)


def _mark_trusted(content: str) -> Markup:
    """Mark a file of basebump as safe content of an element, without its last line break."""
    return Markup(content.strip())  # noqa: S704 - the file ships with the code, and nothing is inserted into it


def _hash_content(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
