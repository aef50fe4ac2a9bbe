"""The entries of path tables; this module is imported without the YAML parser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bot.formats._syntax.yaml.ways import Path

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from bot.formats._syntax.yaml.nodes import Document, Node


def itself(_document: Document, node: Node) -> Node:
    """Return the node that the path leads to: the image itself."""
    return node


def or_under(key: str) -> Callable[[Document, Node], Node]:
    """Return a function that returns a value which is the image itself, or the image under `key` of a mapping."""

    def read(document: Document, node: Node) -> Node:
        values = document.values(node, key)
        if values:
            return values[-1]
        return None if document.keys(node) else node  # an unquoted `{{ image }}` is a mapping without text keys

    return read


class Images(NamedTuple):
    """A path at which a document names images."""

    path: Path
    reads: Callable[[Document, Node], Node] = itself
    """Returns the image in the node at the path; None if there is none."""
    scheme: str = ""
    """The prefix before the image, such as `docker://`."""
    needs_scheme: bool = True
    """Whether a text without the scheme is not an image."""
    platform: Path = ()
    """The path, below the image's, of the platform of the image."""
