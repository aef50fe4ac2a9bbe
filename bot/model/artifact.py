"""OCI artifacts attached to an image, such as signatures and attestations: manifests with other content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.model.reference import Digest


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob of an artifact, as its manifest describes it; the bytes are not included."""

    media_type: str
    digest: Digest
    size: int
    """Size in bytes, as the manifest states."""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest whose bytes were fetched and hashed; all its text is untrusted input from whoever pushed it."""

    digest: Digest
    type: str
    """The `artifactType`, or the media type of the config if there is none; empty if there is neither."""
    blobs: tuple[Blob, ...]


@dataclass(frozen=True, slots=True)
class Referrer:
    """An artifact that states that it refers to an image; listed by the registry, but not fetched yet."""

    digest: Digest
    type: str
    """The type in the list, which may be less specific than the artifact's own type; empty if the list has none."""
    annotations: Mapping[str, str] = field(default_factory=dict)
