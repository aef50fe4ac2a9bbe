"""Rendering of templates. A sandbox prevents templates from breaking up untrusted text.

If a text exceeds the forge's limit, it is rendered again with shorter lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from functools import lru_cache
from threading import Lock

from jinja2 import StrictUndefined, Template, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.core.markdown import make_one_line
from bot.core.proposal.request_text import count_characters
from bot.core.proposal.titles import TitleView
from bot.core.proposal.view.comparison import ComparisonView
from bot.core.proposal.view.dashboard import DashboardView
from bot.core.proposal.view.proposal import ProposalView
from bot.model.errors import BasebumpError
from bot.model.evidence import Severity

ALLOWED_FILTERS = ("length", "join")
"""Filters that show a value completely or not at all. Filters that cut or modify text could break out of a code
span."""

_ROWS = (200, 100, 50, 25, 10, 5, 2, 1, 0)
"""Limits for the rows of a list, which are tried one after another until the body fits."""

_TEMPLATES = 8
"""Number of compiled templates to cache. A run uses at most six, for all its proposals, and compiling one takes up to
150 ms."""
_COMPILER = Lock()
"""Held while a template is compiled. Threads that need the same template at the same time wait, and compile it once."""

_BLANK_LINES = re.compile(r"\n{3,}")


class BodyTooLongError(BasebumpError):
    """Raised if the text exceeds the forge's limit even with empty lists."""


_FORBIDDEN_OPERATORS = (nodes.Mul, nodes.Pow, nodes.Mod)
"""Operators whose results can need hours or all memory, such as `9 ** 9 ** 9`. Jinja computes constants while it
compiles a template, and thus while basebump reads a config."""
_COMPILER_ERRORS = (MemoryError, RecursionError, SyntaxError, ValueError)
"""Errors of the compiler besides those of jinja2, because of nested or large expressions."""
_EXPRESSION_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Errors that an expression of a template can raise besides those of jinja2, such as a division by zero."""


class TemplateFailedError(BasebumpError):
    """Raised if a template uses a forbidden operation or an undefined name, or renders an empty commit message."""


class _TemplateSandbox(ImmutableSandboxedEnvironment):
    """A sandbox in which templates can show a text as a whole, but cannot slice it, index it or call its methods."""

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        return not _is_rendered(obj) and super().is_safe_attribute(obj, attr, value)

    def getitem(self, obj: object, argument: object) -> object:
        if _is_rendered(obj):
            raise SecurityError("strings in a template must not be sliced or indexed")
        return super().getitem(obj, argument)


def _is_rendered(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, Enum)


def compile_template(source: str) -> Template:
    """Compile a template in the sandbox. Undefined names are errors, and only ALLOWED_FILTERS exist.

    Raises jinja2's TemplateError if the template is invalid, slices a text, or uses a forbidden operator. Other
    forbidden operations raise TemplateError when the compiled template is rendered.
    """
    with _COMPILER:
        return _compile_template(source)


@lru_cache(_TEMPLATES)
def _compile_template(source: str) -> Template:
    sandbox = _TemplateSandbox(
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    sandbox.filters = {name: sandbox.filters[name] for name in ALLOWED_FILTERS}
    sandbox.globals = {"Severity": {severity.name: severity for severity in Severity}}
    try:
        parsed = sandbox.parse(source)
        if any(parsed.find_all(nodes.Slice)):  # compiled slices never call `getitem`
            raise SecurityError("strings in a template must not be sliced or indexed")
        if any(parsed.find_all(_FORBIDDEN_OPERATORS)):
            raise SecurityError("the operators `*`, `**` and `%` are not allowed")
        return sandbox.from_string(source)
    except _COMPILER_ERRORS as error:
        raise TemplateError(f"an expression is too large or nested too deeply ({type(error).__name__})") from None


def render_body(source: str, view_builder: Callable[[int], ProposalView], limit: int) -> str:
    """Render the text of a proposal in at most `limit` characters, with as many list rows as fit.

    `view_builder` builds the view with at most the given number of rows in each list. Raises BodyTooLongError if the
    text does not fit even with empty lists, and TemplateFailedError if the template fails.
    """
    return _render_within_limit(source, "proposal", view_builder, limit)


def render_dashboard(source: str, view_builder: Callable[[int], DashboardView], limit: int) -> str:
    """Render the text of a dashboard. Parameters and exceptions are those of `render_body`."""
    return _render_within_limit(source, "dashboard", view_builder, limit)


def render_comparison(source: str, view_builder: Callable[[int], ComparisonView], limit: int) -> str:
    """Render a comparison of two images. Parameters and exceptions are those of `render_body`."""
    return _render_within_limit(source, "comparison", view_builder, limit)


def render_title(source: str, title_view: TitleView, limit: int) -> str:
    """Render the title of a proposal in at most `limit` characters. Raises TemplateFailedError if the template fails.

    In a title that is too long, the headline is shortened, so that the title still states what the update adds.
    """
    title = _render_template(source, {"proposal": title_view}).strip()
    if len(title) > limit:
        room = len(str(title_view.headline)) - (len(title) - limit)
        title = _render_template(
            source, {"proposal": replace(title_view, headline=title_view.headline.shorten(room))}
        ).strip()
    return make_one_line(title, limit)


def render_message(source: str, title_view: TitleView) -> str:
    """Render a commit message. Trailers are added later, by `append_trailers`.

    Raises TemplateFailedError if the template fails or the message is empty.
    """
    message = _BLANK_LINES.sub("\n\n", _render_template(source, {"proposal": title_view})).strip()
    if not message:
        raise TemplateFailedError(
            "the template for commit messages renders an empty message; hint: describe the change in the template"
        )
    return message


def _render_template(source: str, views: Mapping[str, object]) -> str:
    try:
        return compile_template(source).render(views)
    except (TemplateError, *_EXPRESSION_ERRORS) as error:
        raise TemplateFailedError(
            f"a template cannot be rendered: {error}; hint: fix the template, or remove it from the config"
        ) from None


def _render_within_limit(source: str, view_name: str, view_builder: Callable[[int], object], limit: int) -> str:
    for rows in _ROWS:
        body = _BLANK_LINES.sub("\n\n", _render_template(source, {view_name: view_builder(rows)}))
        if count_characters(body) <= limit:
            return body
    raise BodyTooLongError(
        f"the {view_name} has {count_characters(body)} characters even if all its lists are empty, but only {limit} "
        "are allowed; hint: shorten the template"
    )
