"""The text that a Helm template writes before a value, if this text may be the start of an image reference."""

from __future__ import annotations

import re
from typing import NamedTuple

from bot.core.references.chart_names import NO_NAME, combine_alternatives, limit_name
from bot.formats._syntax.helm.expression_values import ExpressionValue
from bot.model.chart_facts import WrittenName

MAX_LINE = 300
"""Limit on the characters of a line that are checked before an action. They contain a key and a reference."""

ALGORITHM_PREFIX = "sha256:"
_PLACEHOLDER = "\0"
"""Represents a value in the text."""
_UNMODIFIED_PREFIX = re.compile(
    r"[ \t\"']*+(?:(?:(?:index\.)?docker\.io/)?(?:\0[:/]?)*(?:@|@?sha256:)?|[^\0]*[:@])[ \t\"']*"
)
_SEPARATORS = ":@/ \t\"'"
"""Characters around the parts of an image reference in YAML."""


class ReferencePrefix(NamedTuple):
    """A text that a template writes before a value, and the values in this text that are parts of an image's name.

    This is a named tuple and not a dataclass, because one is created for each text and each value of a template.
    """

    text: str = ""
    """The text, with a placeholder for each value whose text is unknown."""
    value_name: WrittenName = NO_NAME
    """The values in the text, without values after a colon, because those are tags or ports."""

    @property
    def name(self) -> WrittenName:
        """The name of the image in the text, which consists of values or of literal text."""
        return self.value_name if _PLACEHOLDER in self.text else _build_literal_name(self.text)

    @property
    def is_unmodified(self) -> bool:
        """True if the template adds nothing to the parts of an image reference before the next value.

        In these examples, `V` is a value in the text:

        - The result is True for `V:` and `V/V:`, because the template only joins the values.
        - It is True for `nginx:`, because the next value is the whole tag.
        - It is False for `V/app:`, because the template adds `app` to the name of the image.
        - It is False for `V:v`, because the template adds `v` to the tag.
        """
        return _UNMODIFIED_PREFIX.fullmatch(self.text) is not None

    def add_text(self, text: str) -> ReferencePrefix:
        return ReferencePrefix((self.text + text)[-MAX_LINE:], self.value_name)

    def add_value(self, value: ExpressionValue) -> ReferencePrefix:
        if value.literal is not None:
            return self.add_text(value.literal)
        name = NO_NAME if self.text.endswith(":") else value.as_name
        value_name = limit_name(self.value_name | name) if name else self.value_name
        return ReferencePrefix(self.text[1 - MAX_LINE :] + _PLACEHOLDER, value_name)

    def add_branches(self, branches: list[ReferencePrefix]) -> ReferencePrefix:
        """Return the prefix after a block whose branches end with the given prefixes."""
        added_name = combine_alternatives(
            branch.value_name - self.value_name
            | _build_literal_name(branch.text.removeprefix(self.text).replace(_PLACEHOLDER, ""))
            for branch in branches
            if branch != self
        )
        return ReferencePrefix(self.text[1 - MAX_LINE :] + _PLACEHOLDER, limit_name(self.value_name | added_name))


class WrittenLine:
    """The text that a template writes on a line, or after the last key of an image on this line, as a chain of parts.

    The prefix of the line is built only for the few values that may be the end of an image reference.
    """

    __slots__ = ("before", "built_prefix", "last_part")

    def __init__(self, before: WrittenLine | None, last_part: str | ExpressionValue | list[WrittenLine]) -> None:
        self.before = before
        """The line without its last part; None if it has only one part."""
        self.last_part = last_part
        """A text, a value, or the lines that the branches of a block write. These include the line before the block."""
        self.built_prefix: ReferencePrefix | None = None

    def build_prefix(self) -> ReferencePrefix:
        """Return the prefix for the next value on the line. Each part is added only once."""
        new_parts: list[WrittenLine] = []
        line: WrittenLine | None = self
        prefix = ReferencePrefix()
        while line is not None:
            if line.built_prefix is not None:
                prefix = line.built_prefix
                break
            new_parts.append(line)
            line = line.before
        for each in reversed(new_parts):
            prefix = each.built_prefix = each.add_last_part(prefix)
        return prefix

    def add_last_part(self, prefix: ReferencePrefix) -> ReferencePrefix:
        """Return `prefix` extended by the last part. `prefix` is the prefix of the line without this part."""
        match self.last_part:
            case str() as text:
                return prefix.add_text(text)
            case ExpressionValue() as value:
                return prefix.add_value(value)
            case branches:
                return prefix.add_branches([branch.build_prefix() for branch in branches])


def _build_literal_name(text: str) -> WrittenName:
    """Return the name in literal text; empty if the text contains only separators, such as `:` or `@sha256:`."""
    name = text.removesuffix(ALGORITHM_PREFIX).strip(_SEPARATORS)
    return frozenset({frozenset({name})}) if name else NO_NAME
