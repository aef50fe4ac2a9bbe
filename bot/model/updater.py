"""What a repository tells other bots that move its images: Dependabot and Renovate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Move(StrEnum):
    """How an image can be moved; the words are Renovate's."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"
    DIGEST = "digest"
    """The digest in the file becomes the one that its tag points to."""
    PIN_DIGEST = "pinDigest"
    """A digest is written where there is none."""


@dataclass(frozen=True, slots=True)
class IgnoredImages:
    """Images that Dependabot is not to move."""

    name: str
    """A name without its registry, with `*` for anything."""
    moves: frozenset[Move] = frozenset(Move)


@dataclass(frozen=True, slots=True)
class DependabotUpdate:
    """One entry of a `dependabot.yml` that may be about images."""

    line_number: int
    ecosystem: str
    """`docker`, `docker-compose` or `helm`."""
    folders: tuple[str, ...]
    """Globs, from the top of the tree, which has no name."""
    branch: str | None = None
    """The one that it is for; None for the default branch."""
    allowed: tuple[str, ...] = ()
    """Names like those that are ignored; all images where there are none."""
    ignored: tuple[IgnoredImages, ...] = ()
