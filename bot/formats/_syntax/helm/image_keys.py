"""The keys and texts by which images among the values of a Helm chart are recognised."""

from __future__ import annotations

import re

from bot.formats._syntax.helm.values_walk import KeyMeaning, ValuesCollection
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS
from bot.formats._syntax.yaml.nodes import NULL, STRING, YamlNode, YamlScalar
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import DOCKER_HUB, ImageName, is_tag

TAG_KEYS = ("tag", "version")
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.ASCII | re.IGNORECASE)
_SIBLING_KEYS = {"imageTag": "imageDigest", "image_tag": "image_digest", "tag": "digest"}
"""Keys next to `image` that contain its tag, with the corresponding keys of its digest. Other keys have suffixes:
`initImageTag` belongs to `initImage`."""
_SUFFIXES = (("Tag", "Digest"), ("_tag", "_digest"))


def find_name_key(collection: ValuesCollection) -> str | None:
    """Return the key that contains the name of the image in a mapping, or None if there is no such key.

    - If the mapping has a `repository`, the key is `repository`.
    - If the mapping has a `registry` instead, the key is `name`.
    - If the mapping has a `tag` and is under a key that ends in `image`, the key is `name` or `repo`, provided that its
      value contains a slash.
    """
    entries = collection.entries
    if get_string(entries.get("repository")):
        return "repository"
    if get_string(entries.get("registry")):
        return "name" if get_string(entries.get("name")) else None
    if "repository" in entries or collection.key_meaning is not KeyMeaning.IMAGE or TAG_KEYS[0] not in entries:
        return None
    return next((key for key in ("name", "repo") if "/" in get_string(entries.get(key))), None)


def find_sibling_keys(collection: ValuesCollection, key: str, text: str) -> tuple[str, str] | None:
    """Return the keys next to `key` that contain the tag and the digest of the image `text`.

    For `image: nginx`, these may be `imageTag` and `imageDigest`. Return None if `text` itself has a tag or a digest,
    or if no key for a tag contains a valid tag or nothing.
    """
    if ":" in text.rpartition("/")[2] or "@" in text:
        return None
    keys = _SIBLING_KEYS if key.lower() == "image" else {f"{key}{tag}": f"{key}{digest}" for tag, digest in _SUFFIXES}
    return next(
        (each for each in keys.items() if _may_be_tag(collection.entries.get(each[0]))),
        None,
    )


def _may_be_tag(node: YamlNode) -> bool:
    text = get_source_value(node)
    return isinstance(node, YamlScalar) and (not text or is_tag(text.partition("@")[0]))


def is_image_text(text: str, *, is_named: bool, is_exact: bool) -> bool:
    """Return True if the text of a value is an image.

    `is_named` is True if the key of the value ends in `image`, and `is_exact` is True if the key is `image`.
    """
    if TEMPLATE_MARKS.search(text) or SCHEME.match(text):
        return is_named
    try:
        image = ImageName.parse(text)
    except InvalidReferenceError:
        return is_exact
    if image.tag is not None or image.digest is not None:
        return True
    return is_exact or (is_named and image.host != DOCKER_HUB)


def get_source_value(node: YamlNode) -> str:
    """Return the text of a scalar of any type as it is written in the file. It is empty for nulls and collections."""
    return node.value if isinstance(node, YamlScalar) and node.tag != NULL else ""


def get_string(node: YamlNode) -> str:
    """Return the text of a string. It is empty for numbers, nulls and collections."""
    return node.text if isinstance(node, YamlScalar) and node.tag == STRING else ""
