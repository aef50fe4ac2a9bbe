"""Find images in custom resources of unknown kinds, which may contain known objects and PodSpecs.

Only known objects and PodSpecs are read. A key `image` elsewhere does not show that its value is an image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.formats._syntax.kubernetes.kinds import KINDS, POD_FIELDS, get_group
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS
from bot.formats._syntax.yaml.nodes import STRING, YamlDocument, YamlMapping, YamlNode, YamlScalar, YamlSequence
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
    value = values[-1] if values else None
    return _TEMPLATE_OPENER if _is_template(document, value) else _get_string(value)


def _is_template(document: YamlDocument, node: YamlNode) -> bool:
    return isinstance(node, YamlMapping) and document.has_source_prefix(node, _TEMPLATE_OPENER)


def find_by_shape(document: YamlDocument, root: YamlNode, locator: str) -> Iterator[tuple[str, YamlMapping, bool]]:
    """Yield (locator, mapping, is_object) for every known object and every PodSpec below `root`.

    - `is_object` is True for a known object. The kind of such an object is in KINDS, or ends in `List`.
    - `is_object` is False for a PodSpec. A PodSpec is a mapping with a list `containers`. All items of the list are
      mappings with a valid container `name`, at least one of them has an `image`, and every `image` is a text.

    The search does not continue inside an object, or inside the containers and volumes of a PodSpec. Raises
    TooDeepError if collections are nested too deeply, or the document's nodes are visited too often.
    """
    pending: list[tuple[str, YamlNode, int]] = [(locator, root, 0)]
    while pending:
        node_locator, node, depth = pending.pop()
        if depth > MAX_NESTING:  # a collection contains an alias to itself
            raise TooDeepError
        entries = document.get_entries(node)
        if isinstance(node, YamlMapping):
            if node is not root and _is_known_object(entries):
                yield node_locator, node, True
                continue
            if _is_pod(document, entries):
                yield node_locator, node, False
                entries = {key: value for key, value in entries.items() if key not in _POD_KEYS}
        below = [
            (document.extend_locator(node_locator, key.translate(_ESCAPES)), value, depth + 1)
            for key, value in entries.items()
            if isinstance(value, YamlMapping | YamlSequence)
        ]
        pending += reversed(below)


def _is_known_object(entries: dict[str, YamlNode]) -> bool:
    version, kind = (_get_string(entries.get(key)) for key in ("apiVersion", "kind"))
    return bool(version and kind) and ((get_group(version), kind) in KINDS or kind.endswith("List"))


def _is_pod(document: YamlDocument, entries: dict[str, YamlNode]) -> bool:
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
        and all(_is_container_name(_get_string(item.get("name"))) for item in items)
    )


def _is_container_name(name: str) -> bool:
    return bool(_CONTAINER_NAME.fullmatch(name) or TEMPLATE_MARKS.search(name))


def _get_string(node: YamlNode) -> str:
    return node.value if isinstance(node, YamlScalar) and node.tag == STRING else ""
