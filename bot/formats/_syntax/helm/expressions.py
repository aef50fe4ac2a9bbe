"""Evaluate expressions of Helm templates just enough to learn which values end the result, and which are changed.

Functions: https://helm.sh/docs/chart_template_guide/function_list/. A function that is not listed here is taken to
change its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce

from bot.formats._syntax.helm.actions import NotUnderstoodError, Token
from bot.model.remark import TemplateInclusion, ValuePath

MAX_DEPTH = 30
"""Limit on nested parentheses; people stop at five."""
MAX_SOURCES = 50
"""Limit on the sources of one expression; an expression with more is not evaluated."""
MAX_WAY = 20
"""Limit on the keys down to one value."""

ALGORITHM = "sha256:"
ITEM = "*"
"""In a key path: any item of a list or a mapping."""

WRITTEN = "\0"
"""Stands for an earlier value in the text before another value."""
_NAME = re.compile(r"(?:(?:index\.)?docker\.io/)?(?:\0[:/]?)*(?:@|@?sha256:)?|[^\0]*[:@]")

_Sources = frozenset[ValuePath | TemplateInclusion]


@dataclass(frozen=True, slots=True)
class Value:
    """The possible results of an expression; a result with too many sources raises UnsupportedTemplateError."""

    ends: _Sources = frozenset()
    """Sources whose unchanged value ends the result."""
    changed: _Sources = frozenset()
    """Sources that are otherwise in the result: cut, compared, or followed by something else."""
    behind_algorithm: _Sources = frozenset()
    """Sources whose unchanged value ends the result behind `sha256:`."""
    named: tuple[tuple[str, Value], ...] = ()
    """The entries of a collection made by `dict` or `list`."""
    literal: str | None = None

    @property
    def sources(self) -> _Sources:
        return self.ends.union(self.changed, self.behind_algorithm, *(value.sources for _, value in self.named))

    @property
    def ways(self) -> frozenset[ValuePath]:
        return frozenset(source for source in self.ends if isinstance(source, tuple))

    @property
    def whole(self) -> Value:
        """The value if it is used only as a whole: all its sources count as changed."""
        return Value(changed=self.sources)

    @property
    def behind_sha256(self) -> Value:
        """The value behind `sha256:`."""
        return replace(self, ends=frozenset(), behind_algorithm=self.behind_algorithm | self.ends)

    @property
    def tested(self) -> Value:
        """The value if only its emptiness is checked."""
        return Value(changed=self.changed | self.behind_algorithm)

    def or_else(self, other: Value) -> Value:
        """Return a value that is this one or `other`."""
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
        """Return the value under `key`; ANY_ITEM stands for any key."""
        if not self.named:
            return self.along((key,))
        inside = [value for name, value in self.named if key in {name, ITEM}]
        return _any([*inside, replace(self, named=()).along((key,))])

    def along(self, keys: Sequence[str]) -> Value:
        """Return the value under `keys`, taken one after another."""
        if not self.named:
            return Value(self._ways_along(tuple(keys)), self.sources - self.ways)
        return reduce(Value.at, keys, self)

    def _ways_along(self, keys: ValuePath) -> frozenset[ValuePath]:
        ways = frozenset((*way, *keys) for way in self.ways)
        if any(len(way) > MAX_WAY for way in ways):
            raise NotUnderstoodError
        return ways


NOTHING = Value()
ROOT = Value(ends=frozenset({()}))
"""The argument of a template, its initial dot."""

_CONSTANTS = frozenset({"true", "false", "nil"})
_VERB = re.compile(r"%(?:%|(?P<format>[-+# 0]*\d*(?:\.\d+)?[a-zA-Z]))")


def is_name(before: str) -> bool:
    """Return True if a tag behind this text is the tag of the image whose values stand in the text.

    That is so if the values are the whole name or none of it: `/app:` behind them makes another name, `:v` a longer
    tag.
    """
    return _NAME.fullmatch(before) is not None


def _any(values: list[Value]) -> Value:
    return reduce(Value.or_else, values, NOTHING)


def _changed(values: Iterable[Value]) -> Value:
    return _any([value.whole for value in values])


def _last(values: list[Value]) -> Value:
    return values[-1] if values else NOTHING


def _joined(values: list[Value]) -> Value:
    """Return the concatenation of all values."""
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
    """Return the result of a format verb: the value still ends it if nothing follows, or only a digest."""
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
    """Return a collection with `value` under `key`; nested collections are not followed."""
    return Value(named=((key, value.whole if value.named else value),))


def _found(values: list[Value]) -> Value:
    """Return the result of `index` or `get`."""
    whole, *keys = values or [NOTHING]
    for key in keys:
        whole = whole.at(ITEM if key.literal is None else key.literal)
    return _any([whole, _changed(keys)])


def _compared(values: list[Value]) -> Value:
    """Return the result of a comparison; a comparison with an empty string only checks for emptiness."""
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
"""The result for given arguments, the piped one last; all other functions change their arguments."""


class Evaluator:
    """Evaluates the expressions of one template, with its variables. Every method raises UnsupportedTemplateError."""

    def __init__(self) -> None:
        self.variables: dict[str, Value] = {}
        self.unknown: set[ValuePath | TemplateInclusion] = set()
        """Sources that are used in a way that is not followed."""

    def assign(self, variable: str, value: Value) -> None:
        """Add a possible value of a variable to its earlier ones; scopes are not distinguished."""
        self.variables[variable] = self.variables.get(variable, NOTHING).or_else(value)

    def evaluate(self, tokens: tuple[Token, ...], dot: Value) -> Value:
        """Return the possible results of an expression."""
        if any(token.kind == "variable" and token.text != "$" for token in tokens):
            return self.read(tokens, dot)
        value, unknown = _evaluated_alone(tokens, dot)
        self.unknown |= unknown
        return value

    def read(self, tokens: tuple[Token, ...], dot: Value) -> Value:
        """Return the possible results of an expression without using the cache."""
        reader = _Reader(self, tokens, dot)
        value = reader.pipeline(0)
        if reader.at < len(tokens):
            raise NotUnderstoodError
        return value

    def call(self, function: str, arguments: list[Value]) -> Value:
        """Return the result of a function for its arguments."""
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
        """Return the result of another template."""
        if template.literal is None:
            is_file = any("Template" in source for source in template.sources if isinstance(source, tuple))
            self.unknown |= frozenset() if is_file else given.sources  # the text of a whole file is only ever hashed
            return NOTHING
        self.unknown |= given.changed | given.behind_algorithm | (given.ends - given.ways)
        self.unknown.update(*(value.sources - value.ways for _, value in given.named))
        named = tuple((key, value.ways) for key, value in given.named)
        return Value(ends=frozenset({TemplateInclusion(template.literal, given.ways, named)}))


@lru_cache(maxsize=4096)
def _evaluated_alone(tokens: tuple[Token, ...], dot: Value) -> tuple[Value, frozenset[ValuePath | TemplateInclusion]]:
    """Return the possible results of an expression without variables, and the sources whose use is not followed.

    Cached, since templates repeat the same expressions.
    """
    alone = Evaluator()
    return alone.read(tokens, dot), frozenset(alone.unknown)


class _Reader:
    """Parses one expression while evaluating it. Every method raises UnsupportedTemplateError."""

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
        return _changed([value, *arguments]) if arguments else value  # a method call, as on `.Files`

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
