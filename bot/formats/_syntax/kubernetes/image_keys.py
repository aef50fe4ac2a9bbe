"""Classify the texts under keys such as `image` in custom resources, whose fields no table lists."""

from __future__ import annotations

import re
from enum import Enum, auto

from bot.formats._syntax.reference_positions import MAX_SHOWN_TEXT, SCHEME, TEMPLATE_MARKS
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import ImageName

CONTAINER_SCHEME = "docker://"
"""The only scheme before the name of a container image."""

_IMAGE_KEY_ENDINGS = ("image", "Image")
_OTHER_GROUPS = frozenset(
    {
        "kustomize.config.k8s.io",  # has a format of its own
        "image.toolkit.fluxcd.io",  # repositories to search for tags
        "apiextensions.k8s.io",
    }
)
_POLICY_GROUP = re.compile(r"(?:.*\.)?(?:kyverno\.io|gatekeeper\.sh|sigstore\.dev)", re.DOTALL)
"""Groups of policies and tests, in which an image is compared with the images of other objects."""
_UNCERTAIN_KEY = re.compile(
    r".*(?:output|destination|target|os|disk|vm|machine|boot|iso|rootfs|kernel|initrd|cloud|icon|logo|banner|cover|background)[_-]?image",
    re.IGNORECASE | re.DOTALL,
)
"""Keys of images that are usually results of builds, disks of machines or pictures."""
_FILE = re.compile(
    r".*\.(?:png|jpe?g|gif|svg|webp|ico|iso|img|qcow2|vmdk|vhdx?|raw|ova|tar|t?gz|xz|bz2|zst|zip)",
    re.IGNORECASE | re.DOTALL,
)
_OTHER_NAME = re.compile(
    r"(?:true|false|none|default)|(?:ami|img|image|snapshot|snap)-.*|[^/]+(?:/[^/]+){2,}"
    r"|(?:ubuntu|debian|centos|rhel|fedora|rocky|alma|suse|sles|opensuse|flatcar|coreos|windows|cos|amzn)[a-z-]*[._-]?\d.*",
    re.IGNORECASE | re.DOTALL,
)
"""Names without a registry, a tag and a digest that are switches, or images of machines."""
_PLACEHOLDER = re.compile(r"\{\{[^{}]*+\}\}|\$\{[^${}]*+\}|\$\([^$()]*+\)|\{[^{}]*+\}|<<[^<>]*+>>|%[a-z]|\$\w++")
_FILLER = "x"
"""A text that replaces each placeholder, so that the rest can be parsed as an image reference."""
_UNKNOWN_HOST = "x.x"
FIELDS_WITHOUT_IMAGES = frozenset({"metadata", "status", "data", "stringData", "binaryData"})
"""Fields at the top of an object in which a key `image` is not the image of a container."""
KEYS_WITHOUT_IMAGES = frozenset(
    {
        *("annotations", "labels", "matchLabels", "openAPIV3Schema"),
        *("output", "outputs", "destination", "rbd", "disk", "disks", "icon", "logo"),
    }
)
"""Keys of mappings in which a key `image` is a text, the result of a build, a disk or a picture."""
UNCERTAIN_PARENT_KEYS = frozenset(
    {"config", "elements", "parameters", "params", "settings", "substitute", "values", "valuesObject", "variables"}
)
"""Keys of mappings with parameters, which may be used for anything."""


class ImageCertainty(Enum):
    """How likely it is that a text is the image of a container."""

    NONE = auto()
    """The text is not an image reference, or is evidently something else."""
    HALF = auto()
    FULL = auto()


def may_have_image_keys_of_any_name(group: str) -> bool:
    """Return True if keys such as `image` are read in objects of the API group, whatever the kind is."""
    return "." in group and group not in _OTHER_GROUPS


def is_image_key(key: str) -> bool:
    """Return True if the value of the key may be an image: `image`, `sidecarImage`, `init-image`."""
    return key.endswith(_IMAGE_KEY_ENDINGS)


def classify_image_text(group: str, key: str, text: str) -> ImageCertainty:
    """Return how likely it is that `text`, the value of `key` in an object of an API group, is a container image.

    An edit of the digest does not change the result from or to NONE.
    """
    text = text.removeprefix(CONTAINER_SCHEME)
    if SCHEME.match(text):
        return ImageCertainty.NONE
    if TEMPLATE_MARKS.search(text):
        return _classify_template(group, key, text[:MAX_SHOWN_TEXT])
    try:
        image = ImageName.parse(text)
    except InvalidReferenceError:
        return ImageCertainty.NONE
    has_version = image.tag is not None or image.digest is not None
    if "/" not in image.name and ("." in image.name or image.name == "localhost"):
        return ImageCertainty.NONE  # a host with its port, or a file
    if _FILE.fullmatch(image.name) or _FILE.fullmatch(image.tag or ""):
        return ImageCertainty.NONE
    if not has_version and not image.has_registry_host and _OTHER_NAME.fullmatch(image.name):
        return ImageCertainty.NONE
    return ImageCertainty.FULL if has_version and not _is_uncertain(group, key) else ImageCertainty.HALF


def _classify_template(group: str, key: str, text: str) -> ImageCertainty:
    """Return how likely it is that a text with placeholders becomes an image reference.

    If the text has only placeholders, or other text that is not a reference, only the key shows that it is an image.
    """
    filled = _PLACEHOLDER.sub(_FILLER, text)
    filled = _UNKNOWN_HOST + filled[1:] if filled.startswith(f"{_FILLER}/") else filled
    if filled.strip(_FILLER) and not TEMPLATE_MARKS.search(filled):
        return classify_image_text(group, key, filled)
    return ImageCertainty.NONE if _is_uncertain(group, key) else ImageCertainty.FULL


def _is_uncertain(group: str, key: str) -> bool:
    return bool(_UNCERTAIN_KEY.fullmatch(key) or _POLICY_GROUP.fullmatch(group))
