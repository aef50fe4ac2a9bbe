"""What registries say of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from bot.model.contents import ImageContents
from bot.model.history import Sighting
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
class Child:
    """One image of an index, as its descriptor says."""

    digest: Digest
    platform: str | None
    """`os/architecture[/variant]`."""
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index whose bytes were fetched and have `digest`."""

    digest: Digest
    kind: Kind
    media_type: str
    children: tuple[Child, ...] = ()
    """Of an index: its images, attestations left out, in its order."""
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def platforms(self) -> tuple[str, ...]:
        """Of an index: the platform of every child that has one."""
        return tuple(child.platform for child in self.children if child.platform)

    def holds(self, digest: Digest | None) -> bool:
        """Say whether `digest` is one of the images of this index."""
        return any(child.digest == digest for child in self.children)


@dataclass(frozen=True, slots=True)
class Kept:
    """A manifest that earlier runs fetched."""

    manifest: Manifest
    repositories: frozenset[str]
    """Canonical: under whose names; what one of them has another may not have."""
    contents: Mapping[str, ImageContents] = field(default_factory=dict)
    """By platform: what is in its images, as far as somebody looked into them."""


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
class Recorded:
    """What a registry itself recorded of a digest, which nobody who pushes can choose."""

    pushed: datetime | None
    """When the registry first had it."""
    moved: datetime | None = None
    """When the tag that was asked about was last moved, where it now points to this digest."""
    tags: tuple[str, ...] = ()
    is_locked: bool = False
    """Whether its owner forbade to overwrite or delete it."""
    media_type: str | None = None
    tag_made: datetime | None = None
    """When the tag that was asked about was first made."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a line points to now, and what is known around it."""

    line: Line
    digest: Digest
    manifest: Manifest | None = None
    """Behind `digest`, once its bytes were fetched and hashed under the name that stands in the file."""
    held: Mapping[Digest, Manifest | None] = field(default_factory=dict)
    """Other digests that places hold, and what is behind them: None where the registry has it no more."""
    kept: Mapping[Digest, Manifest | Unresolved | None] = field(default_factory=dict)
    """By a held digest of one platform's manifest: that of the same platform in the index, None where it has none;
    Unresolved where that could not be found out."""
    earlier: tuple[Manifest, ...] = ()
    """What the line pointed to before, as far as it may be taken and can still be fetched; newest first."""
    history: tuple[Sighting, ...] = ()
    """What was seen of the line in earlier runs, oldest first."""
    recorded: Mapping[Digest, Recorded] = field(default_factory=dict)
    not_pullable: str = ""
    """Why `digest` could not be fetched under the name that stands in the file, though the tag points to it."""
    at_risk: frozenset[Digest] = frozenset()
    """Earlier digests that would be old enough, and that no tag keeps their registry from deleting."""
    platform: str | None = None
    """Of what `digest` names, where that is no index, this was asked for, and its config says one."""
    held_platforms: Mapping[Digest, str] = field(default_factory=dict)
    """The same of the `held` digests."""
    earlier_platforms: Mapping[Digest, str] = field(default_factory=dict)
    """The same of what `earlier` has."""

    def before(self, manifest: Manifest) -> Resolved:
        """Return the line as it was when it pointed to one of `earlier`."""
        platform = self.earlier_platforms.get(manifest.digest)
        return replace(self, digest=manifest.digest, manifest=manifest, platform=platform, history=())


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A line that could not be asked for, or is not there."""

    line: Line
    reason: Reason
    detail: str
    is_definite: bool = False
    """Whether its registry said that no image is there, and not only that it cannot or will not say."""


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
