"""One page of a run, or of several that shared a fleet: it stands by itself, and asks nobody for anything.

This is the one place where texts from outside become HTML: the template shows values of a page alone, and every one of
them is escaped unless it was made here.
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
from bot.reports._page import page
from bot.reports.run_facts import RunFacts, merged

MAX_BYTES = 5_000_000
"""What a browser shows without a wait, and a mail or an artefact still takes."""
_ROWS = (5000, 2000, 1000, 500, 200, 100, 50, 20, 5, 0)
"""How many rows a list may show, tried in turn until the page fits."""
_POLICY = (
    "default-src 'none'; style-src '{style}'; script-src '{script}'; img-src data:; base-uri 'none'; form-action 'none'"
)
"""https://www.w3.org/TR/CSP3/: our own style and script by their hashes, and nothing else."""


class PageTooLongError(BasebumpError):
    """Even without any row the page is too long."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """The files that a page is made of."""

    template: str
    style: str
    script: str
    """What makes it nicer; the page is whole without."""


def html_page(runs: Sequence[RunFacts], parts: PageParts) -> str:
    """Return the page of a run, or of several that shared a fleet."""
    run = merged(runs)
    style, script = _within(parts.style), _within(parts.script)
    values = {
        "policy": _POLICY.format(style=_hash_of(style), script=_hash_of(script)),
        "style": style,
        "script": script,
        "version": __version__,
    }
    template = _compiled(parts.template)
    for rows in _ROWS:
        text = template.render(values, page=page(run, rows)).strip()
        if len(text.encode()) <= MAX_BYTES:
            return text
    raise PageTooLongError(f"the page has more than {MAX_BYTES} bytes without any row of a list")


@lru_cache(1)
def _compiled(source: str) -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters = {}
    return environment.from_string(source)


def _within(ours: str) -> Markup:
    """Return a file of ours as the whole content of an element, without its last line's end."""
    return Markup(ours.strip())  # noqa: S704 - it ships beside the code, and nothing is put into it


def _hash_of(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
