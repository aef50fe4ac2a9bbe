"""The entries of path tables; this module is imported without the YAML parser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bot.formats._syntax.yaml.key_paths import KeyPath

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from bot.formats._syntax.yaml.nodes import YamlDocument, YamlNode


def return_node(_document: YamlDocument, node: YamlNode) -> YamlNode:
    """Return the node that the path leads to: the image itself."""
    return node


def find_self_or_key(key: str) -> Callable[[YamlDocument, YamlNode], YamlNode]:
    """Return a function that returns a value which is the image itself, or the image under `key` of a mapping."""

    def read(document: YamlDocument, node: YamlNode) -> YamlNode:
        values = document.get_values(node, key)
        if values:
            return values[-1]
        return None if document.list_keys(node) else node  # an unquoted `{{ image }}` is a mapping without text keys

    return read


class ImageLocation(NamedTuple):
    """A path at which a document names images."""

    path: KeyPath
    find_image: Callable[[YamlDocument, YamlNode], YamlNode] = return_node
    """Returns the image in the node at the path; None if there is none."""
    scheme: str = ""
    """The prefix before the image, such as `docker://`."""
    is_scheme_required: bool = True
    """Whether a text without the scheme is not an image."""
    platform: KeyPath = ()
    """The path, below the image's, of the platform of the image."""
