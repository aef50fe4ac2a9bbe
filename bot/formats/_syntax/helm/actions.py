"""Split Go templates, as used by Helm, into literal texts and actions (`{{ … }}`).

See https://pkg.go.dev/text/template#hdr-Actions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

MAX_ACTION_LENGTH = 65_536
"""Limit on the characters of one action. The longest comments and expressions of charts have a few thousand."""
MAX_TOKENS = 200_000
"""Limit on the tokens in the actions of one template. The longest templates of large charts have about 20,000."""
_MAX_CACHED_LENGTH = 200
"""Longer actions are rarely repeated. Without the limit, a few thousand long actions would fill the memory."""

_ACTION = re.compile(
    r"""\{\{(?P<trims_before>-(?=\s))?
        (?:\s*/\*.*?\*/\s*?|(?P<inside>(?:"(?:\\.|[^"\\\n])*"|`[^`]*`|'(?:\\.|[^'\\\n])+'|[^"`'}-]++|-|\}(?!\}))*?))
        (?P<trims_after>(?<=\s)-)?\}\}""",
    re.DOTALL | re.VERBOSE,
)
"""One action. A string in an action may contain braces."""
_TOKEN = re.compile(
    r"""\s*+(?:
        (?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)
      | (?P<variable>\$\w*)
      | (?P<fields>(?:\.[^\W\d]\w*)+)
      | (?P<dot>\.)
      | (?P<word>[^\W\d]\w*)
      | (?P<number>[-+]?\d[\w.+-]*|'(?:\\.|[^'\\\n])+')
      | (?P<sign>:=|[=|(),]))""",
    re.VERBOSE,
)
"""One token, after any space."""
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t"}


class UnsupportedTemplateError(Exception):
    """A template, or an expression in a template, cannot be analysed by this package."""


class ActionToken(NamedTuple):
    """A token in an action, such as `.Values.image` or `|`.

    This is a named tuple and not a dataclass, to save time and memory: a large chart has tens of thousands of tokens.
    """

    kind: str
    """The name of the token's group in _TOKEN."""
    text: str
    """The source text of the token. For a string, its value."""
    is_attached: bool
    """True if the token follows the previous one without a space."""


class TemplateAction(NamedTuple):
    """An action of a template: the tokens between `{{` and `}}`."""

    tokens: tuple[ActionToken, ...]
    keyword: str = ""
    """The first token if it is a word, otherwise empty."""


def read_actions(text: str) -> Iterator[str | TemplateAction]:
    """Split a template into its literal texts, which are strings, and its actions. Raises UnsupportedTemplateError.

    Comments are left out, and so is the space that `{{-` and `-}}` remove.
    """
    at = 0
    trims = False
    token_count = 0
    while (start := text.find("{{", at)) >= 0:
        match = _ACTION.match(text, start, start + MAX_ACTION_LENGTH)
        if match is None:
            raise UnsupportedTemplateError
        trims_before, inside, trims_after = match.groups()
        before = text[at:start]
        before = before.lstrip() if trims else before
        before = before.rstrip() if trims_before else before
        if before:
            yield before
        if inside is not None:
            action = (_parse_action_cached if len(inside) <= _MAX_CACHED_LENGTH else _parse_action)(inside)
            token_count += len(action.tokens)
            if token_count > MAX_TOKENS:
                raise UnsupportedTemplateError
            yield action
        at, trims = match.end(), trims_after is not None
    rest = text[at:].lstrip() if trims else text[at:]
    if rest:
        yield rest


def _parse_action(inside: str) -> TemplateAction:
    """Parse the text between `{{` and `}}`. Raises UnsupportedTemplateError."""
    tokens: list[ActionToken] = []
    at = 0
    end = len(inside.rstrip())
    while at < end:
        match = _TOKEN.match(inside, at)
        if match is None:
            raise UnsupportedTemplateError
        kind = match.lastgroup or ""
        text = match[kind]
        is_attached = 0 < at == match.start(kind)
        if kind == "text":
            text = text[1:-1] if text[0] == "`" else _ESCAPE.sub(_unescape, text[1:-1])
        tokens.append(ActionToken(kind, text, is_attached))
        at = match.end()
    return TemplateAction(tuple(tokens), tokens[0].text if tokens and tokens[0].kind == "word" else "")


_parse_action_cached = lru_cache(maxsize=4096)(_parse_action)
"""The same with a cache, because most actions of a chart occur repeatedly."""


def _unescape(escape: re.Match[str]) -> str:
    return _ESCAPED.get(escape[1], escape[1])
