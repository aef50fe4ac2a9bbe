"""Find images in objects of unknown kinds by shape alone, never by a key called `image`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.formats._syntax.kubernetes.kinds import KINDS, POD_IMAGES, group_of
from bot.formats._syntax.places import TEMPLATE_MARKS
from bot.formats._syntax.yaml.nodes import STRING, Document, Mapping, Node, Scalar, Sequence
from bot.formats._syntax.yaml.trees import MAX_NESTING, TooDeepError

_CONTAINER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names; excludes a policy's `*`."""
_TEMPLATE = "{{"
_POD_KEYS = frozenset(use.path[0] for use in POD_IMAGES)
_ESCAPES = {ord("~"): "~0", ord("/"): "~1", ord("#"): "~2", ord(">"): "~3"}
"""Makes locators unique: two key paths of a document never have the same one."""


def may_be_custom(version: str, kind: str) -> bool:
    """Return True if `apiVersion` and kind may be those of a custom resource, or are chosen by a template.

    Groups of custom resources have a dot (ValidateCustomResourceDefinition in
    https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/apis/apiextensions/validation/validation.go).
    """
    is_templated = TEMPLATE_MARKS.search(version) or TEMPLATE_MARKS.search(kind)
    return ("." in group_of(version) or bool(is_templated)) and kind != "CustomResourceDefinition"


def text_or_template(document: Document, node: Node, key: str) -> str:
    """Return the text under `key`; for a template, which YAML takes for a mapping, return its opening braces."""
    value = next(reversed(document.values(node, key)), None)
    return _TEMPLATE if _is_template(document, value) else _text(value)


def _is_template(document: Document, node: Node) -> bool:
    return isinstance(node, Mapping) and document.begins_with(node, _TEMPLATE)


def find_by_shape(document: Document, root: Node, locator: str) -> Iterator[tuple[str, Mapping, bool]]:
    """Yield locator and mapping of every known object and PodSpec below `root`, and True for an object.

    An object is known if its kind is in KINDS. A PodSpec is a mapping with a list `containers`. All items of the list
    are mappings with a valid container `name`, at least one has an `image`, and every `image` is a text. The content of
    an object, and of the containers and volumes of a PodSpec, is not searched. Raises TooDeepError.
    """
    pending: list[tuple[str, Node, int]] = [(locator, root, 0)]
    while pending:
        place, node, depth = pending.pop()
        if depth > MAX_NESTING:  # an alias to a collection that contains it
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
