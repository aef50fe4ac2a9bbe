"""Base images that images name in their annotations, and whether these have a newer version."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.model.errors import InvalidReferenceError
from bot.model.image import Manifest, ResolvedTag
from bot.model.reference import Digest, ImageReference, TagRef, parse_sha256

PREFIX = "org.opencontainers.image."
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""

_SOURCE = re.compile(r"https://[A-Za-z0-9.-]{1,100}(?:/[A-Za-z0-9._~#:-]{1,100}){1,8}", re.ASCII)
"""A URL that is harmless in any text; other values of the source annotation are not repeated."""


@dataclass(frozen=True, slots=True)
class Base:
    """The base image that an image claims to be built on."""

    line: TagRef
    digest: Digest
    """The digest of the index or of a single platform's image, depending on the builder."""
    source: str
    """The source of the image that was built on the base; empty if not stated."""


def base_of(manifest: Manifest) -> Base | None:
    """Return the base image in the annotations of an index or of its images; it needs name, tag and digest."""
    for statements in (manifest.annotations, *(child.annotations for child in manifest.children)):
        said = dict(statements)
        digest = parse_sha256(said.get(f"{PREFIX}base.digest", ""))
        line = _line(said.get(f"{PREFIX}base.name", ""))
        if digest is not None and line is not None:
            source = said.get(f"{PREFIX}source", "")
            return Base(line, digest, source if _SOURCE.fullmatch(source) else "")
    return None


def is_behind(base: Base, current: ResolvedTag) -> bool:
    """Return True if the tag of the base no longer points to the base, nor to an index that contains it."""
    if current.digest == base.digest:
        return False
    return current.manifest is not None and not current.manifest.has_child(base.digest)


def behind(base: Base) -> str:
    """Return a sentence that an image was not rebuilt after an update of its base, with the image's source."""
    whose = f"; it comes from {base.source}" if base.source else ""
    return f"It was not rebuilt since its own base, {base.line}, moved{whose}."


def _line(name: str) -> TagRef | None:
    try:
        return ImageReference.parse(name).to_tag_ref()
    except InvalidReferenceError:
        return None
