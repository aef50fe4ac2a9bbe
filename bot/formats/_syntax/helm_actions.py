"""Go templates as Helm reads them: texts, and the actions between them (https://pkg.go.dev/text/template#hdr-Actions)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ACTION = re.compile(
    r"""\{\{(?P<trims_before>-(?=\s))?
        (?:\s*/\*.*?\*/\s*?|(?P<inside>(?:"(?:\\.|[^"\\\n])*"|`[^`]*`|'(?:\\.|[^'\\\n])+'|(?!\}\}|["`']).)*?))
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


class NotUnderstoodError(Exception):
    """A template, or an expression in it, is none that we can read."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of an action."""

    kind: str
    """The name of its group in _TOKEN."""
    text: str
    """Of a string, what it says."""
    is_attached: bool
    """Whether it follows the one before without a space."""


@dataclass(frozen=True, slots=True)
class Action:
    """What stands between braces."""

    tokens: tuple[Token, ...]

    @property
    def keyword(self) -> str:
        return self.tokens[0].text if self.tokens and self.tokens[0].kind == "word" else ""


def read_actions(text: str) -> Iterator[str | Action]:
    """Yield texts and actions in their order, without comments and what trim marks take away.

    Raises NotUnderstoodError.
    """
    at = 0
    trims = False
    while (start := text.find("{{", at)) >= 0:
        match = _ACTION.match(text, start)
        if match is None:
            raise NotUnderstoodError
        before = text[at:start]
        before = before.lstrip() if trims else before
        before = before.rstrip() if match["trims_before"] else before
        if before:
            yield before
        if match["inside"] is not None:
            yield Action(tuple(_tokens(match["inside"])))
        at, trims = match.end(), match["trims_after"] is not None
    rest = text[at:].lstrip() if trims else text[at:]
    if rest:
        yield rest


def _tokens(inside: str) -> Iterator[Token]:
    at = 0
    while True:
        space = _SPACE.match(inside, at)
        start = space.end() if space else at
        if start == len(inside):
            return
        match = _TOKEN.match(inside, start)
        if match is None:
            raise NotUnderstoodError
        kind, text = match.lastgroup or "", match[0]
        if kind == "text":
            text = text[1:-1] if text[0] == "`" else _ESCAPE.sub(_unescaped, text[1:-1])
        yield Token(kind, text, is_attached=start == at and at > 0)
        at = match.end()


def _unescaped(escape: re.Match[str]) -> str:
    return _ESCAPED.get(escape[1], escape[1])
