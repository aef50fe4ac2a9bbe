"""Find the images in a JSON patch, which is a list of operations: `{op: replace, path: /spec/…/image, value: nginx}`.

Kustomize, Flux and Argo CD apply such patches to objects. The patch does not contain the kind of the object. The
operations are defined in https://www.rfc-editor.org/rfc/rfc6902, and their paths in
https://www.rfc-editor.org/rfc/rfc6901.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from bot.formats._syntax.kubernetes.image_fields import FieldShape, ImagePaths
from bot.formats._syntax.kubernetes.kinds import NO_PATHS, POD_PATHS
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, YamlDocument, YamlNode, YamlScalar

_WRITING_OPERATIONS = frozenset({"add", "replace"})
_INDEX = re.compile(r"-|\d+", re.ASCII)
"""The position of a list item. `-` is the position after the last item."""
_FIELDS_WITHOUT_IMAGES = frozenset({"metadata", "data", "stringData", "binaryData"})
"""Fields at the top of an object in which a key `image` is not the image of a container, such as annotations."""
_CHART_VALUES = frozenset({"values", "valuesObject"})
_IMAGE = ImagePaths((FieldShape.IMAGE,), {})
"""A field `image` outside of a PodSpec. If its value is not a text, it has another meaning."""


class PatchedValue(NamedTuple):
    """The value of an operation in a JSON patch that may contain images."""

    locator: str
    node: YamlNode
    image_paths: ImagePaths | None
    """The image fields in the value, or None if the value is a part of an object that may contain PodSpecs."""


def find_patched_values(document: YamlDocument, root: YamlNode, locator: str) -> Iterator[PatchedValue]:
    """Yield the values in a JSON patch that may contain images. `root` is the list of operations.

    Yield nothing if `root` is not a list of operations. Raises TooDeepError.
    """
    for operation_locator, operation in document.walk(root, (ALL_ITEMS,), locator):
        pointer = document.get_string(operation, "path") or ""
        if document.get_string(operation, "op") not in _WRITING_OPERATIONS or not pointer.startswith("/"):
            continue
        image_paths = _find_image_paths(pointer.split("/")[1:])
        if image_paths != NO_PATHS:
            for value_locator, value in document.walk(operation, ("value",), operation_locator):
                if image_paths is not _IMAGE or isinstance(value, YamlScalar):
                    yield PatchedValue(value_locator, value, image_paths)


def _find_image_paths(keys: list[str]) -> ImagePaths | None:
    """Return the image fields in the value at the path `keys` of an object, or None if PodSpecs must be searched.

    For example, the value at `["spec", "containers", "-"]` is a container, whose image field is `image`.
    """
    if keys[0] in _FIELDS_WITHOUT_IMAGES or not _CHART_VALUES.isdisjoint(keys):
        return NO_PATHS
    for at in range(len(keys) - 1, -1, -1):
        if keys[at] in POD_PATHS.children:
            found = POD_PATHS
            for key in keys[at:]:
                found = found.children.get(ALL_ITEMS if _INDEX.fullmatch(key) else key, NO_PATHS)
            return found
    return _IMAGE if keys[-1] == "image" else None
