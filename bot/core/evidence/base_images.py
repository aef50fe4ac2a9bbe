"""Base images that images name in their annotations, and whether these have a newer version."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.model.errors import InvalidReferenceError
from bot.model.image import Manifest, ResolvedTag
from bot.model.reference import Digest, ImageReference, TagRef, parse_sha256

ANNOTATION_PREFIX = "org.opencontainers.image."
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""

_SAFE_SOURCE = re.compile(r"https://[A-Za-z0-9.-]{1,100}(?:/[A-Za-z0-9._~#:-]{1,100}){1,8}", re.ASCII)
"""A URL that is harmless in any text; other values of the source annotation are not repeated."""


@dataclass(frozen=True, slots=True)
class StatedBase:
    """The base image that an image claims to be built on."""

    tag_ref: TagRef
    digest: Digest
    """The digest of the index or of a single platform's image, depending on the builder."""
    source: str
    """The source of the image that was built on the base; empty if not stated."""


def get_stated_base(manifest: Manifest) -> StatedBase | None:
    """Return the base image in the annotations of an index or of its images; it needs name, tag and digest."""
    for annotation_pairs in (manifest.annotations, *(child.annotations for child in manifest.children)):
        annotation_values = dict(annotation_pairs)
        digest = parse_sha256(annotation_values.get(f"{ANNOTATION_PREFIX}base.digest", ""))
        tag_ref = _parse_tag_ref(annotation_values.get(f"{ANNOTATION_PREFIX}base.name", ""))
        if digest is not None and tag_ref is not None:
            source = annotation_values.get(f"{ANNOTATION_PREFIX}source", "")
            return StatedBase(tag_ref, digest, source if _SAFE_SOURCE.fullmatch(source) else "")
    return None


def is_base_outdated(base: StatedBase, resolved: ResolvedTag) -> bool:
    """Return True if the tag of the base no longer points to the base, nor to an index that contains it."""
    if resolved.digest == base.digest:
        return False
    return resolved.manifest is not None and not resolved.manifest.has_child(base.digest)


def describe_outdated_base(base: StatedBase) -> str:
    """Return a sentence that an image was not rebuilt after an update of its base, with the image's source."""
    whose = f"; it comes from {base.source}" if base.source else ""
    return f"It was not rebuilt since its own base, {base.tag_ref}, moved{whose}."


def _parse_tag_ref(name: str) -> TagRef | None:
    try:
        return ImageReference.parse(name).to_tag_ref()
    except InvalidReferenceError:
        return None
