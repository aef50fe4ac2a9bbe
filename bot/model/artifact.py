"""OCI artifacts that are attached to an image, such as signatures and attestations.

An artifact is a manifest whose blobs are not the layers of an image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.model.image_name import Digest


@dataclass(frozen=True, slots=True)
class Blob:
    """The entry of a blob in an artifact's manifest. The bytes of the blob are not included."""

    media_type: str
    digest: Digest
    size: int
    """The size in bytes that the manifest states."""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artifact:
    """The manifest of an artifact, fetched and verified against its digest.

    All texts are untrusted input from the person who pushed the artifact.
    """

    digest: Digest
    type: str
    """The `artifactType`. If it is missing, the media type of the config; empty if both are missing."""
    blobs: tuple[Blob, ...]


@dataclass(frozen=True, slots=True)
class Referrer:
    """An artifact that refers to an image, as the registry lists it. The artifact itself is not fetched yet."""

    digest: Digest
    type: str
    """The type in the list, which may be less specific than the artifact's own type; empty if the list states none."""
    annotations: Mapping[str, str] = field(default_factory=dict)
