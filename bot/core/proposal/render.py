"""Templates: a sandbox in which text from outside can only be shown, and bodies that fit their forge."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache

from jinja2 import StrictUndefined, Template, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.core.proposal.dashboard import DashboardView
from bot.core.proposal.view.comparison import ComparisonView
from bot.core.proposal.view.proposal import ProposalView
from bot.core.proposal.words import HeadView
from bot.model.errors import BasebumpError
from bot.model.evidence import Severity

ALLOWED_FILTERS = ("length", "join")
"""Filters that show a value whole or not at all. One that cuts or rewrites text could open a code span."""

_ROWS = (200, 100, 50, 25, 10, 5, 2, 1, 0)
"""How many rows a list may show, tried in turn until the body fits."""

_TEMPLATES = 4
"""Compiled templates that are kept: a run has one for all of its proposals, and compiling it takes 25 milliseconds."""

_BLANK_LINES = re.compile(r"\n{3,}")


class BodyTooLongError(BasebumpError):
    """Even cut to the bone the body does not fit the forge."""


class TemplateFailedError(BasebumpError):
    """A template does what it may not, or names what there is not."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Text that was rendered stays whole: no methods of strings, no items or slices of them."""

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        return not _is_rendered(obj) and super().is_safe_attribute(obj, attr, value)

    def getitem(self, obj: object, argument: object) -> object:
        if _is_rendered(obj):
            raise SecurityError("text is shown whole or not at all")
        return super().getitem(obj, argument)


def _is_rendered(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, Enum)


@lru_cache(_TEMPLATES)
def compile_template(source: str) -> Template:
    """Return a template in its sandbox: strict, with the allowed filters alone.

    Raises jinja2's TemplateError, as rendering does, when the template does what it may not.
    """
    sandbox = _Sandbox(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True)
    sandbox.filters = {name: sandbox.filters[name] for name in ALLOWED_FILTERS}
    sandbox.globals = {"Severity": {severity.name: severity for severity in Severity}}
    if any(sandbox.parse(source).find_all(nodes.Slice)):  # compiled to Python's own slicing, past `getitem`
        raise SecurityError("text is shown whole or not at all")
    return sandbox.from_string(source)


def render_body(source: str, view_with: Callable[[int], ProposalView], limit: int) -> str:
    """Render the body of a proposal with as many rows as fit into `limit` characters.

    `view_with` builds the view for a number of rows. Raises BodyTooLongError when no number is small enough.
    """
    return _fitting(source, "proposal", view_with, limit)


def render_dashboard(source: str, view_with: Callable[[int], DashboardView], limit: int) -> str:
    """Render a dashboard, as `render_body` does the body of a proposal."""
    return _fitting(source, "dashboard", view_with, limit)


def render_comparison(source: str, view_with: Callable[[int], ComparisonView], limit: int) -> str:
    """Render two images that somebody compares, as `render_body` does the body of a proposal."""
    return _fitting(source, "comparison", view_with, limit)


def render_line(source: str, head: HeadView) -> str:
    """Render the title of a proposal. Raises TemplateFailedError."""
    return _rendered(source, {"proposal": head}).strip()


def render_message(source: str, head: HeadView) -> str:
    """Render the message of a commit, without trailers. Raises TemplateFailedError where it says nothing."""
    message = _BLANK_LINES.sub("\n\n", _rendered(source, {"proposal": head})).strip()
    if not message:
        raise TemplateFailedError("the template of commit messages renders nothing; let it say what was done")
    return message


def _rendered(source: str, views: Mapping[str, object]) -> str:
    try:
        return compile_template(source).render(views)
    except TemplateError as error:
        raise TemplateFailedError(f"a template cannot be rendered: {error}; correct it, or leave it out") from None


def _fitting(source: str, called: str, view_with: Callable[[int], object], limit: int) -> str:
    for rows in _ROWS:
        body = _BLANK_LINES.sub("\n\n", _rendered(source, {called: view_with(rows)}))
        if len(body) <= limit:
            return body
    raise BodyTooLongError(f"its text has {len(body)} characters without any list, and the forge takes {limit}")
