"""Paths at which the documents of a format contain image references.

This module does not import the YAML parser, so that formats can define their paths at start-up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.model.vocabulary import Reason

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from bot.formats._syntax.yaml.nodes import YamlDocument, YamlNode


def return_node(_document: YamlDocument, node: YamlNode) -> YamlNode:
    """Return `node` itself, because the path leads to the image itself. The default of `ImageLocation.find_image`."""
    return node


def find_self_or_key(key: str) -> Callable[[YamlDocument, YamlNode], YamlNode]:
    """Return a function for `ImageLocation.find_image` that accepts an image as a text, or under a key of a mapping.

    For example, `key` is `name` if a file may contain `image: nginx` or `image: {name: nginx}`. The returned function
    returns the node of the image, `nginx`. It returns None for a mapping without `key`.
    """
    return partial(_get_self_or_value, key)


def _get_self_or_value(key: str, document: YamlDocument, node: YamlNode) -> YamlNode:
    values = document.get_values(node, key)
    if values:
        return values[-1]
    # An unquoted `{{ image }}` is a mapping whose keys are not texts.
    return None if document.list_keys(node) else node


class ImageLock(NamedTuple):
    """The reason why an image at a path is not edited, and a note that explains it; an empty note is left out."""

    reason: Reason
    note: str = ""


def return_no_lock(_document: YamlDocument, _node: YamlNode, _locator: str) -> ImageLock | None:
    """Return None, because all images at the path can be edited. The default of `ImageLocation.find_lock`."""
    return None


class ImageLocation(NamedTuple):
    """A path at which the YAML documents of a format contain images, such as `services.*.image`."""

    path: KeyPath
    find_image: Callable[[YamlDocument, YamlNode], YamlNode] = return_node
    """Returns the image in the node at the path, or None if there is no image."""
    scheme: str = ""
    """The prefix before the image, such as `docker://`."""
    is_scheme_required: bool = True
    """True if a text without the scheme is not an image."""
    hub_prefixes: tuple[str, ...] = ()
    """Prefixes that name a proxy of Docker Hub, such as `$PROXY/`. The image after such a prefix is an image of Docker
    Hub."""
    platform: KeyPath = ()
    """The path of the image's platform, relative to the node at `path`. Empty if there is no platform."""
    find_lock: Callable[[YamlDocument, YamlNode, str], ImageLock | None] = return_no_lock
    """Returns why the image in the node at the path is not edited, or None if it can be edited. The last parameter is
    the locator of the image."""
    inner_keys: tuple[str, ...] = ()
    """Keys below the path that lead to the image. A file without these keys is not parsed."""

    @property
    def keys(self) -> frozenset[str]:
        """The keys that every file with an image at this path contains."""
        return frozenset({*self.path, *self.inner_keys} - {ALL_ITEMS, ALL_VALUES})
