"""Expressions of Helm templates, evaluated as far as to say which values end a text, and which are changed on the way.

Functions: https://helm.sh/docs/chart_template_guide/function_list/. What is not known here changes its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce

from bot.formats._syntax.helm.actions import NotUnderstoodError, Token
from bot.model.remark import Inclusion, Way

MAX_DEPTH = 30
"""Parentheses inside parentheses; people stop at five."""
MAX_SOURCES = 50
"""What one expression may come from; beyond that nothing is said of it."""
MAX_WAY = 20
"""Keys down to one value."""

ALGORITHM = "sha256:"
ITEM = "*"
"""In a way: any item, of a list or of a mapping."""

WRITTEN = "\0"
"""Stands for a value in the text before another."""
_NAME = re.compile(r"(?:(?:index\.)?docker\.io/)?(?:\0[:/]?)*(?:@|@?sha256:)?|[^\0]*[:@]")

_Sources = frozenset[Way | Inclusion]


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression may be; where that gets too much, NotUnderstoodError is raised."""

    ends: _Sources = frozenset()
    """What it ends in, as it is."""
    changed: _Sources = frozenset()
    """What else is in it: cut, compared, or with something behind it."""
    behind_algorithm: _Sources = frozenset()
    """What it ends in, behind `sha256:`."""
    named: tuple[tuple[str, Value], ...] = ()
    """What `dict` or `list` put together."""
    literal: str | None = None

    @property
    def sources(self) -> _Sources:
        return self.ends.union(self.changed, self.behind_algorithm, *(value.sources for _, value in self.named))

    @property
    def ways(self) -> frozenset[Way]:
        return frozenset(source for source in self.ends if isinstance(source, tuple))

    @property
    def whole(self) -> Value:
        """What it is as something that is only looked at as a whole."""
        return Value(changed=self.sources)

    @property
    def behind_sha256(self) -> Value:
        """What it is with an algorithm before it."""
        return replace(self, ends=frozenset(), behind_algorithm=self.behind_algorithm | self.ends)

    @property
    def tested(self) -> Value:
        """What is left where only its emptiness matters."""
        return Value(changed=self.changed | self.behind_algorithm)

    def or_else(self, other: Value) -> Value:
        """Return what is this or that."""
        if NOTHING in (self, other):
            known = self if other == NOTHING else other
            return known if known.literal is None else replace(known, literal=None)
        named = dict(self.named)
        for key, value in other.named:
            named[key] = named[key].or_else(value) if key in named else value
        either = Value(
            self.ends | other.ends,
            self.changed | other.changed,
            self.behind_algorithm | other.behind_algorithm,
            tuple(named.items()),
        )
        if max(len(either.sources), len(either.named)) > MAX_SOURCES:
            raise NotUnderstoodError
        return either

    def at(self, key: str) -> Value:
        """Return what is under `key` of this; ITEM stands for any."""
        if not self.named:
            return self.along((key,))
        inside = [value for name, value in self.named if key in {name, ITEM}]
        return _any([*inside, replace(self, named=()).along((key,))])

    def along(self, keys: Sequence[str]) -> Value:
        """Return what `keys`, one after another, lead to."""
        if not self.named:
            return Value(self._ways_along(tuple(keys)), self.sources - self.ways)
        return reduce(Value.at, keys, self)

    def _ways_along(self, keys: Way) -> frozenset[Way]:
        ways = frozenset((*way, *keys) for way in self.ways)
        if any(len(way) > MAX_WAY for way in ways):
            raise NotUnderstoodError
        return ways


NOTHING = Value()
ROOT = Value(ends=frozenset({()}))
"""What a template is given."""

_CONSTANTS = frozenset({"true", "false", "nil"})
_VERB = re.compile(r"%(?:%|(?P<format>[-+# 0]*\d*(?:\.\d+)?[a-zA-Z]))")


def is_name(before: str) -> bool:
    """Say whether a tag behind this text is that of the image whose values stand there, and of no other.

    So it is where they are all of the name (`/app:` behind them makes it another, `:v` the tag), or none of it.
    """
    return _NAME.fullmatch(before) is not None


def _any(values: list[Value]) -> Value:
    return reduce(Value.or_else, values, NOTHING)


def _changed(values: Iterable[Value]) -> Value:
    return _any([value.whole for value in values])


def _last(values: list[Value]) -> Value:
    return values[-1] if values else NOTHING


def _joined(values: list[Value]) -> Value:
    """Return a text of all, one after another."""
    return replace(_changed(values[:-1]).or_else(_last(values)), literal=None, named=())


def _formatted(values: list[Value]) -> Value:
    template, *arguments = values or [NOTHING]
    if template.literal is None:
        return _changed(values)
    verbs = [verb for verb in _VERB.finditer(template.literal) if verb["format"]]
    if len(verbs) != len(arguments):
        return _changed(values)
    written = [_written(verb, value) for verb, value in zip(verbs, arguments, strict=True)]
    return replace(_any(written), named=(), literal=None)


def _written(verb: re.Match[str], value: Value) -> Value:
    """Return what a verb makes of a value: that stays an end with nothing behind it, or a digest."""
    if verb["format"] not in {"s", "v"} or verb.string[verb.end() : verb.end() + 1] not in {"", "@"}:
        return value.whole
    if not is_name(_VERB.sub(WRITTEN, verb.string[: verb.start()])):
        return value.whole
    return value.behind_sha256 if verb.string.endswith(ALGORITHM, 0, verb.start()) else value


def _dictionary(values: list[Value]) -> Value:
    keys, inside = values[::2], values[1::2]
    names = [key.literal for key in keys if key.literal is not None]
    if len(names) != len(keys) or len(keys) != len(inside):
        return _changed(values)
    return _any([_collection(name, value) for name, value in zip(names, inside, strict=True)])


def _numbered(values: list[Value]) -> Value:
    return _any([_collection(str(number), value) for number, value in enumerate(values)])


def _collection(key: str, value: Value) -> Value:
    """Return what has `value` under `key`; of what is itself put together nothing more is known."""
    return Value(named=((key, value.whole if value.named else value),))


def _found(values: list[Value]) -> Value:
    """Return what `index` or `get` finds."""
    whole, *keys = values or [NOTHING]
    for key in keys:
        whole = whole.at(ITEM if key.literal is None else key.literal)
    return _any([whole, _changed(keys)])


def _compared(values: list[Value]) -> Value:
    """Return what a comparison looks at; one with an empty text only asks whether there is something."""
    return _tested(values) if any(value.literal == "" for value in values) else _changed(values)


def _tested(values: list[Value]) -> Value:
    return _any([value.tested for value in values])


def _chosen(values: list[Value]) -> Value:
    return _any([*values[:2], _tested(values[2:])])


_FUNCTIONS: dict[str, Callable[[list[Value]], Value]] = {
    **dict.fromkeys(("print", "quote", "squote", "toString", "trim", "required", "indent", "nindent"), _joined),
    **dict.fromkeys(("default", "coalesce", "or", "and", "merge", "mergeOverwrite", "deepCopy"), _any),
    **dict.fromkeys(("not", "empty", "hasKey", "kindIs", "kindOf", "typeIs", "typeOf", "len"), _tested),
    **dict.fromkeys(("eq", "ne"), _compared),
    **dict.fromkeys(("index", "get"), _found),
    **dict.fromkeys(("list", "tuple"), _numbered),
    **dict.fromkeys(("sha256sum", "sha1sum", "adler32sum", "fail", "lookup"), lambda _: NOTHING),
    "dict": _dictionary,
    "omit": lambda values: values[0] if values else NOTHING,
    "printf": _formatted,
    "ternary": _chosen,
}
"""What comes of the arguments, the piped one last; all other functions change what they are given."""


class Evaluator:
    """Evaluates the expressions of one template, whose variables it knows. Every method raises NotUnderstoodError."""

    def __init__(self) -> None:
        self.variables: dict[str, Value] = {}
        self.unknown: set[Way | Inclusion] = set()
        """What is used in a way that nobody can follow."""

    def assign(self, variable: str, value: Value) -> None:
        """Remember what a variable may be, beside what it was: scopes are not kept apart."""
        self.variables[variable] = self.variables.get(variable, NOTHING).or_else(value)

    def evaluate(self, tokens: tuple[Token, ...], dot: Value) -> Value:
        """Return what an expression may be."""
        if any(token.kind == "variable" and token.text != "$" for token in tokens):
            return self.read(tokens, dot)
        value, unknown = _evaluated_alone(tokens, dot)
        self.unknown |= unknown
        return value

    def read(self, tokens: tuple[Token, ...], dot: Value) -> Value:
        """Return the same, whatever was found out of the expression before."""
        reader = _Reader(self, tokens, dot)
        value = reader.pipeline(0)
        if reader.at < len(tokens):
            raise NotUnderstoodError
        return value

    def call(self, function: str, arguments: list[Value]) -> Value:
        """Return what a function makes of its arguments."""
        if function == "include":
            return self.include(*[*arguments, NOTHING, NOTHING][:2])
        if function == "tpl":
            text, *_ = arguments or [NOTHING]
            if any("Files" in source for source in text.sources if isinstance(source, tuple)):
                self.unknown.update(*(argument.sources for argument in arguments))
            return text
        if function in {"set", "unset"}:
            self.unknown.update(*(argument.sources - {()} for argument in arguments))
            return NOTHING
        return _FUNCTIONS.get(function, _changed)(arguments)

    def include(self, template: Value, given: Value) -> Value:
        """Return what another template renders."""
        if template.literal is None:
            is_file = any("Template" in source for source in template.sources if isinstance(source, tuple))
            self.unknown |= frozenset() if is_file else given.sources  # a whole file's text is only ever hashed
            return NOTHING
        self.unknown |= given.changed | given.behind_algorithm | (given.ends - given.ways)
        self.unknown.update(*(value.sources - value.ways for _, value in given.named))
        named = tuple((key, value.ways) for key, value in given.named)
        return Value(ends=frozenset({Inclusion(template.literal, given.ways, named)}))


@lru_cache(maxsize=4096)
def _evaluated_alone(tokens: tuple[Token, ...], dot: Value) -> tuple[Value, frozenset[Way | Inclusion]]:
    """Return what an expression without variables may be, and what it uses in a way that nobody can follow.

    Templates say the same things again and again.
    """
    alone = Evaluator()
    return alone.read(tokens, dot), frozenset(alone.unknown)


class _Reader:
    """Reads one expression. Every method raises NotUnderstoodError."""

    def __init__(self, evaluator: Evaluator, tokens: tuple[Token, ...], dot: Value) -> None:
        self._evaluator = evaluator
        self._tokens = tokens
        self._dot = dot
        self.at = 0

    def pipeline(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise NotUnderstoodError
        value = self._command(depth, [])
        while self._is_next(("|",)):
            self.at += 1
            value = self._command(depth, [value])
        return value

    def _command(self, depth: int, piped: list[Value]) -> Value:
        first = self._next()
        if first.kind == "word" and first.text not in _CONSTANTS:
            return self._evaluator.call(first.text, [*self._operands(depth), *piped])
        value = self._operand(first, depth)
        arguments = [*self._operands(depth), *piped]
        return _changed([value, *arguments]) if arguments else value  # a method, as of `.Files`

    def _operands(self, depth: int) -> list[Value]:
        operands: list[Value] = []
        while self.at < len(self._tokens) and not self._is_next(("|", ")")):
            operands.append(self._operand(self._next(), depth))
        return operands

    def _operand(self, token: Token, depth: int) -> Value:
        value = self._primary(token, depth)
        while self._has_fields():
            value = self._fields(value, self._next())
        return value

    def _primary(self, token: Token, depth: int) -> Value:
        match token.kind:
            case "text" | "number":
                return Value(literal=token.text)
            case "variable" if token.text == "$":
                return ROOT
            case "variable" if token.text in self._evaluator.variables:
                return self._evaluator.variables[token.text]
            case "fields":
                return self._fields(self._dot, token)
            case "dot":
                return self._dot
            case "word":
                return NOTHING if token.text in _CONSTANTS else self._evaluator.call(token.text, [])
            case "sign" if token.text == "(":
                value = self.pipeline(depth + 1)
                if self._next().text != ")":
                    raise NotUnderstoodError
                return value
            case _:
                raise NotUnderstoodError

    def _has_fields(self) -> bool:
        token = self._tokens[self.at] if self.at < len(self._tokens) else None
        return token is not None and token.kind == "fields" and token.is_attached

    @staticmethod
    def _fields(value: Value, token: Token) -> Value:
        return value.along(token.text.split(".")[1:])

    def _next(self) -> Token:
        if self.at == len(self._tokens):
            raise NotUnderstoodError
        self.at += 1
        return self._tokens[self.at - 1]

    def _is_next(self, signs: tuple[str, ...]) -> bool:
        token = self._tokens[self.at] if self.at < len(self._tokens) else None
        return token is not None and token.kind == "sign" and token.text in signs
