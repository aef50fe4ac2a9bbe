"""How the templates of one chart use the chart's values, including the named templates that they include."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.model.cross_file import ChartTemplate, TemplateInclusion, ValuePath, ValueUse, ValueWithFallback

MAX_INCLUSIONS = 20_000
"""Limit for the templates that are followed for one chart, once for each distinct input. Large charts need some
hundreds. Beyond the limit, the use of the chart's values counts as unknown."""
MAX_TREE_PATHS = 2_000_000
"""Limit for the value paths that are followed in all charts of a tree, which takes about 15 seconds. The 118 charts of
a large public repository need 400,000. Beyond the limit, the use of all values of the remaining charts counts as
unknown."""
MAX_VALUE_PATHS = 200
"""Limit for the value paths in the input of one template."""
MAX_KEYS = 40
"""Limit for the keys on the path from the top of a chart to the input of a template."""

ANY_KEY = "*"
"""In a value path, any item of a list or of a mapping."""
_LIBRARY = "common."
"""Prefix of a template library that most charts by Bitnami, and many others, include as a dependency. Templates pass
the values to it as named arguments, next to the context
(https://github.com/bitnami/charts/tree/main/bitnami/common)."""
_LIBRARY_IMAGE = "common.images.image"
_APP_VERSION = frozenset({("Chart", "AppVersion")})
ValuePathUse = tuple[ValuePath, ValueUse]
UNKNOWN_USE: frozenset[ValuePathUse] = frozenset({((), ValueUse.UNKNOWN)})


@dataclass(frozen=True, slots=True)
class _TemplateInput:
    """The data that is passed to an included template: the paths of the chart values that the data may contain.

    For example, `include "a" .Values.web` passes the value at the path `("Values", "web")`, so `value_paths` contains
    this path. `include "a" (dict "image" .Values.web)` passes the same value under the name `image`, so `named_paths`
    contains the path together with this name.
    """

    value_paths: frozenset[ValuePath] = frozenset({()})
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
        named = {key: paths for key, paths in self.named_paths if not value_path or value_path[0] in {key, ANY_KEY}}
        inside = frozenset[ValuePath]().union(*named.values())
        return frozenset(
            {(*each, *value_path) for each in self.value_paths} | {(*each, *value_path[1:]) for each in inside}
        )

    def build_inclusion_input(self, inclusion: TemplateInclusion) -> _TemplateInput:
        """Return the data that this template passes to another template when it includes it.

        `self` is the data that was passed to this template.
        """
        named = tuple((key, self._resolve_paths(paths)) for key, paths in inclusion.named_arguments)
        return _TemplateInput(self._resolve_paths(inclusion.argument_paths), named)

    def _resolve_paths(self, value_paths: Iterable[ValuePath]) -> frozenset[ValuePath]:
        return frozenset(found for path in value_paths for found in self.resolve_path(path))


@dataclass(slots=True)
class PathCounter:
    """Counts the value paths that are followed in all charts of a tree."""

    followed_paths: int = 0

    @property
    def is_exceeded(self) -> bool:
        return self.followed_paths > MAX_TREE_PATHS


def collect_uses(
    templates: Iterable[ChartTemplate],
    find_definitions: Callable[[str], Sequence[ChartTemplate]],
    path_counter: PathCounter,
) -> frozenset[ValuePathUse]:
    """Return how `templates`, and all templates that they include, use the chart's values.

    `find_definitions` returns the templates with a given name. If the templates include too many others
    (MAX_INCLUSIONS), if the data of a template has too many paths, or if all charts of the tree together have too many,
    the result states that the use of all values is unknown.
    """
    uses: set[ValuePathUse] = set()
    pending = [(template, _TemplateInput(), ValueUse.OTHER) for template in templates]
    visited: set[tuple[int, _TemplateInput, ValueUse]] = set()
    while pending:
        template, template_input, purpose = pending.pop()
        if (id(template), template_input, purpose) in visited:
            continue
        visited.add((id(template), template_input, purpose))
        path_counter.followed_paths += (1 + len(template.uses)) * template_input.path_count
        if len(visited) > MAX_INCLUSIONS or template_input.is_too_large or path_counter.is_exceeded:
            return UNKNOWN_USE
        for source, use in template.uses:
            effect = purpose if use is ValueUse.END else use
            if isinstance(source, ValueWithFallback):
                uses |= _resolve_fallback(source, template_input, effect)
            elif not isinstance(source, TemplateInclusion):
                uses.update((path, effect) for path in template_input.resolve_path(source))
            elif included_templates := find_definitions(source.template):
                pending += [(each, template_input.build_inclusion_input(source), effect) for each in included_templates]
            else:
                uses |= _assume_external_uses(source.template, template_input.build_inclusion_input(source), effect)
    return frozenset(uses)


def _resolve_fallback(
    source: ValueWithFallback, template_input: _TemplateInput, effect: ValueUse
) -> frozenset[ValuePathUse]:
    """Return the use of a value with a fallback. Only the fallback `.Chart.AppVersion` makes a difference."""
    is_version = template_input.resolve_path(source.fallback_path) == _APP_VERSION
    use = ValueUse.IMAGE_OR_APP_VERSION if is_version and effect is ValueUse.IMAGE else effect
    return frozenset((path, use) for path in template_input.resolve_path(source.value_path))


def _assume_external_uses(template: str, template_input: _TemplateInput, effect: ValueUse) -> frozenset[ValuePathUse]:
    """Return how a template that is not in the tree is assumed to use the chart values that are passed to it.

    - The template `common.images.image` of the library `common` writes an image reference that ends with the tag of
      `imageRoot`.
    - All other templates of this library are assumed to use the values outside of image references.
    - For all other templates, the use is unknown.

    `effect` states how the template that includes `template` uses the output. For example, it is IMAGE if the output
    becomes the end of an image reference.
    """
    named_paths = dict(template_input.named_paths)
    if template == _LIBRARY_IMAGE:
        return frozenset(((*path, "tag"), effect) for path in named_paths.get("imageRoot", ()))
    value_paths = template_input.value_paths.union(*named_paths.values())
    if template.startswith(_LIBRARY):
        return frozenset((path, ValueUse.OTHER) for path in value_paths if path)
    return frozenset((path, ValueUse.UNKNOWN) for path in value_paths)
