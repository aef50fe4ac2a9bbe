"""Objects of kinds that no row knows: what is in them by its shape alone, never by a key called `image`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.formats._syntax.kubernetes.kinds import KINDS, POD_IMAGES, group_of
from bot.formats._syntax.places import TEMPLATE_MARKS
from bot.formats._syntax.yaml.nodes import STRING, Document, Mapping, Node, Scalar, Sequence
from bot.formats._syntax.yaml.trees import MAX_NESTING, TooDeepError

_CONTAINER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names: a policy's `*` is none."""
_TEMPLATE = "{{"
_POD_KEYS = frozenset(use.path[0] for use in POD_IMAGES)
_ESCAPES = {ord("~"): "~0", ord("/"): "~1", ord("#"): "~2", ord(">"): "~3"}
"""So that no two ways through a document have one locator."""


def may_be_custom(version: str, kind: str) -> bool:
    """Say whether an `apiVersion` and a kind may be those of a custom resource, or of what a template chooses.

    Groups of those have a dot (ValidateCustomResourceDefinition in
    https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/apis/apiextensions/validation/validation.go).
    """
    is_templated = TEMPLATE_MARKS.search(version) or TEMPLATE_MARKS.search(kind)
    return ("." in group_of(version) or bool(is_templated)) and kind != "CustomResourceDefinition"


def text_or_template(document: Document, node: Node, key: str) -> str:
    """Return the text that a mapping has under `key`; the beginning of a template, which is a mapping to YAML."""
    value = next(reversed(document.values(node, key)), None)
    return _TEMPLATE if _is_template(document, value) else _text(value)


def _is_template(document: Document, node: Node) -> bool:
    return isinstance(node, Mapping) and document.begins_with(node, _TEMPLATE)


def find_by_shape(document: Document, root: Node, locator: str) -> Iterator[tuple[str, Mapping, bool]]:
    """Yield locators and mappings below `root`, each with whether it is an object of a kind in KINDS, or a PodSpec.

    A PodSpec is a mapping with `containers`: a list of mappings that all have a `name` which a container can have and
    of which none has an `image` that is no text, and some have one. What is inside of an object, or of the containers
    and volumes of a pod, is not looked at. Raises TooDeepError.
    """
    pending: list[tuple[str, Node, int]] = [(locator, root, 0)]
    while pending:
        place, node, depth = pending.pop()
        if depth > MAX_NESTING:  # an alias to what it is inside of
            raise TooDeepError
        inside = dict(document.look(node))
        if isinstance(node, Mapping):
            if node is not root and _is_known_object(inside):
                yield place, node, True
                continue
            if _is_pod(document, inside):
                yield place, node, False
                inside = {key: value for key, value in inside.items() if key not in _POD_KEYS}
        below = [
            (f"{place}/{key.translate(_ESCAPES)}", value, depth + 1)
            for key, value in inside.items()
            if isinstance(value, Mapping | Sequence)
        ]
        pending += reversed(below)


def _is_known_object(inside: dict[str, Node]) -> bool:
    version, kind = (_text(inside.get(key)) for key in ("apiVersion", "kind"))
    return bool(version and kind) and ((group_of(version), kind) in KINDS or kind.endswith("List"))


def _is_pod(document: Document, inside: dict[str, Node]) -> bool:
    containers = inside.get("containers")
    if not isinstance(containers, Sequence):
        return False
    items = [dict(document.look(item)) for _, item in document.look(containers) if isinstance(item, Mapping)]
    images = [item["image"] for item in items if "image" in item]
    return (
        len(items) == len(containers.items)
        and bool(images)
        and all(isinstance(image, Scalar) or _is_template(document, image) for image in images)
        and all(_is_container_name(_text(item.get("name"))) for item in items)
    )


def _is_container_name(name: str) -> bool:
    return bool(_CONTAINER_NAME.fullmatch(name) or TEMPLATE_MARKS.search(name))


def _text(node: Node) -> str:
    return node.value if isinstance(node, Scalar) and node.tag == STRING else ""
