"""The targets and variables of a bake file (https://docs.docker.com/build/bake/reference/)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from bot.formats._syntax.hcl.reader import Attribute, Block, Body, Computed, Expression, Hcl, Object, Tuple
from bot.formats._syntax.hcl.tokens import Interpolation, Literal, Template
from bot.formats._syntax.places import shown
from bot.model import remark
from bot.model.remark import InterpolatedText
from bot.model.source import Span

UNKNOWN = "${}"
"""Stands for a computed part of a path."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class BakeText(NamedTuple):
    """A value of a bake file, split into literals and interpolations."""

    start: int
    """The byte of the file at which it begins."""
    source: str
    """The source text."""
    parts: tuple[Literal | Interpolation, ...]
    is_template: bool = True
    """Whether the value is a string; otherwise it is a computed expression, kept as one part."""

    @property
    def text(self) -> InterpolatedText:
        """The value as literals and uses of variables; an expression that is not a name becomes an unset variable."""
        return tuple(map(_part, self.parts))

    @property
    def value(self) -> str:
        """The value as a string; UNKNOWN_TEXT if any part of it is computed."""
        if not all(isinstance(part, Literal) for part in self.parts):
            return UNKNOWN
        return b"".join(part.value for part in self.parts if isinstance(part, Literal)).decode(errors="replace")


@dataclass(slots=True)
class BakeTarget:
    """One target of a bake file."""

    name: str
    contexts: list[tuple[str, BakeText]] = field(default_factory=list)
    inline: BakeText | None = None
    """The value of `dockerfile-inline`."""
    arguments: list[tuple[str, int]] = field(default_factory=list)
    """Names of the build arguments, and the bytes of the file at which they stand."""
    context: str | None = None
    dockerfile: str | None = None
    inherits: list[str] = field(default_factory=list)


class BakeFile(NamedTuple):
    """The targets and variables of one bake file."""

    targets: tuple[BakeTarget, ...]
    variables: tuple[tuple[str, BakeText], ...]
    """Variables whose default is a string."""
    used: frozenset[str]
    """Names that are used anywhere but in the contexts of targets."""


def _part(part: Literal | Interpolation) -> remark.LiteralText | remark.VariableUse:
    match part:
        case Literal(value, start):
            span = None if start is None else Span(start, start + len(value))
            return remark.LiteralText(value.decode(errors="replace"), span)
        case Interpolation(_, _, expression):
            return remark.VariableUse(shown(expression.decode(errors="replace")))
        case _:
            assert_never(part)


def read_bake(hcl: Hcl) -> BakeFile:
    """Return the targets and variables of a bake file."""
    body = hcl.body
    targets = [_target(hcl, block) for block in body.blocks_of("target")]
    defaults = [
        (block.labels[0], value)
        for block in body.blocks_of("variable")
        if block.labels and (value := block.body.value("default")) is not None
    ]
    defaults += [(attribute.name, attribute.value) for attribute in body.attributes if attribute.name is not None]
    variables = [(name, text) for name, value in defaults if (text := _text(hcl, value)).is_template]
    contexts = {text.start for target in targets for _, text in target.contexts}
    used = frozenset(name for text in _expressions(hcl, body, contexts) for name in _NAME.findall(text))
    return BakeFile(tuple(targets), tuple(variables), used)


def _target(hcl: Hcl, block: Block) -> BakeTarget:
    target = BakeTarget(" ".join(block.labels))
    for attribute in block.body.attributes:
        value = attribute.value
        match attribute.name, value:
            case "contexts", Object():
                target.contexts += [(item.name or UNKNOWN, _text(hcl, item.value)) for item in value.items]
            case "args", Object():
                target.arguments += [(item.name, item.start) for item in value.items if item.name is not None]
            case "inherits", Tuple():
                target.inherits += [_text(hcl, item).value for item in value.items]
            case "dockerfile-inline", Template():
                target.inline = _text(hcl, value)
            case "context", _:
                target.context = _text(hcl, value).value
            case "dockerfile", _:
                target.dockerfile = _text(hcl, value).value
            case _:
                pass
    return target


def _text(hcl: Hcl, value: Expression) -> BakeText:
    if isinstance(value, Template):
        return BakeText(value.start, hcl.source_of(value), value.parts)
    expression = Interpolation(value.start, value.end, hcl.source_of(value).encode())
    return BakeText(value.start, hcl.source_of(value), (expression,), is_template=False)


def _expressions(hcl: Hcl, body: Body, left_out: Collection[int]) -> Iterator[str]:
    """Yield every expression in `body` that may use variables, except strings that begin at `excluded_starts`."""
    for attribute in body.attributes:
        yield from _in_expression(hcl, attribute.value, left_out)
    for block in body.blocks:
        yield from _expressions(hcl, block.body, left_out)


def _in_expression(hcl: Hcl, value: Expression, left_out: Collection[int]) -> Iterator[str]:
    match value:
        case Template():
            if value.start not in left_out:
                yield from _interpolated(value.parts)
        case Tuple():
            for item in value.items:
                yield from _in_expression(hcl, item, left_out)
        case Object():
            for attribute in value.items:
                yield from _in_item(hcl, attribute, left_out)
        case Computed():
            yield hcl.source_of(value)
        case _:
            assert_never(value)


def _in_item(hcl: Hcl, item: Attribute, left_out: Collection[int]) -> Iterator[str]:
    if item.name is None:  # its key is computed
        yield hcl.content[item.start : item.value.start].decode(errors="replace")
    yield from _in_expression(hcl, item.value, left_out)


def _interpolated(parts: Iterable[Literal | Interpolation]) -> Iterator[str]:
    return (part.expression.decode(errors="replace") for part in parts if isinstance(part, Interpolation))
