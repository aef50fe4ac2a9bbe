"""Split Go templates, as Helm reads them, into texts and actions.

https://pkg.go.dev/text/template#hdr-Actions
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_ACTION = re.compile(
    r"""\{\{(?P<trims_before>-(?=\s))?
        (?:\s*/\*.*?\*/\s*?|(?P<inside>(?:"(?:\\.|[^"\\\n])*"|`[^`]*`|'(?:\\.|[^'\\\n])+'|[^"`'}-]++|-|\}(?!\}))*?))
        (?P<trims_after>(?<=\s)-)?\}\}""",
    re.DOTALL | re.VERBOSE,
)
"""One action; a string in it may hold braces."""
_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)
      | (?P<variable>\$\w*)
      | (?P<fields>(?:\.[^\W\d]\w*)+)
      | (?P<dot>\.)
      | (?P<word>[^\W\d]\w*)
      | (?P<number>[-+]?\d[\w.+-]*|'(?:\\.|[^'\\\n])+')
      | (?P<sign>:=|[=|(),])""",
    re.VERBOSE,
)
_SPACE = re.compile(r"\s*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t"}


class UnsupportedTemplateError(Exception):
    """A template, or an expression in it, that this package cannot parse."""


class ActionToken(NamedTuple):
    """A token of an action. A tuple, since a large chart has tens of thousands of tokens."""

    kind: str
    """The name of its group in _TOKEN."""
    text: str
    """The source text; for a string, its value."""
    is_attached: bool
    """Whether it follows the previous token without a space."""


class TemplateAction(NamedTuple):
    """The tokens between `{{` and `}}`."""

    tokens: tuple[ActionToken, ...]
    keyword: str = ""
    """The first token if that is a word, else empty."""


def read_actions(text: str) -> Iterator[str | TemplateAction]:
    """Yield texts and actions in order, without comments and without the space that trim marks remove.

    Raises UnsupportedTemplateError.
    """
    at = 0
    trims = False
    while (start := text.find("{{", at)) >= 0:
        match = _ACTION.match(text, start)
        if match is None:
            raise UnsupportedTemplateError
        before = text[at:start]
        before = before.lstrip() if trims else before
        before = before.rstrip() if match["trims_before"] else before
        if before:
            yield before
        if match["inside"] is not None:
            yield _parse_action(match["inside"])
        at, trims = match.end(), match["trims_after"] is not None
    rest = text[at:].lstrip() if trims else text[at:]
    if rest:
        yield rest


@lru_cache(maxsize=4096)
def _parse_action(inside: str) -> TemplateAction:
    """Parse the text between braces; cached, since three of four actions of a chart repeat an earlier one."""
    tokens: list[ActionToken] = []
    at = 0
    while True:
        space = _SPACE.match(inside, at)
        start = space.end() if space else at
        if start == len(inside):
            return TemplateAction(tuple(tokens), tokens[0].text if tokens and tokens[0].kind == "word" else "")
        match = _TOKEN.match(inside, start)
        if match is None:
            raise UnsupportedTemplateError
        kind, text = match.lastgroup or "", match[0]
        if kind == "text":
            text = text[1:-1] if text[0] == "`" else _ESCAPE.sub(_unescape, text[1:-1])
        tokens.append(ActionToken(kind, text, start == at and at > 0))
        at = match.end()


def _unescape(escape: re.Match[str]) -> str:
    return _ESCAPED.get(escape[1], escape[1])
