"""Split Go templates, as used by Helm, into literal texts and actions (`{{ … }}`).

See https://pkg.go.dev/text/template#hdr-Actions.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MAX_ACTIONS = 20_000
"""Limit on the actions of one file. The longest templates of large charts have a few thousand actions."""
MAX_ACTION_LENGTH = 65_536
"""Limit on the characters of one action that is not a comment. The longest actions in charts have a few thousand
characters."""
MAX_TOKENS = 200_000
"""Limit on the tokens in the actions of one template. The longest templates of large charts have about 20,000."""
MAX_CACHED_ACTIONS = 8192
"""Limit on the actions, and on their values, that are kept for other templates and for the next reading of a tree. The
118 charts of a large public repository have about 6,000 different actions, which take 10 MB with their values."""
_MAX_CACHED_LENGTH = 200
"""Longer actions are rarely repeated. Without the limit, a few thousand long actions would fill the memory."""
_MAX_CACHED_TOKENS = 50
"""Longer expressions are rarely repeated. Without the limit, a few thousand long expressions would fill the memory."""

_ACTION = re.compile(
    r"""\{\{(?:
        (?P<trims_before>-(?=\s))?
        (?:\s*+/\*.*?\*/\s*?(?=(?:(?<=\s)-)?\}\})
          |(?P<inside>[^"`'}-]*+(?:
              (?:"(?:\\.|[^"\\\n])*+"|`[^`]*+`|'(?:\\.|[^'\\\n])++'|-(?!\}\})|(?<!\s)-|\}(?!\}))[^"`'}-]*+)*+))
        (?P<trims_after>(?<=\s)-)?\}\}
      | (?P<rest>.*+))""",
    re.DOTALL | re.VERBOSE,
)
"""One action, or the rest of the template if no action starts at `{{`. A string in an action may contain braces."""
_TOKEN = re.compile(
    r"""(
        (?:\.[^\W\d]\w*+)++
      | [^\W\d]\w*+
      | "(?:[^"\\\n]++|\\.)*+"|`[^`]*+`
      | [=|(,]
      | (?:\$\w*+|\))(?:\.[^\W\d]\w*+)*+
      | \.
      | [-+]?\d[\w.+-]*+|'(?:\\.|[^'\\\n])++'
      | :=)""",
    re.VERBOSE,
)
"""One token. The fields that directly follow a variable or a parenthesis belong to its token, as in `$root.Values`."""
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t"}
_ASSIGNMENTS = frozenset({":=", "="})
_KEYWORDS = frozenset({"if", "with", "range", "else", "end", "define", "block", "template", "break", "continue"})


class UnsupportedTemplateError(Exception):
    """A template, or an expression in a template, is not valid or exceeds a limit of this package."""


class ActionExpression:
    """The tokens of an expression, with properties that are computed only once.

    An expression is compared by identity, which makes it a fast key of a cache. Tuples of tokens are hashed again for
    each look-up. The expressions of equal actions that follow each other closely are the same object.
    """

    __slots__ = ("is_cacheable", "is_path", "tokens")

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self.tokens = tokens
        """The source texts of the tokens, such as `.Values.image` or `|`."""
        self.is_path = len(tokens) == 1 and tokens[0][0] in ".$"
        """True if the expression is the path of a single value, such as `.Values.name` or `$name`."""
        self.is_cacheable = len(tokens) <= _MAX_CACHED_TOKENS and not _has_variables(tokens)
        """True if the value depends on no variable, but only on the value of `.`."""

    @property
    def starts_with_line_break(self) -> bool:
        """True if the value starts with a line break because the expression ends in `nindent`."""
        words = (token for token in reversed(self.tokens) if is_word(token) or token[0] in "=:|(),")
        return next(words, "") == "nindent"


def is_word(token: str) -> bool:
    """Return True if a token is the name of a function, a keyword, or a constant."""
    return token[0].isalpha() or token[0] == "_"


def _has_variables(tokens: tuple[str, ...]) -> bool:
    for token in tokens:  # noqa: SIM110 - a generator takes twice as long
        if token[0] == "$" and token[1:2] not in {"", "."}:
            return True
    return False


def parse_text(token: str) -> str:
    """Return the value of a string in quotes or backquotes."""
    text = token[1:-1]
    return _ESCAPE.sub(_unescape, text) if token[0] == '"' and "\\" in text else text


class TemplateAction(NamedTuple):
    """An action of a template: the parsed text between `{{` and `}}`."""

    keyword: str
    """The first token if it is a keyword that starts or ends a part of the template, such as `if`; otherwise empty."""
    token_count: int
    expression: ActionExpression
    """The expression after the keyword and the variables. For `block` and `template`, the equivalent `include`
    expression."""
    variables: tuple[str, ...] = ()
    """The variables to which the value of the expression is assigned."""
    name: str = ""
    """The name of the template after `define`, `block` or `template`. For `if`, `with`, `range` and `else`, the keyword
    of the branch: for `else if`, this is `if`."""


def read_actions(text: str, *, with_texts: bool = True) -> list[str | TemplateAction]:
    """Split a template into its literal texts, which are strings, and its actions.

    Raises UnsupportedTemplateError if an action is not valid or the template exceeds a limit.

    Comments are left out, and so is the space that `{{-` and `-}}` remove. If `with_texts` is False, literal texts are
    left out, too.
    """
    *pieces, last_text = _ACTION.split(text, MAX_ACTIONS)
    has_unreadable_rest = bool(pieces) and pieces[-1] is not None  # no action can follow the group `rest`
    if "{{" in last_text or has_unreadable_rest:
        raise UnsupportedTemplateError
    found: list[str | TemplateAction] = []
    trims = False
    token_count = 0
    parts = iter(pieces)
    for before, trims_before, inside, trims_after, _ in zip(parts, parts, parts, parts, parts, strict=True):
        if with_texts:
            literal = before.lstrip() if trims else before
            literal = literal.rstrip() if trims_before else literal
            if literal:
                found.append(literal)
            trims = trims_after is not None
        if inside is not None:
            action = (_parse_action_cached if len(inside) <= _MAX_CACHED_LENGTH else _parse_action)(inside)
            token_count += action.token_count
            if token_count > MAX_TOKENS:
                raise UnsupportedTemplateError
            found.append(action)
    last_text = last_text.lstrip() if trims else last_text
    if with_texts and last_text:
        found.append(last_text)
    return found


def _parse_action(inside: str) -> TemplateAction:
    """Parse the text between `{{` and `}}`.

    Raises UnsupportedTemplateError if this text is not a valid action, or is longer than MAX_ACTION_LENGTH.
    """
    if len(inside) > MAX_ACTION_LENGTH:
        raise UnsupportedTemplateError
    pieces = _TOKEN.split(inside)
    if "".join(pieces[::2]).strip():  # text between the tokens is not a valid token
        raise UnsupportedTemplateError
    return _make_action(tuple(pieces[1::2]))


def _make_action(tokens: tuple[str, ...]) -> TemplateAction:
    """Return the action that consists of `tokens`.

    Raises UnsupportedTemplateError if a quoted name does not follow `define`, `block` or `template`, or if an
    assignment is not valid.
    """
    keyword = tokens[0] if tokens and tokens[0] in _KEYWORDS else ""
    name = ""
    variables: tuple[str, ...] = ()
    match keyword:
        case "":
            variables, expression = _split_assignment(tokens)
        case "end" | "break" | "continue":
            expression = ()
        case "define" | "block" | "template":
            if tokens[1:2] == () or tokens[1][0] not in '"`':
                raise UnsupportedTemplateError
            keyword = "" if keyword == "template" else keyword
            name = parse_text(tokens[1])
            expression = ("include", tokens[1], *(("(", *tokens[2:], ")") if tokens[2:] else ()))
        case "if" | "with" | "range":
            name = keyword
            variables, expression = _split_assignment(tokens[1:])
        case _:
            name = tokens[1] if tokens[1:] else keyword
            variables, expression = _split_assignment(tokens[2:])
    return TemplateAction(keyword, len(tokens), ActionExpression(expression), variables, name)


def _split_assignment(tokens: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split `$a, $b := EXPRESSION` into the names of the variables and the tokens of the expression.

    If `tokens` are not an assignment, return no variables and all tokens. Raises UnsupportedTemplateError if the left
    side of the assignment contains anything except variables.
    """
    if not tokens or tokens[0][0] != "$":
        return (), tokens
    for at, token in enumerate(tokens[:4]):
        if token in _ASSIGNMENTS:
            variables = tuple(each for each in tokens[:at] if each != ",")
            if not all(each[0] == "$" and "." not in each for each in variables):
                raise UnsupportedTemplateError
            return variables, tokens[at + 1 :]
    return (), tokens


_parse_action_cached = lru_cache(maxsize=MAX_CACHED_ACTIONS)(_parse_action)
"""`_parse_action` with a cache, because most actions of a chart occur repeatedly."""


def _unescape(escape: re.Match[str]) -> str:
    return _ESCAPED.get(escape[1], escape[1])
