"""Base images that images name in their annotations, and detection of images that are older than their base image."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.model.errors import InvalidReferenceError
from bot.model.image import Manifest, ResolvedTag
from bot.model.image_name import Digest, ImageName, TagRef, parse_sha256

ANNOTATION_PREFIX = "org.opencontainers.image."
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""

_SAFE_SOURCE = re.compile(r"https://[A-Za-z0-9.-]{1,100}(?:/[A-Za-z0-9._~#:-]{1,100}){1,8}", re.ASCII)
"""Matches a URL that is harmless in any text. Other values of the `source` annotation are not shown."""


@dataclass(frozen=True, slots=True)
class StatedBase:
    """The base image that an image names in its annotations."""

    tag_ref: TagRef
    digest: Digest
    """The digest of an index or of the image for one platform, depending on the tool that built the image."""
    source: str
    """The source repository of the image that was built on the base; empty if it is not stated or not safe to show."""


def get_stated_base(manifest: Manifest) -> StatedBase | None:
    """Return the base image that is named in the annotations of an index, or of an image in it.

    If the annotations do not state the name, tag and digest of the base image, return None.
    """
    for annotation_pairs in (manifest.annotations, *(child.annotations for child in manifest.children)):
        annotation_values = dict(annotation_pairs)
        digest = parse_sha256(annotation_values.get(f"{ANNOTATION_PREFIX}base.digest", ""))
        tag_ref = _parse_tag_ref(annotation_values.get(f"{ANNOTATION_PREFIX}base.name", ""))
        if digest is not None and tag_ref is not None:
            source = annotation_values.get(f"{ANNOTATION_PREFIX}source", "")
            return StatedBase(tag_ref, digest, source if _SAFE_SOURCE.fullmatch(source) else "")
    return None


def is_base_outdated(base: StatedBase, resolved: ResolvedTag) -> bool:
    """Return True if the tag of a base image is known to point to an image other than `base` now.

    `base.digest` may be the digest of the image for one platform. If the tag points to an index that contains this
    image, the result is False, because the base is not outdated. If the manifest that the tag points to was not
    fetched, the result is False, because the manifest may be such an index.
    """
    if resolved.digest == base.digest:
        return False
    return resolved.manifest is not None and not resolved.manifest.has_child(base.digest)


def describe_outdated_base(base: StatedBase) -> str:
    """Return the note that an image was not rebuilt after its base image was updated."""
    whose = f"; it comes from {base.source}" if base.source else ""
    return f"It was not rebuilt since its own base, {base.tag_ref}, moved{whose}."


def _parse_tag_ref(name: str) -> TagRef | None:
    try:
        return ImageName.parse(name).to_tag_ref()
    except InvalidReferenceError:
        return None
