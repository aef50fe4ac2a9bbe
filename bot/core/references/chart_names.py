"""The names that the templates of Helm charts write before the tags and digests of images.

A template can write a tag after the name of another image than the image beside the tag in the values. For example,
some charts have one tag for many images: `{{ .Values.images.repository }}/{{ .Values.cart.name }}:{{ .Values.images.tag
}}`. A digest of `images.repository` would be wrong there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TypeVar

from bot.model.chart_facts import ValuePath, WrittenName
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import DOCKER_HUB, ImageName
from bot.model.source import Reference

ANY_KEY = "*"
"""In a value path, any key of a mapping or any item of a list."""
MAX_NAME_SOURCES = 100
"""Limit for the sources in all parts of one name. The names in charts have about five."""

ResolvedName = frozenset[frozenset[ValuePath | str]]
"""A `WrittenName` whose sources are only chart values, such as `("Values", "image", "repository")`, and texts."""
NO_NAME: ResolvedName = frozenset()
UNKNOWN_NAME: ResolvedName = frozenset({frozenset({"?"})})
"""Stands for an unknown name. No image has this name."""

_Name = TypeVar("_Name", ResolvedName, WrittenName)
_VALUES = "Values"
_REGISTRY_KEY = re.compile(r"(?:(?:image|docker|container)[-_]?)?registry(?:[-_]?(?:url|host))?", re.IGNORECASE)


def is_registry_key(key: str) -> bool:
    """Return True if `key` is the key of a registry in chart values, such as `imageRegistry`."""
    return _REGISTRY_KEY.fullmatch(key) is not None


def combine_alternatives(names: Iterable[_Name]) -> _Name:
    """Return the name that a template writes if it writes only one of `names`. Empty names are left out.

    Each part of the result consists of one part of each name: `a/b` or `c` becomes `(a or c)/(b or c)`. So all parts of
    the result belong to an image if all parts of one of the names belong to this image.
    """
    combined: _Name = NO_NAME
    for name in names:
        if combined and name:
            combined = limit_name(frozenset(part | other for part in combined for other in name))
        else:
            combined = combined or name
    return combined


def limit_name(name: _Name) -> _Name:
    """Return `name`, or UNKNOWN_NAME if `name` has too many sources."""
    return name if sum(map(len, name)) <= MAX_NAME_SOURCES else UNKNOWN_NAME


def are_names_of_image(names: Collection[ResolvedName], image: Reference) -> bool:
    """Return True if the templates write all `names` for `image`, and not for another image.

    - Each name must contain the repository of the image, and no part that does not belong to the image.
    - If the registry of the image is in a value of its own, one of the names must contain a registry, unless the
      registry is Docker Hub. Which registry is written is decided when the values are read.

    If one of the names is empty, or if a single value is the whole reference, the names are unknown, and the result is
    True. The same applies if there are no names.
    """
    if not image.name_values or not names or not all(names):
        return True
    _, *registry_values = image.name_values
    needs_registry = bool(registry_values) and image.image.host != DOCKER_HUB
    has_registry = any(_is_registry(source, image) for name in names for part in name for source in part)
    return all(_is_name_of_image(name, image) for name in names) and (has_registry or not needs_registry)


def _is_name_of_image(name: ResolvedName, image: Reference) -> bool:
    repository, *_ = image.name_values
    repository_parts = {part for part in name if any(_is_repository(source, repository, image) for source in part)}
    return bool(repository_parts) and all(
        any(_is_registry(source, image) or _is_value(source, image.variables) for source in part)
        for part in name - repository_parts
    )


def _is_repository(source: ValuePath | str, repository: str, image: Reference) -> bool:
    if isinstance(source, tuple):
        return _is_value(source, (repository,))
    try:
        return ImageName.parse(source).repository == image.image.repository
    except InvalidReferenceError:
        return False


def _is_registry(source: ValuePath | str, image: Reference) -> bool:
    """Return True if `source` is a registry, or a literal name that includes the registry of `image`."""
    if isinstance(source, tuple):
        return is_registry_key("".join(source[-1:]))
    return source.partition("/")[0] == image.image.host


def _is_value(source: ValuePath | str, values: Iterable[str]) -> bool:
    """Return True if `source`, in which a key can be `*`, is the path of one of `values`, such as `image.tag`."""
    paths = [(_VALUES, *value.split(".")) for value in values]
    return isinstance(source, tuple) and any(
        len(source) == len(path) and all(key in {own_key, ANY_KEY} for key, own_key in zip(source, path, strict=True))
        for path in paths
    )
