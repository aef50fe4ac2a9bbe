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
_MAX_CACHED_TOKENS = 50
"""Longer expressions are rarely repeated. Without the limit, a few thousand of them would fill the memory."""

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


class ActionExpression:
    """The tokens of an expression, with properties that are computed only once.

    An expression is compared by identity, which makes it a fast key of a cache. Tuples of tokens are hashed again for
    each look-up. Equal expressions that follow each other closely are the same object.
    """

    __slots__ = ("is_cacheable", "tokens")

    def __init__(self, tokens: tuple[ActionToken, ...]) -> None:
        self.tokens = tokens
        self.is_cacheable = len(tokens) <= _MAX_CACHED_TOKENS and not _has_variables(tokens)
        """True if the value depends on no variable, so that it is the same for the same dot."""

    @property
    def starts_with_line_break(self) -> bool:
        """True if the value starts with a line break because the expression ends in `nindent`."""
        words = (text for kind, text, _ in reversed(self.tokens) if kind in {"word", "sign"})
        return next(words, "") == "nindent"


def _has_variables(tokens: tuple[ActionToken, ...]) -> bool:
    for kind, text, _ in tokens:  # noqa: SIM110 - a generator takes twice as long
        if kind == "variable" and text != "$":
            return True
    return False


class TemplateAction(NamedTuple):
    """An action of a template: the parsed text between `{{` and `}}`."""

    keyword: str
    """The first token if it is a word, otherwise empty."""
    token_count: int
    expression: ActionExpression
    """The expression after the keyword and the variables."""
    variables: tuple[str, ...] = ()
    """The variables to which the value of the expression is assigned."""
    name: str = ""
    """The name of the template after `define`, `block` or `template`. After `else`, the keyword of the new branch."""


def read_actions(text: str, *, with_texts: bool = True) -> Iterator[str | TemplateAction]:
    """Split a template into its literal texts, which are strings, and its actions. Raises UnsupportedTemplateError.

    Comments are left out, and so is the space that `{{-` and `-}}` remove. If `with_texts` is False, literal texts are
    left out, too.
    """
    at = 0
    trims = False
    token_count = 0
    while (start := text.find("{{", at)) >= 0:
        match = _ACTION.match(text, start, start + MAX_ACTION_LENGTH)
        if match is None:
            raise UnsupportedTemplateError
        trims_before, inside, trims_after = match.groups()
        if with_texts:
            before = text[at:start]
            before = before.lstrip() if trims else before
            before = before.rstrip() if trims_before else before
            if before:
                yield before
        if inside is not None:
            action = (_parse_action_cached if len(inside) <= _MAX_CACHED_LENGTH else _parse_action)(inside)
            token_count += action.token_count
            if token_count > MAX_TOKENS:
                raise UnsupportedTemplateError
            yield action
        at, trims = match.end(), trims_after is not None
    rest = text[at:].lstrip() if trims else text[at:]
    if rest and with_texts:
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
    return _make_action(tuple(tokens))


def _make_action(tokens: tuple[ActionToken, ...]) -> TemplateAction:
    """Return the action that consists of `tokens`. Raises UnsupportedTemplateError."""
    keyword = tokens[0].text if tokens and tokens[0].kind == "word" else ""
    name = ""
    variables: tuple[str, ...] = ()
    match keyword, tokens:
        case (("end" | "break" | "continue"), _):
            expression: tuple[ActionToken, ...] = ()
        case (("define" | "block" | "template"), (_, ActionToken("text", name), *argument)):
            expression = tuple(argument)
        case (("define" | "block" | "template"), _):
            raise UnsupportedTemplateError
        case (("if" | "with" | "range"), _):
            variables, expression = _split_assignment(tokens[1:])
        case "else", _:
            name = tokens[1].text if tokens[1:] else keyword
            variables, expression = _split_assignment(tokens[2:])
        case _:
            variables, expression = _split_assignment(tokens)
    return TemplateAction(keyword, len(tokens), _make_expression(expression), variables, name)


_make_expression = lru_cache(maxsize=4096)(ActionExpression)
"""Returns the same object for equal tokens, because `{{ if .Values.name }}` and `{{ .Values.name }}` occur together."""


def _split_assignment(tokens: tuple[ActionToken, ...]) -> tuple[tuple[str, ...], tuple[ActionToken, ...]]:
    """Split `$a, $b := EXPRESSION` into the names of the variables and the tokens of the expression.

    If `tokens` are not an assignment, return no variables and all tokens. Raises UnsupportedTemplateError.
    """
    for at, token in enumerate(tokens[:4]):
        if token.kind == "sign" and token.text in {":=", "="}:
            variables = tuple(each.text for each in tokens[:at] if each.text != ",")
            if not variables or not all(variable.startswith("$") for variable in variables):
                raise UnsupportedTemplateError
            return variables, tokens[at + 1 :]
    return (), tokens


_parse_action_cached = lru_cache(maxsize=4096)(_parse_action)
"""The same with a cache, because most actions of a chart occur repeatedly."""


def _unescape(escape: re.Match[str]) -> str:
    return _ESCAPED.get(escape[1], escape[1])
