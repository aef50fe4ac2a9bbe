"""How the templates of one chart use the chart's values, including the named templates that they include."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.core.references.chart_names import (
    ANY_KEY,
    NO_NAME,
    UNKNOWN_NAME,
    ResolvedName,
    combine_alternatives,
    limit_name,
)
from bot.model.chart_facts import (
    ChartTemplate,
    ReferenceEnd,
    TemplateInclusion,
    TemplateSource,
    ValuePath,
    ValueUse,
    WrittenName,
)

MAX_INCLUSIONS = 20_000
"""Limit for the templates that are followed for one chart, once for each distinct input. Large charts need some
hundreds. Beyond the limit, the use of the chart's values counts as unknown."""
MAX_TREE_PATHS = 2_000_000
"""Limit for the value paths that are followed in all charts of a tree, which takes at most about five seconds. The 118
charts of a large public repository need 400,000. Beyond the limit, the use of all values of the remaining charts counts
as unknown."""
MAX_VALUE_PATHS = 200
"""Limit for the value paths in the input of one template."""
MAX_KEYS = 40
"""Limit for the keys on the path from the top of a chart to the input of a template."""
MAX_NAME_DEPTH = 20
"""Limit for the templates that include each other to write the name of one image. Charts nest at most about three."""

VALUES = "Values"
"""The key of a chart's values in the data of its templates."""
_LIBRARY = "common."
"""Prefix of a template library that most charts by Bitnami, and many others, include as a dependency. Templates pass
the values to it as named arguments, next to the context
(https://github.com/bitnami/charts/tree/main/bitnami/common)."""
_LIBRARY_IMAGE = "common.images.image"
_APP_VERSION = frozenset({("Chart", "AppVersion")})
_WHOLE_DATA = frozenset[ValuePath]({()})
"""The data of a template that no other template includes: the release, the values and everything else."""

NamedUse = tuple[ValueUse, ResolvedName]
"""How a template uses a value, and the name of the image before the value if the value is the end of an image
reference. The name is empty if it is unknown."""
UsedPaths = Mapping[NamedUse, Collection[ValuePath]]
"""The paths of the values that the templates of a chart use, by their use. They are grouped, because most of the
thousands of paths have the same use."""
UNKNOWN_USE: UsedPaths = {(ValueUse.UNKNOWN, NO_NAME): ((),)}
_DefinitionFinder = Callable[[str], Sequence[ChartTemplate]]
"""Returns the templates with a given name."""


@dataclass(frozen=True, slots=True)
class _TemplateInput:
    """The data that is passed to an included template: the paths of the chart values that the data may contain.

    For example, `include "a" .Values.web` passes the value at the path `("Values", "web")`, so `value_paths` contains
    this path. `include "a" (dict "image" .Values.web)` passes the same value under the name `image`, so `named_paths`
    contains the path together with this name.
    """

    value_paths: frozenset[ValuePath] = _WHOLE_DATA
    named_paths: tuple[tuple[str, frozenset[ValuePath]], ...] = ()

    @property
    def path_count(self) -> int:
        """The number of paths, which is at least 1."""
        return 1 + len(self.value_paths) + sum(len(paths) for _, paths in self.named_paths)

    @property
    def is_too_large(self) -> bool:
        paths = self.value_paths.union(*dict(self.named_paths).values())
        return len(paths) > MAX_VALUE_PATHS or any(len(path) > MAX_KEYS for path in paths)

    def resolve_path(self, value_path: ValuePath) -> frozenset[ValuePath]:
        """Return the paths of all chart values to which `value_path`, a path in the template's data, may refer.

        For example, if the template was included with `.Values.web`, the path `("tag",)` refers to `("Values", "web",
        "tag")`.
        """
        if not self.named_paths and len(self.value_paths) == 1:  # true for nearly all templates, and fast
            (path,) = self.value_paths
            return frozenset({(*path, *value_path)})
        named = {key: paths for key, paths in self.named_paths if not value_path or value_path[0] in {key, ANY_KEY}}
        inside = frozenset[ValuePath]().union(*named.values())
        return frozenset(
            {(*each, *value_path) for each in self.value_paths} | {(*each, *value_path[1:]) for each in inside}
        )

    def build_inclusion_input(self, inclusion: TemplateInclusion) -> _TemplateInput:
        """Return the data that this template passes to another template when it includes it.

        `self` is the data that was passed to this template.
        """
        named = tuple((key, frozenset(self.resolve_paths(paths))) for key, paths in inclusion.named_arguments)
        return _TemplateInput(frozenset(self.resolve_paths(inclusion.argument_paths)), named)

    def resolve_paths(self, value_paths: Collection[ValuePath]) -> Collection[ValuePath]:
        """Return the paths of all chart values to which any of `value_paths` may refer."""
        if not self.named_paths and self.value_paths == _WHOLE_DATA:
            return value_paths
        return {found for path in value_paths for found in self.resolve_path(path)}


@dataclass(slots=True)
class PathCounter:
    """Counts the value paths that are followed in all charts of a tree."""

    followed_paths: int = 0

    @property
    def is_exceeded(self) -> bool:
        return self.followed_paths > MAX_TREE_PATHS


@dataclass(frozen=True, slots=True)
class _NameResolver:
    """Finds the chart values in the names of images. Included templates can write parts of these names."""

    find_definitions: _DefinitionFinder
    path_counter: PathCounter
    resolved_names: dict[tuple[WrittenName, _TemplateInput], ResolvedName] = field(default_factory=dict)

    def resolve_name(self, name: WrittenName, template_input: _TemplateInput, depth: int = 0) -> ResolvedName:
        """Return the chart values and texts in `name`, which a template with the data `template_input` writes.

        `depth` is the number of templates that include each other to write the name. If there are too many, the result
        is UNKNOWN_NAME.
        """
        if (name, template_input) not in self.resolved_names:
            self.path_counter.followed_paths += template_input.path_count * sum(map(len, name))
            is_too_large = depth > MAX_NAME_DEPTH or template_input.is_too_large or self.path_counter.is_exceeded
            resolved: ResolvedName = UNKNOWN_NAME if is_too_large else NO_NAME
            self.resolved_names[name, template_input] = UNKNOWN_NAME  # the result if the name contains itself
            for part in frozenset() if is_too_large else name:
                resolved |= combine_alternatives(self._resolve_source(each, template_input, depth) for each in part)
            self.resolved_names[name, template_input] = limit_name(resolved)
        return self.resolved_names[name, template_input]

    def _resolve_source(
        self, source: ValuePath | TemplateInclusion | str, template_input: _TemplateInput, depth: int
    ) -> ResolvedName:
        match source:
            case str():
                return frozenset({frozenset({source})})
            case TemplateInclusion():
                inner_input = template_input.build_inclusion_input(source)
                uses = [each for found in self.find_definitions(source.template) for each in found.uses]
                ends = [_split_end(written) for written, use in uses if use is ValueUse.END]
                names = (written_name | {frozenset({end})} for end, written_name, _ in ends)
                resolved = combine_alternatives(self.resolve_name(name, inner_input, depth + 1) for name in names)
                return resolved if ends else UNKNOWN_NAME
            case _:
                paths = template_input.resolve_path(source)
                return frozenset({paths}) if paths else NO_NAME


def collect_uses(
    templates: Iterable[ChartTemplate], find_definitions: _DefinitionFinder, path_counter: PathCounter
) -> UsedPaths:
    """Return how `templates`, and all templates that they include, use the chart's values. Tests are left out.

    If the templates include too many others (MAX_INCLUSIONS), if the data of a template has too many paths, or if all
    charts of the tree together have too many, the result states that the use of all values is unknown.
    """
    return _UseCollector(find_definitions, path_counter).collect(templates)


class _Context(NamedTuple):
    """The context of templates: their data, and the use of their output by another template."""

    template_input: _TemplateInput
    purpose: ValueUse
    """How the template that includes the others uses their output."""
    outer_name: ResolvedName
    """The name of the image before their output."""


@dataclass(slots=True)
class _FollowedTemplates:
    """The templates that were followed in one context. Most of their uses are the same, and are followed only once."""

    ids: set[int] = field(default_factory=set)
    uses: set[tuple[TemplateSource, ValueUse]] = field(default_factory=set)


class _UseCollector:
    """Collects how the templates of one chart use the chart's values."""

    def __init__(self, find_definitions: _DefinitionFinder, path_counter: PathCounter) -> None:
        self._used_paths: dict[NamedUse, set[ValuePath]] = defaultdict(set)
        self._pending: list[tuple[Iterable[ChartTemplate], _Context]] = []
        self._find_definitions = find_definitions
        self._path_counter = path_counter
        self._resolver = _NameResolver(find_definitions, path_counter)
        self._followed: dict[_Context, _FollowedTemplates] = defaultdict(_FollowedTemplates)
        self._followed_count = 0

    def collect(self, templates: Iterable[ChartTemplate]) -> UsedPaths:
        """Return the result of `collect_uses`. Call this once."""
        self._pending.append((templates, _Context(_TemplateInput(), ValueUse.OTHER, NO_NAME)))
        while self._pending:
            if not self._follow_templates(*self._pending.pop()):
                return UNKNOWN_USE
        return self._used_paths

    def _follow_templates(self, templates: Iterable[ChartTemplate], context: _Context) -> bool:
        """Collect the uses of templates in a context, and store the templates that they include as pending.

        Return False if there are too many templates, or if their data has too many paths.
        """
        followed = self._followed[context]
        new_templates = [template for template in templates if id(template) not in followed.ids]
        if not new_templates:
            return True
        template_input = context.template_input
        followed.ids.update(map(id, new_templates))
        self._followed_count += len(new_templates)
        use_count = sum(1 + len(template.uses) for template in new_templates)
        self._path_counter.followed_paths += use_count * template_input.path_count
        if self._followed_count > MAX_INCLUSIONS or template_input.is_too_large or self._path_counter.is_exceeded:
            return False
        new_uses = frozenset().union(*(template.uses for template in new_templates)) - followed.uses
        followed.uses |= new_uses
        self._follow_uses(new_uses, context)
        return True

    def _follow_uses(self, uses: Iterable[tuple[TemplateSource, ValueUse]], context: _Context) -> None:
        other_paths: list[ValuePath] = []  # nearly all uses are of this kind, so they are stored together
        for source, use in uses:
            if use is ValueUse.OTHER and isinstance(source, tuple):
                other_paths.append(source)
            else:
                self._follow_use(source, use, context)
        self._add_paths(context.template_input.resolve_paths(other_paths), ValueUse.OTHER, NO_NAME)

    def _follow_use(self, written: TemplateSource, use: ValueUse, context: _Context) -> None:
        template_input, purpose, outer_name = context
        source, written_name, fallback = _split_end(written)
        effect = purpose if use is ValueUse.END else use
        name = NO_NAME
        if effect is ValueUse.IMAGE:
            name = self._resolver.resolve_name(written_name, template_input)
            name = limit_name(name | outer_name) if use is ValueUse.END else name
        if isinstance(source, TemplateInclusion):
            self._include(source.template, template_input.build_inclusion_input(source), effect, name)
            return
        if effect is ValueUse.IMAGE and _is_app_version(fallback, template_input):
            effect = ValueUse.IMAGE_OR_APP_VERSION
        self._add_paths(template_input.resolve_path(source), effect, name)

    def _include(self, template: str, template_input: _TemplateInput, effect: ValueUse, name: ResolvedName) -> None:
        included_templates = self._find_definitions(template)
        if included_templates:
            self._pending.append((included_templates, _Context(template_input, effect, name)))
        else:
            self._add_paths(*_assume_external_use(template, template_input, effect, name))

    def _add_paths(self, paths: Iterable[ValuePath], effect: ValueUse, name: ResolvedName) -> None:
        """Store the use of each path, except for tests and for data that are not values, such as the release's name."""
        if effect is not ValueUse.CONDITION:
            self._used_paths[effect, name].update(path for path in paths if not path or path[0] == VALUES)


def _split_end(source: TemplateSource) -> tuple[ValuePath | TemplateInclusion, WrittenName, ValuePath | None]:
    """Return the fields of a `ReferenceEnd`. Any other source has no name before it, and no fallback."""
    if isinstance(source, ReferenceEnd):
        return source.source, source.written_name, source.fallback_path
    return source, NO_NAME, None


def _is_app_version(fallback: ValuePath | None, template_input: _TemplateInput) -> bool:
    return fallback is not None and template_input.resolve_path(fallback) == _APP_VERSION


def _assume_external_use(
    template: str, template_input: _TemplateInput, effect: ValueUse, written_name: ResolvedName
) -> tuple[Iterable[ValuePath], ValueUse, ResolvedName]:
    """Return the chart values that a template outside of the tree is assumed to use, and how it uses them.

    - The template `common.images.image` of the library `common` writes an image reference that ends with the tag of
      `imageRoot`.
    - All other templates of this library are assumed to use the values outside of image references.
    - For all other templates, the use is unknown.

    `effect` states how the template that includes `template` uses the output. For example, it is IMAGE if the output
    becomes the end of an image reference. `written_name` is the name of the image before the output.
    """
    named_paths = dict(template_input.named_paths)
    if template == _LIBRARY_IMAGE:
        return [(*path, "tag") for path in named_paths.get("imageRoot", ())], effect, written_name
    value_paths = template_input.value_paths.union(*named_paths.values())
    if template.startswith(_LIBRARY):
        return filter(None, value_paths), ValueUse.OTHER, NO_NAME
    return value_paths, ValueUse.UNKNOWN, NO_NAME
