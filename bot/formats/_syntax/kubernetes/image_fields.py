"""Fields that contain images: their paths in an object, and the form in which they contain images."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from bot.formats._syntax.yaml.nodes import KeyPath


class FieldShape(Enum):
    """The form in which a field contains images, such as a single reference or the values of a chart."""

    IMAGE = auto()
    """An image reference."""
    OVERRIDE = auto()
    """`[old=]name[:tag][@digest]`, the argument of `kustomize edit set image`. A tag and a digest can be combined since
    kustomize 5.2 (kustomize/commands/edit/set/setimage.go)."""
    ENTRIES = auto()
    """The list `images` of a kustomization."""
    VALUES = auto()
    """The values of a Helm chart."""
    OBJECT = auto()
    """Another object, or a part of one."""
    VALUES_TEXT = auto()
    OBJECTS_TEXT = auto()
    PATCH_TEXT = auto()
    """A text that kustomize reads as a patch: a part of an object, or a list of operations (JSON patch)."""
    FUNCTION_TEXT = auto()
    """A text that describes a function for kustomize or kpt to run: `container: {image: …}`."""


class ImageField(NamedTuple):
    """A field that contains images.

    This is a named tuple and not a dataclass, because thousands are created at start-up.
    """

    path: KeyPath
    shape: FieldShape


ImageFields = tuple[ImageField, ...]


class ImagePaths(NamedTuple):
    """The image fields of an object as a tree of their paths. The common start of several paths is walked only once."""

    shapes: tuple[FieldShape, ...]
    children: dict[str, ImagePaths]
    """The subtrees, by the next element of the path."""

    @classmethod
    def build(cls, fields: ImageFields) -> ImagePaths:
        below: dict[str, list[ImageField]] = {}
        for field in fields:
            if field.path:
                below.setdefault(field.path[0], []).append(ImageField(field.path[1:], field.shape))
        here = tuple(field.shape for field in fields if not field.path)
        return cls(here, {key: cls.build(tuple(inner)) for key, inner in below.items()})
