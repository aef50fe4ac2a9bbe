"""Molecule: the images of the containers in which Ansible roles are tested.

Unless a platform sets `pre_build_image: true`, the drivers for containers build an image from the platform's image, and
use the whole reference as a part of the new image's tag, in which a digest is not valid. See `playbooks/create.yml` of
these drivers in https://github.com/ansible-community/molecule-plugins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS
from bot.formats._syntax.yaml.path_formats import ImageLocation, ImageLock, YamlPathFormat
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from bot.formats._syntax.yaml.nodes import YamlDocument, YamlNode

_CONTAINER_DRIVERS = frozenset({"containers", "docker", "podman"})
_OWN_DRIVERS = frozenset({"default", "delegated"})
"""Drivers for which a role has its own playbook, which may start containers or virtual machines."""
_TRUE = frozenset({"on", "true", "yes"})
_NOT_PRE_BUILT = ImageLock(
    Reason.PIN_OFF, "without `pre_build_image: true`, Molecule builds an image whose tag cannot contain a digest"
)


def _read_texts(document: YamlDocument, node: YamlNode, key: str) -> Iterator[str]:
    """Yield the texts under `key` in a mapping, in lower case."""
    from bot.formats._syntax.yaml.nodes import YamlScalar

    return (value.value.lower() for value in document.get_values(node, key) if isinstance(value, YamlScalar))


def _get_driver(document: YamlDocument) -> str:
    """Return the name of the driver. Without a name, it is `docker`, as before version 6 of Molecule."""
    drivers = document.get_values(document.root, "driver")
    return next((name for each in drivers for name in _read_texts(document, each, "name")), "docker")


def _find_image(document: YamlDocument, node: YamlNode) -> YamlNode:
    """Return the image of a platform, or None if it has none, or one of a virtual machine or of an unknown registry."""
    if document.get_values(node, "registry") or _get_driver(document) not in _CONTAINER_DRIVERS | _OWN_DRIVERS:
        return None
    images = document.get_values(node, "image")
    return images[-1] if images else None


def _find_lock(document: YamlDocument, node: YamlNode, _locator: str) -> ImageLock | None:
    if any(text in _TRUE for text in _read_texts(document, node, "pre_build_image")):
        return None
    return _NOT_PRE_BUILT if _get_driver(document) in _CONTAINER_DRIVERS else ImageLock(Reason.UNKNOWN_FIELD)


FORMAT: FileFormat = YamlPathFormat(
    name="molecule",
    path_pattern=re.compile(r"(?:.*/)?(?:molecule|\.config/molecule/config)\.ya?ml", re.DOTALL),
    path_words=("molecule.y", ".config/molecule/"),
    locations=(
        ImageLocation(
            ("platforms", ALL_ITEMS), _find_image, platform=("platform",), find_lock=_find_lock, inner_keys=("image",)
        ),
    ),
)
