"""Find images in custom resources: known objects, PodSpecs, and keys such as `image`.

`image_keys` decides whether the text under such a key is an image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from bot.formats._syntax.kubernetes.image_fields import ImagePaths
from bot.formats._syntax.kubernetes.image_keys import (
    FIELDS_WITHOUT_IMAGES,
    KEYS_WITHOUT_IMAGES,
    UNCERTAIN_PARENT_KEYS,
    is_image_key,
)
from bot.formats._syntax.kubernetes.kinds import KINDS, NO_PATHS, POD_FIELDS, get_group
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS
from bot.formats._syntax.yaml.nodes import (
    ALL_ITEMS,
    ALL_VALUES,
    STRING,
    YamlDocument,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
)
from bot.formats._syntax.yaml.trees import MAX_NESTING, TooDeepError

_CONTAINER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
"""The name of a container (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names). A
policy's `*` is not such a name."""
_TEMPLATE_OPENER = "{{"
_POD_KEYS = frozenset(field.path[0] for field in POD_FIELDS)
_ESCAPES = {ord("~"): "~0", ord("/"): "~1", ord("#"): "~2", ord(">"): "~3"}
"""Escapes that make locators unique: two key paths of a document never have the same locator."""


def may_be_custom(version: str, kind: str) -> bool:
    """Return True if `version` (an `apiVersion`) and `kind` may be those of a custom resource.

    The group of a custom resource contains a dot (ValidateCustomResourceDefinition in
    https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/apis/apiextensions/validation/validation.go).
    If `version` or `kind` contains a template, the group is not checked, because the rendered values are unknown.
    """
    is_templated = TEMPLATE_MARKS.search(version) or TEMPLATE_MARKS.search(kind)
    return ("." in get_group(version) or bool(is_templated)) and kind != "CustomResourceDefinition"


def get_text_or_template(document: YamlDocument, node: YamlNode, key: str) -> str:
    """Return the text under `key`, or an empty string if there is no text.

    Return `{{` for an unquoted template such as `kind: {{ .Values.kind }}`, which YAML parses as a mapping.
    """
    values = document.get_values(node, key)
    return read_text_or_template(document, values[-1] if values else None)


def read_text_or_template(document: YamlDocument, value: YamlNode) -> str:
    """Return the text of a value, `{{` for an unquoted template, or an empty string for anything else."""
    return _TEMPLATE_OPENER if _is_template(document, value) else _get_string(value)


def _is_template(document: YamlDocument, node: YamlNode) -> bool:
    return isinstance(node, YamlMapping) and document.has_source_prefix(node, _TEMPLATE_OPENER)


class ShapeKind(Enum):
    """The kind of a mapping that contains images."""

    OBJECT = auto()
    """A known object. Its kind is in KINDS, or ends in `List`."""
    POD = auto()
    """A PodSpec: a mapping with a list `containers`. All items of the list are mappings with a valid container `name`,
    at least one of them has an `image`, and every `image` is a text."""
    KEY = auto()
    """A mapping with a key such as `image`, whose value is a text."""


class ShapeMatch(NamedTuple):
    """A mapping that contains images, and its position."""

    kind: ShapeKind
    locator: str
    mapping: YamlMapping
    key: str = ""
    """The key of the image if `kind` is KEY."""
    is_uncertain: bool = False
    """True if the mapping may be something other than fields of the object, such as parameters."""


class _PendingNode(NamedTuple):
    locator: str
    node: YamlNode
    depth: int
    key: str
    paths: ImagePaths
    """The image fields below the node that the table of kinds lists."""
    has_keys: bool
    """True if keys such as `image` are read."""
    is_uncertain: bool


class ShapeSearch(NamedTuple):
    """The shapes to search for. Without any argument, these are known objects and PodSpecs."""

    has_keys: bool = False
    """True to search for keys such as `image`."""
    known_paths: ImagePaths = NO_PATHS
    """The image fields of the object that are read already. They are left out."""
    is_known_kind: bool = False
    """True if the table lists the image fields of the object. Another field is uncertain, also in a PodSpec."""
    is_without_kind: bool = False
    """True if the document is not an object. Only PodSpecs under the key `spec` count, also without container names."""

    def find(self, document: YamlDocument, root: YamlNode, locator: str) -> Iterator[ShapeMatch]:
        """Yield every known object, PodSpec and image key below `root`.

        The search does not continue inside an object, or inside the containers and volumes of a PodSpec. Raises
        TooDeepError if collections are nested too deeply, or the document's nodes are visited too often.
        """
        pending = [_PendingNode(locator, root, 0, "", self.known_paths, self.has_keys, self.is_known_kind)]
        while pending:
            current = pending.pop()
            if current.depth > MAX_NESTING:  # a collection contains an alias to itself
                raise TooDeepError
            entries = document.get_entries(current.node)
            if isinstance(current.node, YamlMapping):
                if current.node is not root and not self.is_without_kind and _is_known_object(entries):
                    yield ShapeMatch(ShapeKind.OBJECT, current.locator, current.node)
                    continue
                if not self.is_known_kind and self._is_pod(document, entries, current.key):
                    yield ShapeMatch(ShapeKind.POD, current.locator, current.node)
                    entries = {key: value for key, value in entries.items() if key not in _POD_KEYS}
                if current.has_keys:
                    yield from _find_keys(document, current, entries)
            pending += reversed(list(_list_below(document, current, entries)))

    def _is_pod(self, document: YamlDocument, entries: dict[str, YamlNode], key: str) -> bool:
        return (not self.is_without_kind or key == "spec") and _is_pod(
            document, entries, is_name_required=not self.is_without_kind
        )


def _find_keys(document: YamlDocument, current: _PendingNode, entries: dict[str, YamlNode]) -> Iterator[ShapeMatch]:
    for key, value in entries.items():
        if (
            isinstance(current.node, YamlMapping)
            and is_image_key(key)
            and key not in current.paths.children
            and read_text_or_template(document, value)
        ):
            yield ShapeMatch(ShapeKind.KEY, current.locator, current.node, key, current.is_uncertain)


def _list_below(document: YamlDocument, current: _PendingNode, entries: dict[str, YamlNode]) -> Iterator[_PendingNode]:
    """Yield the collections in a collection, without those that are image fields of the table themselves."""
    children = current.paths.children
    wildcard = children.get(ALL_ITEMS if isinstance(current.node, YamlSequence) else ALL_VALUES, NO_PATHS)
    for key, value in entries.items():
        if isinstance(value, YamlMapping | YamlSequence):
            paths = children.get(key, wildcard)
            if not paths.shapes:
                has_keys = current.has_keys and not (
                    key in KEYS_WITHOUT_IMAGES or (current.depth == 0 and key in FIELDS_WITHOUT_IMAGES)
                )
                locator = document.extend_locator(current.locator, key.translate(_ESCAPES))
                is_uncertain = current.is_uncertain or key in UNCERTAIN_PARENT_KEYS
                yield _PendingNode(locator, value, current.depth + 1, key, paths, has_keys, is_uncertain)


def _is_known_object(entries: dict[str, YamlNode]) -> bool:
    version, kind = (_get_string(entries.get(key)) for key in ("apiVersion", "kind"))
    return bool(version and kind) and ((get_group(version), kind) in KINDS or kind.endswith("List"))


def _is_pod(document: YamlDocument, entries: dict[str, YamlNode], *, is_name_required: bool) -> bool:
    containers = entries.get("containers")
    if not isinstance(containers, YamlSequence):
        return False
    items = [
        document.get_entries(item)
        for item in document.get_entries(containers).values()
        if isinstance(item, YamlMapping)
    ]
    images = [item["image"] for item in items if "image" in item]
    return (
        len(items) == len(containers.items)
        and bool(images)
        and all(isinstance(image, YamlScalar) or _is_template(document, image) for image in images)
        and all(
            _is_container_name(_get_string(item.get("name"))) for item in items if is_name_required or "name" in item
        )
    )


def _is_container_name(name: str) -> bool:
    return bool(_CONTAINER_NAME.fullmatch(name) or TEMPLATE_MARKS.search(name))


def _get_string(node: YamlNode) -> str:
    return node.text if isinstance(node, YamlScalar) and node.tag == STRING else ""
