"""What registries keep beside an image: signatures and attestations, which are manifests with other content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.model.reference import Digest


@dataclass(frozen=True, slots=True)
class Blob:
    """One piece of an artifact, as its manifest describes it; its bytes are elsewhere."""

    media_type: str
    digest: Digest
    size: int
    """Bytes, as the manifest claims."""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest whose bytes were fetched and hashed; every text in it comes from whoever pushed it."""

    digest: Digest
    type: str
    """Its `artifactType`, else the type of its config; empty where it has neither."""
    blobs: tuple[Blob, ...]


@dataclass(frozen=True, slots=True)
class Referrer:
    """An artifact that says of itself that it is about an image; listed, and not fetched yet."""

    digest: Digest
    type: str
    """What the list says of it, which may be less than it says itself; empty for nothing."""
    annotations: Mapping[str, str] = field(default_factory=dict)
