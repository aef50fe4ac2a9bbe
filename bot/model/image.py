"""Values that registries return about images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from bot.model.contents import ImageContents
from bot.model.history import TagObservation
from bot.model.reference import Digest, TagRef
from bot.model.vocabulary import Reason


class ManifestKind(StrEnum):
    """Whether a digest identifies an index for several platforms or the manifest of one image."""

    INDEX = "index"
    MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class TagDescriptor:
    """The descriptor that a registry returns for a tag; not verified, because no bytes were hashed."""

    digest: Digest
    media_type: str
    etag: str | None = None
    """The ETag of the response, sent with the next request to check whether the answer is still valid."""


@dataclass(frozen=True, slots=True)
class ChildManifest:
    """One image of an index, as its descriptor in the index states."""

    digest: Digest
    platform: str | None
    """`os/architecture[/variant]`."""
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index whose bytes were fetched and verified to have `digest`."""

    digest: Digest
    kind: ManifestKind
    media_type: str
    children: tuple[ChildManifest, ...] = ()
    """The images of an index in their order, without attestations; empty for a single manifest."""
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platforms of an index's images, in their order; empty for a single manifest."""
        return tuple(child.platform for child in self.children if child.platform)

    def has_child(self, digest: Digest | None) -> bool:
        """Return True if `digest` is one of the images of this index."""
        return any(child.digest == digest for child in self.children)


@dataclass(frozen=True, slots=True)
class CachedManifest:
    """A manifest that an earlier run fetched and stored."""

    manifest: Manifest
    repositories: frozenset[str]
    """Canonical repositories that it was fetched from; another repository may not have the digest."""
    contents: Mapping[str, ImageContents] = field(default_factory=dict)
    """The image contents by platform, as far as they were fetched."""


@dataclass(frozen=True, slots=True)
class BaseImage:
    """The base image that an image states it was built on."""

    name: str | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The properties that an image states in its annotations, labels and config; all text is untrusted input."""

    digest: Digest
    kind: ManifestKind
    platforms: tuple[str, ...]
    created: datetime | None
    """Build time; None if it is missing or 1970, which reproducible builds write."""
    source: str | None
    version: str | None
    revision: str | None
    base: BaseImage | None


@dataclass(frozen=True, slots=True)
class RegistryRecord:
    """The record of a digest that the registry itself keeps, which nobody who pushes images can choose."""

    pushed_at: datetime | None
    """When the registry first received the digest."""
    tag_updated_at: datetime | None = None
    """When the requested tag was last updated, if it now points to this digest."""
    tags: tuple[str, ...] = ()
    is_locked: bool = False
    """True if the owner protected the digest against overwriting and deletion."""
    media_type: str | None = None
    tag_created_at: datetime | None = None
    """When the requested tag was created."""


@dataclass(frozen=True, slots=True)
class ResolvedTag:
    """The digest that a tag points to, and the data that decisions about it need."""

    tag_ref: TagRef
    digest: Digest
    manifest: Manifest | None = None
    """The manifest of `digest`, once its bytes were fetched and verified from the repository that the file names."""
    pinned_manifests: Mapping[Digest, Manifest | None] = field(default_factory=dict)
    """Manifests of other digests in files; None if the registry no longer has the digest."""
    same_platform_manifests: Mapping[Digest, Manifest | UnresolvedTag | None] = field(default_factory=dict)
    """For each digest in files that is the manifest of one platform: the manifest for that platform in the index; None
    if the index has none; UnresolvedTag if the lookup failed."""
    earlier_manifests: tuple[Manifest, ...] = ()
    """Manifests that the tag pointed to before, if they may be proposed and can still be fetched; newest first."""
    observations: tuple[TagObservation, ...] = ()
    """Observations of the tag in earlier runs, oldest first."""
    registry_records: Mapping[Digest, RegistryRecord] = field(default_factory=dict)
    not_pullable_reason: str = ""
    """Why `digest` could not be fetched from the repository that the file names, although the tag points to it."""
    retention_risks: frozenset[Digest] = frozenset()
    """Earlier digests that are old enough, but untagged in a registry that deletes untagged digests."""
    platform: str | None = None
    """Platform of the manifest, from its config; set only if `digest` is not an index and the platform was needed."""
    pinned_platforms: Mapping[Digest, str] = field(default_factory=dict)
    """The platforms of `pinned_manifests` in the same way."""
    earlier_platforms: Mapping[Digest, str] = field(default_factory=dict)
    """The platforms of `earlier_manifests` in the same way."""

    def rewind_to(self, manifest: Manifest) -> ResolvedTag:
        """Return the state of the tag when it pointed to one of `earlier_manifests`."""
        platform = self.earlier_platforms.get(manifest.digest)
        return replace(self, digest=manifest.digest, manifest=manifest, platform=platform, observations=())


@dataclass(frozen=True, slots=True)
class UnresolvedTag:
    """A tag that could not be looked up or does not exist."""

    tag_ref: TagRef
    reason: Reason
    detail: str
    is_definite: bool = False
    """True if the registry said that the image does not exist; False if it did not or would not answer."""


Resolution = ResolvedTag | UnresolvedTag


@dataclass(frozen=True, slots=True)
class PullAddress:
    """The address from which an external tool pulls an image, with the mirror and credentials that basebump uses."""

    reference: str
    """`host/path@digest`, with the host of the mirror if there is one."""
    is_insecure: bool
    """True for plain HTTP."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    """Path of a file with CA certificates to trust for this host."""
