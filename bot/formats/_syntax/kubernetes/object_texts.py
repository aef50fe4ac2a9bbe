"""Find texts in Kubernetes objects, and the folders and files of the tree that they name."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.references.tree_paths import resolve_in_tree
from bot.formats._syntax.yaml.nodes import STRING, KeyPath, YamlDocument, YamlNode, YamlScalar
from bot.model.source import FilePath

_TREE_ROOT = FilePath("")
_TEMPLATE_OPENERS = ("{{", "{%", "${")


def find_texts(document: YamlDocument, node: YamlNode, path: KeyPath) -> Iterator[str]:
    """Yield the texts at `path` below `node`.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.
    """
    for _, found in document.walk(node, path, ""):
        if isinstance(found, YamlScalar) and found.tag == STRING:
            yield found.value


def has_template(text: str) -> bool:
    """Return True if a text contains a template, so that its final value is unknown."""
    return any(mark in text for mark in _TEMPLATE_OPENERS)


def resolve_from_root(text: str) -> FilePath | None:
    """Return `text` as a path from the root of the tree; None if it leads outside the tree or contains a template."""
    return None if has_template(text) else resolve_in_tree(_TREE_ROOT, text.lstrip("/"))
