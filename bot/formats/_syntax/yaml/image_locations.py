"""The entries of path tables. This module can be imported without the YAML parser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bot.formats._syntax.yaml.key_paths import KeyPath

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from bot.formats._syntax.yaml.nodes import YamlDocument, YamlNode


def return_node(_document: YamlDocument, node: YamlNode) -> YamlNode:
    """Return `node` itself, for paths that lead to the image."""
    return node


def find_self_or_key(key: str) -> Callable[[YamlDocument, YamlNode], YamlNode]:
    """Return a function that finds the image in a node: the node itself, or the value of `key` in a mapping.

    The function returns None for a mapping that only has other keys.
    """

    def read(document: YamlDocument, node: YamlNode) -> YamlNode:
        values = document.get_values(node, key)
        if values:
            return values[-1]
        # An unquoted `{{ image }}` is a mapping whose keys are not texts.
        return None if document.list_keys(node) else node

    return read


class ImageLocation(NamedTuple):
    """A path at which a document names images."""

    path: KeyPath
    find_image: Callable[[YamlDocument, YamlNode], YamlNode] = return_node
    """Returns the image in the node at the path, or None if there is no image."""
    scheme: str = ""
    """The prefix before the image, such as `docker://`."""
    is_scheme_required: bool = True
    """True if a text without the scheme is not an image."""
    platform: KeyPath = ()
    """The path of the image's platform, relative to the node at `path`. Empty if there is no platform."""
