"""Bake files: their targets and variables, and the build arguments that targets inherit.

See https://docs.docker.com/build/bake/reference/.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import NamedTuple, assert_never

from bot.formats._syntax.hcl.reader import (
    ComputedExpression,
    HclAttribute,
    HclBlock,
    HclBody,
    HclExpression,
    HclFile,
    HclObject,
    HclTuple,
)
from bot.formats._syntax.hcl.tokens import HclInterpolation, HclLiteral, HclTemplate
from bot.formats._syntax.reference_positions import format_for_display
from bot.model import cross_file
from bot.model.cross_file import InterpolatedText
from bot.model.source import Span

UNKNOWN_TEXT = "${}"
"""Placeholder for a value that an expression computes."""

_MAX_VISITS = 50_000
"""Limit on the steps of inheritance in one file, so that a hostile file cannot use excessive time. Each target is one
step, and so is each of its arguments, contexts and `inherits`. These steps count again for every target that inherits
from the target. The largest files need a few hundred steps."""

_NUMBER_OR_BOOLEAN = re.compile(r"\d+(?:\.\d+)?|true|false", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class BakeText(NamedTuple):
    """A value in a bake file, split into literals and interpolations (`${…}`)."""

    start: int
    """The byte offset of the value in the file."""
    source: str
    """The source text of the value."""
    parts: tuple[HclLiteral | HclInterpolation, ...]
    is_template: bool = True
    """True if the value is a string. Otherwise it is a computed expression, and `parts` contains only that
    expression."""

    @property
    def text(self) -> InterpolatedText:
        """The value as literals and uses of variables.

        An expression such as `upper(TAG)` is represented by a variable with the name `upper(TAG)`. No file sets such a
        variable, so the value is treated as unknown.
        """
        return tuple(map(_convert_part, self.parts))

    @property
    def is_known(self) -> bool:
        """True if the value is a string, a number or a boolean."""
        return self.is_template or _NUMBER_OR_BOOLEAN.fullmatch(self.source) is not None

    @property
    def literal(self) -> InterpolatedText:
        """The value like `text`, with a number or a boolean as a literal."""
        if self.is_known and not self.is_template:
            return (cross_file.LiteralText(self.source, None),)
        return self.text

    @property
    def variables(self) -> frozenset[str]:
        """The names that the expressions in the value may use."""
        return frozenset(
            name
            for part in self.parts
            if isinstance(part, HclInterpolation)
            for name in _NAME.findall(part.expression.decode(errors="replace"))
        )

    def hide_variables(self, names: AbstractSet[str]) -> BakeText:
        """Return the value with unknown expressions in place of those that use a variable in `names`."""
        parts = tuple(
            replace(part, expression=part.expression + b" of a matrix")
            if isinstance(part, HclInterpolation)
            and not names.isdisjoint(_NAME.findall(part.expression.decode(errors="replace")))
            else part
            for part in self.parts
        )
        return self._replace(parts=parts)

    @property
    def value(self) -> str:
        """The value as a string, or UNKNOWN_TEXT if an expression computes any part of the value."""
        if not all(isinstance(part, HclLiteral) for part in self.parts):
            return UNKNOWN_TEXT
        return b"".join(part.value for part in self.parts if isinstance(part, HclLiteral)).decode(errors="replace")


class BakeArgument(NamedTuple):
    """A build argument that a target sets."""

    start: int
    """The byte offset of the argument in the file."""
    value: BakeText


@dataclass(slots=True)
class BakeTarget:
    """One target of a bake file."""

    name: str
    contexts: list[tuple[str, BakeText]] = field(default_factory=list)
    inline_dockerfile: BakeText | None = None
    """The value of `dockerfile-inline`."""
    arguments: list[tuple[str, BakeArgument]] = field(default_factory=list)
    """The build arguments with their names."""
    context: BakeText | None = None
    dockerfile: BakeText | None = None
    inherits: list[str] = field(default_factory=list)
    computed: list[BakeText] = field(default_factory=list)
    """The values of keys from which images can come, and that an expression computes as a whole."""

    def hide_variables(self, names: AbstractSet[str]) -> None:
        """Make all values unknown that use one of the variables, because a matrix gives them several values."""
        self.contexts = [(name, text.hide_variables(names)) for name, text in self.contexts]
        self.arguments = [
            (name, argument._replace(value=argument.value.hide_variables(names))) for name, argument in self.arguments
        ]
        self.context = self.context and self.context.hide_variables(names)
        self.dockerfile = self.dockerfile and self.dockerfile.hide_variables(names)


class BakeFile(NamedTuple):
    """The targets and variables of one bake file."""

    targets: tuple[BakeTarget, ...]
    variables: tuple[tuple[str, BakeText], ...]
    """The variables whose default is a string, a number or a boolean, each with its default."""
    used_names: frozenset[str]
    """Names that are used anywhere except in the contexts of targets."""


def _convert_part(part: HclLiteral | HclInterpolation) -> cross_file.LiteralText | cross_file.VariableUse:
    match part:
        case HclLiteral(value, start):
            span = None if start is None else Span(start, start + len(value))
            return cross_file.LiteralText(value.decode(errors="replace"), span)
        case HclInterpolation(_, _, expression):
            return cross_file.VariableUse(format_for_display(expression.decode(errors="replace")))
        case _:
            assert_never(part)


def read_bake(hcl: HclFile) -> BakeFile:
    """Return the targets and variables of a bake file."""
    body = hcl.body
    targets = [_read_target(hcl, block) for block in body.list_blocks("target")]
    defaults = [
        (block.labels[0], value)
        for block in body.list_blocks("variable")
        if block.labels and (value := block.body.get_value("default")) is not None
    ]
    defaults += [(attribute.name, attribute.value) for attribute in body.attributes if attribute.name is not None]
    variables = [(name, text) for name, value in defaults if (text := _make_text(hcl, value)).is_known]
    contexts = {text.start for target in targets for _, text in target.contexts}
    used_names = frozenset(name for text in _list_expressions(hcl, body, contexts) for name in _NAME.findall(text))
    return BakeFile(tuple(targets), tuple(variables), used_names)


def _read_target(hcl: HclFile, block: HclBlock) -> BakeTarget:
    target = _read_values(hcl, block)
    matrix_names = {
        item.name or UNKNOWN_TEXT
        for attribute in block.body.attributes
        if attribute.name == "matrix" and isinstance(attribute.value, HclObject)
        for item in attribute.value.items
    }
    if matrix_names:
        target.hide_variables(matrix_names)
    return target


def _read_values(hcl: HclFile, block: HclBlock) -> BakeTarget:
    target = BakeTarget(" ".join(block.labels))
    for attribute in block.body.attributes:
        value = attribute.value
        match attribute.name, value:
            case "contexts", HclObject():
                target.contexts += [(item.name or UNKNOWN_TEXT, _make_text(hcl, item.value)) for item in value.items]
            case "args", HclObject():
                target.arguments += [
                    (item.name, BakeArgument(item.start, _make_text(hcl, item.value)))
                    for item in value.items
                    if item.name is not None
                ]
                target.computed += [_make_text(hcl, item.value) for item in value.items if item.name is None]
            case "inherits", HclTuple():
                target.inherits += [_make_text(hcl, item).value for item in value.items]
            case "dockerfile-inline", HclTemplate():
                target.inline_dockerfile = _make_text(hcl, value)
            case "context", _:
                target.context = _make_text(hcl, value)
            case "dockerfile", _:
                target.dockerfile = _make_text(hcl, value)
            case (("args" | "contexts" | "inherits" | "dockerfile-inline"), _):
                text = _make_text(hcl, value)
                target.computed += [text] if text.source != "null" else []
            case _:
                pass
    return target


def _make_text(hcl: HclFile, value: HclExpression) -> BakeText:
    if isinstance(value, HclTemplate):
        return BakeText(value.start, hcl.get_source_text(value), value.parts)
    expression = HclInterpolation(value.start, value.end, hcl.get_source_text(value).encode())
    return BakeText(value.start, hcl.get_source_text(value), (expression,), is_template=False)


def _list_expressions(hcl: HclFile, body: HclBody, excluded_starts: Collection[int]) -> Iterator[str]:
    """Yield the source text of every expression in `body` that may use variables, such as `TAG` in `"app:${TAG}"`.

    `excluded_starts` are the byte offsets of strings to leave out, such as build contexts, which are read separately.
    """
    for attribute in body.attributes:
        yield from _list_in_expression(hcl, attribute.value, excluded_starts)
    for block in body.blocks:
        yield from _list_expressions(hcl, block.body, excluded_starts)


def _list_in_expression(hcl: HclFile, value: HclExpression, excluded_starts: Collection[int]) -> Iterator[str]:
    match value:
        case HclTemplate():
            if value.start not in excluded_starts:
                yield from _list_interpolations(value.parts)
        case HclTuple():
            for item in value.items:
                yield from _list_in_expression(hcl, item, excluded_starts)
        case HclObject():
            for attribute in value.items:
                yield from _list_in_item(hcl, attribute, excluded_starts)
        case ComputedExpression():
            yield hcl.get_source_text(value)
        case _:
            assert_never(value)


def _list_in_item(hcl: HclFile, item: HclAttribute, excluded_starts: Collection[int]) -> Iterator[str]:
    if item.name is None:  # the key is computed
        yield hcl.content[item.start : item.value.start].decode(errors="replace")
    yield from _list_in_expression(hcl, item.value, excluded_starts)


def _list_interpolations(parts: Iterable[HclLiteral | HclInterpolation]) -> Iterator[str]:
    return (part.expression.decode(errors="replace") for part in parts if isinstance(part, HclInterpolation))


@dataclass(slots=True)
class BakeBuild:
    """The build of one target, with everything that the target inherits."""

    target: BakeTarget
    context: BakeText | None = None
    dockerfile: BakeText | None = None
    inline_target: BakeTarget | None = None
    """The target that contains the inline Dockerfile, or None if the Dockerfile is a separate file."""
    arguments: dict[str, BakeArgument] = field(default_factory=dict)
    """The build arguments by their names."""
    contexts: dict[str, int] = field(default_factory=dict)
    """The byte offset of each named build context, by its name."""

    def inherit(self, target: BakeTarget) -> None:
        """Add the values of `target` that are not set yet."""
        self.context = target.context if self.context is None else self.context
        self.dockerfile = target.dockerfile if self.dockerfile is None else self.dockerfile
        if self.inline_target is None and target.inline_dockerfile is not None:
            self.inline_target = target
        for name, argument in target.arguments:
            self.arguments.setdefault(name, argument)
        for name, text in target.contexts:
            self.contexts.setdefault(name, text.start)


def list_builds(targets: Sequence[BakeTarget]) -> Iterator[BakeBuild]:
    """Yield the build of each target. The list ends early after _MAX_VISITS steps."""
    by_name = {target.name: target for target in targets}
    visits = 0
    for target in targets:
        build = BakeBuild(target)
        for each in _resolve_inheritance(target, by_name):
            visits += 1 + len(each.arguments) + len(each.contexts) + len(each.inherits)
            if visits > _MAX_VISITS:
                return
            build.inherit(each)
        yield build


def _resolve_inheritance(target: BakeTarget, by_name: dict[str, BakeTarget]) -> Iterator[BakeTarget]:
    """Yield `target` and all targets that it inherits from, directly or indirectly, in order of precedence.

    If several targets set the same value, the value of the target that is yielded first applies.
    """
    visited_names: set[str] = set()
    pending = [target]
    while pending:
        each = pending.pop()
        if each.name not in visited_names:
            visited_names.add(each.name)
            yield each
            pending += [by_name[name] for name in each.inherits if name in by_name]
