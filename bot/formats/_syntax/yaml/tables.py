"""Tables of where YAML documents name images; they are written without a parser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bot.formats._syntax.yaml.ways import Path

if TYPE_CHECKING:  # a start pays only for what it uses
    from bot.formats._syntax.yaml.nodes import Document, Node


def itself(_document: Document, node: Node) -> Node:
    """Return the node that a path leads to: it is the image."""
    return node


def or_under(key: str) -> Callable[[Document, Node], Node]:
    """Return how a value is read that is either the image or a mapping which has it under `key`."""

    def read(document: Document, node: Node) -> Node:
        values = document.values(node, key)
        if values:
            return values[-1]
        return None if document.keys(node) else node  # `{{ image }}` without quotes has no key that is a text

    return read


class Images(NamedTuple):
    """Where a document names images."""

    path: Path
    reads: Callable[[Document, Node], Node] = itself
    """Return the image in what the path leads to; None where there is none."""
    scheme: str = ""
    """What stands before the image there, as `docker://`."""
    needs_scheme: bool = True
    """Whether a text without the scheme is no image."""
    platform: Path = ()
    """Below the path: where the image's platform is said."""
