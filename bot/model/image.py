"""What registries say of images."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.model.reference import Digest, Line
from bot.model.vocabulary import Reason


class Kind(StrEnum):
    """Whether a digest names an index of many platforms or the manifest of one."""

    INDEX = "index"
    MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a registry says, unproved, that a tag points to."""

    digest: Digest
    media_type: str
    etag: str | None = None
    """What the registry calls this answer, to be asked whether it still holds."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index whose bytes were fetched and have `digest`."""

    digest: Digest
    kind: Kind
    media_type: str
    platforms: tuple[str, ...]
    """Of an index: `os/architecture[/variant]` of every child that has one, attestations left out, in its order."""
    children: tuple[Digest, ...]
    """Of an index: its children, attestations left out."""
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BaseImage:
    """What an image says it was built on."""

    name: str | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What one image says of itself; every text comes from whoever built it."""

    digest: Digest
    kind: Kind
    platforms: tuple[str, ...]
    created: datetime | None
    """None where it is missing or 1970, which reproducible builds write."""
    source: str | None
    version: str | None
    revision: str | None
    base: BaseImage | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a line points to now; `manifest` is there once its bytes were fetched and hashed."""

    line: Line
    digest: Digest
    manifest: Manifest | None = None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A line that could not be asked for, or is not there."""

    line: Line
    reason: Reason
    detail: str


Resolution = Resolved | Unresolved


@dataclass(frozen=True, slots=True)
class PullAddress:
    """Where a tool of somebody else's pulls one image from: the same mirror and credential as our own questions."""

    reference: str
    """`host/path@digest`, the mirror's host where there is one."""
    insecure: bool
    """Plain http."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    """A file of CA certificates to trust for this host."""
