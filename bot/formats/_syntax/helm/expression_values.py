"""The value of an expression in a Helm template: not the text, but the sources of which the text consists."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

from bot.core.references.chart_names import NO_NAME, UNKNOWN_NAME, combine_alternatives, limit_name
from bot.formats._syntax.helm.actions import UnsupportedTemplateError
from bot.model.chart_facts import TemplateInclusion, ValuePath, WrittenName

MAX_SOURCES = 50
"""Limit on the sources of one expression. An expression with more sources is not evaluated."""
MAX_VALUE_PATH = 20
"""Limit on the number of keys in the path of one value."""

ANY_ITEM = "*"
"""In a key path, any item of a list or of a mapping."""

_SourceSet = frozenset[ValuePath | TemplateInclusion]
_Fallback = tuple[ValuePath, ValuePath | None]


class ExpressionValue(NamedTuple):
    """The sources of an expression's result: chart values, given by their key paths, and outputs of other templates.

    The sources are kept apart to find values to which a digest can be appended. An example is the expression `printf
    "%s:%s" .Values.name .Values.tag`. Its result ends with the tag, which is therefore in `end_sources`. The name is in
    `changed_sources`. If an expression chooses between two values, as `default` does, both are in `end_sources`.

    This is a named tuple and not a dataclass, because creating and comparing these values takes most of the time.
    """

    end_sources: _SourceSet = frozenset()
    """Sources whose unchanged value is at the end of the result."""
    changed_sources: _SourceSet = frozenset()
    """Other sources of the result. Their values are cut or compared, or something else follows them."""
    digest_sources: _SourceSet = frozenset()
    """Sources whose unchanged value is at the end of the result, after `sha256:`."""
    entries: tuple[tuple[str, ExpressionValue], ...] = ()
    """The entries of a collection that `dict` or `list` made."""
    literal: str | None = None
    preceding_name: WrittenName = NO_NAME
    """The name of an image before `end_sources` and `digest_sources`."""
    fallbacks: frozenset[_Fallback] = frozenset()
    """Paths among `end_sources`, each with the path of the value that replaces it if it is empty. The path is None if
    the replacement is unknown, or if it is unknown whether there is one."""

    @property
    def sources(self) -> _SourceSet:
        sources = self.end_sources | self.changed_sources | self.digest_sources
        return sources.union(*(value.sources for _, value in self.entries)) if self.entries else sources

    @property
    def value_paths(self) -> frozenset[ValuePath]:
        return frozenset([source for source in self.end_sources if isinstance(source, tuple)])

    @property
    def unchanged_paths(self) -> frozenset[ValuePath]:
        """The paths of `end_sources`; empty if the result contains an image name before these values."""
        return frozenset() if self.preceding_name else self.value_paths

    @property
    def as_name(self) -> WrittenName:
        """The parts that this value contributes to an image's name; empty if the value has no sources."""
        ends = self.end_sources | self.digest_sources
        if ends:
            return self.preceding_name | {ends}
        return UNKNOWN_NAME if self.sources else NO_NAME

    @property
    def as_changed(self) -> ExpressionValue:
        """A value with the same sources, all of them in `changed_sources`.

        Use this for a value that was changed or compared, or to which something was appended. A digest that is appended
        to one of its sources would not be at the end of an image reference.
        """
        return merge_changed([self.sources])

    @property
    def as_digest(self) -> ExpressionValue:
        """A copy of this value with its `end_sources` moved to `digest_sources`, for use after the text `sha256:`."""
        digest_sources = self.digest_sources | self.end_sources
        return self._replace(end_sources=frozenset(), digest_sources=digest_sources, fallbacks=frozenset())

    @property
    def single_path(self) -> ValuePath | None:
        """The path of the chart value that is the whole result and has no fallback; None for any other result."""
        if len(self.end_sources) != 1 or self != ExpressionValue(self.end_sources):
            return None
        return next(iter(self.value_paths), None)

    def with_name(self, name: WrittenName) -> ExpressionValue:
        """Return a copy of this value that follows the given name of an image."""
        return self._replace(preceding_name=limit_name(self.preceding_name | name)) if name else self

    def with_fallback(self, fallback: ValuePath | None) -> ExpressionValue:
        """Return a copy in which `fallback` replaces each of `value_paths` that is empty and has no fallback.

        If `fallback` is None, the replacement is unknown.
        """
        if not self.end_sources:
            return self
        replaced = {source for source, _ in self.fallbacks}
        added = {(source, fallback) for source in self.value_paths - replaced}
        return self._replace(fallbacks=self.fallbacks | added) if added else self

    def get_fallback(self, source: ValuePath) -> ValuePath | None:
        """Return the value that replaces `source` if `source` is empty; None if this value is missing or unknown."""
        match [fallback for replaced, fallback in self.fallbacks if replaced == source]:
            case [fallback]:
                return fallback
            case _:
                return None

    def merge(self, other: ExpressionValue) -> ExpressionValue:
        """Combine the sources of two values, for an expression that returns either of them, such as `default`.

        Raises UnsupportedTemplateError if there are more than MAX_SOURCES sources.
        """
        if NO_VALUE in (self, other):
            given_value = self if other == NO_VALUE else other
            return given_value if given_value.literal is None else given_value._replace(literal=None)
        has_names = self.preceding_name or other.preceding_name
        has_fallbacks = self.fallbacks or other.fallbacks
        merged = ExpressionValue(
            self.end_sources | other.end_sources,
            self.changed_sources | other.changed_sources,
            self.digest_sources | other.digest_sources,
            self._merge_entries(other) if self.entries or other.entries else (),
            None,
            combine_alternatives((self.preceding_name, other.preceding_name)) if has_names else NO_NAME,
            self._merge_fallbacks(other) if has_fallbacks else frozenset(),
        )
        if max(len(merged.sources), len(merged.entries)) > MAX_SOURCES:
            raise UnsupportedTemplateError
        return merged

    def _merge_entries(self, other: ExpressionValue) -> tuple[tuple[str, ExpressionValue], ...]:
        named = dict(self.entries)
        for key, value in other.entries:
            named[key] = named[key].merge(value) if key in named else value
        return tuple(named.items())

    def _merge_fallbacks(self, other: ExpressionValue) -> frozenset[_Fallback]:
        """Return the fallbacks of both values, and an unknown fallback for each path whose fallbacks differ."""
        common = self.value_paths & other.value_paths
        differing = [(path, None) for path in common if self.get_fallback(path) != other.get_fallback(path)]
        return self.fallbacks.union(other.fallbacks, differing)

    def get_entry(self, key: str) -> ExpressionValue:
        """Return the entry of this collection with the given key.

        If `key` is ANY_ITEM, return the combined sources of all entries, because the template may use any of them.
        """
        if not self.entries:
            return self.follow_keys((key,))
        matching_values = [value for name, value in self.entries if key in {name, ANY_ITEM}]
        return merge_all([*matching_values, self._replace(entries=()).follow_keys((key,))])

    def follow_keys(self, keys: Sequence[str]) -> ExpressionValue:
        """Return the value at a key path inside this value. For `.image.tag`, `keys` are `image` and `tag`."""
        if self is ROOT_VALUE and len(keys) <= MAX_VALUE_PATH:  # a fast path for nearly all calls
            return ExpressionValue(frozenset({tuple(keys)}))
        if self.entries:
            return reduce(ExpressionValue.get_entry, keys, self)
        value_paths = self.value_paths
        paths = frozenset([(*path, *keys) for path in value_paths])
        if paths and max(map(len, paths)) > MAX_VALUE_PATH:
            raise UnsupportedTemplateError
        return ExpressionValue(paths, self.sources - value_paths)


NO_VALUE = ExpressionValue()
ROOT_VALUE = ExpressionValue(end_sources=frozenset({()}))
"""The argument of a template, which is its initial dot."""


def merge_all(values: list[ExpressionValue]) -> ExpressionValue:
    return reduce(ExpressionValue.merge, values, NO_VALUE)


def merge_changed(source_sets: list[_SourceSet]) -> ExpressionValue:
    """Return a value with the given sources, all of them in `changed_sources`.

    Raises UnsupportedTemplateError if there are more than MAX_SOURCES sources.
    """
    sources = frozenset[ValuePath | TemplateInclusion]().union(*source_sets)
    if len(sources) > MAX_SOURCES:
        raise UnsupportedTemplateError
    return ExpressionValue(changed_sources=sources) if sources else NO_VALUE
