"""Bases: what an image says it was built on, and that this has moved on since."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.model.errors import InvalidReferenceError
from bot.model.image import Manifest, Resolved
from bot.model.reference import Digest, ImageReference, Line, parse_sha256

PREFIX = "org.opencontainers.image."
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""

_SOURCE = re.compile(r"https://[A-Za-z0-9.-]{1,100}(?:/[A-Za-z0-9._~#:-]{1,100}){1,8}", re.ASCII)
"""A link that can act on nothing; the rest of what images say of their source is not repeated."""


@dataclass(frozen=True, slots=True)
class Base:
    """What an image was built on, in its own words."""

    line: Line
    digest: Digest
    """Of the index or of the image of one platform, as builders have it."""
    source: str
    """Where the image that was built on it comes from; empty where it does not say."""


def base_of(manifest: Manifest) -> Base | None:
    """Return the base that an index or one of its images states, by name with a tag and by digest."""
    for statements in (manifest.annotations, *(child.annotations for child in manifest.children)):
        said = dict(statements)
        digest = parse_sha256(said.get(f"{PREFIX}base.digest", ""))
        line = _line(said.get(f"{PREFIX}base.name", ""))
        if digest is not None and line is not None:
            source = said.get(f"{PREFIX}source", "")
            return Base(line, digest, source if _SOURCE.fullmatch(source) else "")
    return None


def is_behind(base: Base, current: Resolved) -> bool:
    """Say whether the base that was built on is no longer what its tag points to, or an image of that."""
    if current.digest == base.digest:
        return False
    return current.manifest is not None and not current.manifest.holds(base.digest)


def behind(base: Base) -> str:
    """Say that an image has not followed its base, and who can change that."""
    whose = f"; it comes from {base.source}" if base.source else ""
    return f"It was not rebuilt since its own base, {base.line}, moved{whose}."


def _line(name: str) -> Line | None:
    try:
        return ImageReference.parse(name).line()
    except InvalidReferenceError:
        return None
