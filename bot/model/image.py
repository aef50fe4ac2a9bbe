"""Values that registries return about images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from bot.model.blocklist import Block
from bot.model.contents import ImageContents
from bot.model.history import TagObservation
from bot.model.image_name import Digest, TagRef
from bot.model.source_changes import SourceChanges
from bot.model.vocabulary import Reason


class ManifestKind(StrEnum):
    """The kind of a manifest: an index for several platforms, or the manifest of a single image."""

    INDEX = "index"
    MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class TagDescriptor:
    """The descriptor that a registry returns for a tag, for example to a HEAD request.

    The digest in it is not verified, because the manifest itself was not fetched.
    """

    digest: Digest
    media_type: str
    etag: str | None = None
    """The ETag of the response; None if there was no ETag. The next request sends it, to check whether the descriptor
    is still valid."""

    @property
    def matching_etag(self) -> str | None:
        """The ETag; None if it is the digest of another manifest, as in a damaged state.

        Most registries use the digest as the ETag.
        """
        stated = (self.etag or "").strip('"')
        return None if stated.startswith("sha256:") and stated != self.digest else self.etag


@dataclass(frozen=True, slots=True)
class ChildManifest:
    """An image in an index, as the index describes it."""

    digest: Digest
    platform: str | None
    """`os/architecture[/variant]`; None if the index does not state it."""
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index whose bytes were fetched and verified to have `digest`."""

    digest: Digest
    kind: ManifestKind
    media_type: str
    children: tuple[ChildManifest, ...] = ()
    """The images of an index in the order of the index, without attestations; empty for a single manifest."""
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms of the images in the index, in the order of the index; empty if this is not an index."""
        return tuple(child.platform for child in self.children if child.platform)

    def has_child(self, digest: Digest | None) -> bool:
        """Return True if this is an index that contains the image `digest`."""
        return any(child.digest == digest for child in self.children)


@dataclass(frozen=True, slots=True)
class CachedManifest:
    """A manifest that a run fetched and stored for later runs."""

    manifest: Manifest
    repositories: frozenset[str]
    """Canonical names of the repositories that the manifest was fetched from.

    Other repositories need not have the manifest.
    """
    contents: Mapping[str, ImageContents] = field(default_factory=dict)
    """The image contents by platform. Platforms whose contents were not fetched are missing."""
    source_changes: Mapping[str, SourceChanges] = field(default_factory=dict)
    """The changes of the image's source by the URL of the comparison with the source of an older image."""
    layers: Mapping[str, tuple[Digest, ...]] = field(default_factory=dict)
    """The digests of the uncompressed layers by platform, lowest first. Platforms whose layers were not read are
    missing. There are none if the image has no config with layers for the platform."""


@dataclass(frozen=True, slots=True)
class BaseImage:
    """The base image on which an image is built, as the image itself states it."""

    name: str | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The properties that an image states in its annotations, labels and config. All texts are untrusted input."""

    digest: Digest
    kind: ManifestKind
    platforms: tuple[str, ...]
    created: datetime | None
    """Build time; None if it is missing, or if it is in 1970, as reproducible builds write."""
    source: str | None
    version: str | None
    revision: str | None
    base: BaseImage | None


@dataclass(frozen=True, slots=True)
class RegistryRecord:
    """Data about a digest that the registry itself records. People who push images cannot influence it."""

    pushed_at: datetime | None
    """The time at which the registry first received the digest."""
    tags: tuple[str, ...] = ()
    is_locked: bool = False
    """True if the owner protected the digest against overwriting and deletion."""
    media_type: str | None = None
    tag_created_at: datetime | None = None
    """The time at which the requested tag was created."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """An image that can replace a blocked digest, although the tag does not point to it now."""

    manifest: Manifest
    source: str
    """Where the image was found, as a part of a sentence: `the tag pointed to it in an earlier run`."""
    tag: str | None = None
    """The tag to write together with the digest; None if the tag in the file also fits the image."""
    platform: str | None = None
    """The platform of the manifest, if it is a single manifest; None if the platform was not needed."""
    same_platform_manifests: Mapping[Digest, Manifest | UnresolvedTag | None] = field(default_factory=dict)
    """As in `ResolvedTag`, for the case that `manifest` is an index."""
    is_of_sibling: bool = False
    """True if this is the image of another tag. An image that the same tag pointed to earlier is preferred."""


@dataclass(frozen=True, slots=True)
class ResolvedTag:
    """The result of a successful tag lookup: the digest that the tag points to, and data that decisions need."""

    tag_ref: TagRef
    digest: Digest
    manifest: Manifest | None = None
    """The verified manifest of `digest`, from the repository that the file names; None if it was not fetched."""
    pinned_manifests: Mapping[Digest, Manifest | None] = field(default_factory=dict)
    """The manifests of other digests that files contain; None for a digest that the registry no longer has."""
    same_platform_manifests: Mapping[Digest, Manifest | UnresolvedTag | None] = field(default_factory=dict)
    """If a file pins the manifest of one platform instead of an index, the manifest for the same platform in the new
    index, by the digest in the file. None if the index has no such manifest; UnresolvedTag if the lookup failed."""
    earlier_manifests: tuple[Manifest, ...] = ()
    """Manifests that the tag pointed to earlier, newest first. Only manifests that may be proposed and can still be
    fetched are included."""
    observations: tuple[TagObservation, ...] = ()
    """Observations of the tag in earlier runs, oldest first."""
    registry_records: Mapping[Digest, RegistryRecord] = field(default_factory=dict)
    not_pullable_reason: str = ""
    """The reason that `digest` could not be fetched from the repository that the file names, although the tag points to
    it; empty if it was fetched."""
    retention_risks: frozenset[Digest] = frozenset()
    """Earlier digests that are old enough, but have no tag and are in a registry that deletes untagged digests."""
    platform: str | None = None
    """Platform of the manifest, from its config; None if `digest` is an index, or if the platform was not needed."""
    pinned_platforms: Mapping[Digest, str] = field(default_factory=dict)
    """The platforms of those `pinned_manifests` that are single manifests. Platforms that are not needed are
    missing."""
    earlier_platforms: Mapping[Digest, str] = field(default_factory=dict)
    """The platforms of those `earlier_manifests` that are single manifests. Platforms that are not needed are
    missing."""
    blocks: Mapping[Digest, Block] = field(default_factory=dict)
    """The blocked digests among all digests of this result, with the reasons."""
    unknown_blocks: Mapping[Digest, str] = field(default_factory=dict)
    """The digests of this result of which it is not known whether they are blocked, with the reasons."""
    replacements: tuple[Replacement, ...] = ()
    """Images that can replace a blocked digest, most preferred first. Only images that are not blocked, and that can
    still be fetched, are included. They are only searched if a file needs one."""
    unread_sources: tuple[str, ...] = ()
    """The reasons why sources of replacements could not be read. These sources might have further replacements."""

    def rewind_to(self, manifest: Manifest) -> ResolvedTag:
        """Return a copy of this result in which the tag points to `manifest`, which is one of `earlier_manifests`.

        The copy is the input for deciding whether an update to this earlier manifest is possible.
        """
        platform = self.earlier_platforms.get(manifest.digest)
        return replace(self, digest=manifest.digest, manifest=manifest, platform=platform, observations=())

    def point_to(self, replacement: Replacement) -> ResolvedTag:
        """Return a copy of this result in which the tag points to `replacement`, as `rewind_to` does."""
        return replace(
            self,
            digest=replacement.manifest.digest,
            manifest=replacement.manifest,
            platform=replacement.platform,
            same_platform_manifests=replacement.same_platform_manifests,
            observations=(),
            not_pullable_reason="",
        )

    def is_allowed(self, digest: Digest) -> bool:
        """Return True if it is known that a digest of this result is not blocked."""
        return digest not in self.blocks and digest not in self.unknown_blocks


@dataclass(frozen=True, slots=True)
class UnresolvedTag:
    """The result of a tag lookup that failed, or of a tag that does not exist."""

    tag_ref: TagRef
    reason: Reason
    detail: str
    is_definite: bool = False
    """True if the registry stated that the image does not exist. False if the registry gave no answer."""


Resolution = ResolvedTag | UnresolvedTag


@dataclass(frozen=True, slots=True)
class PullAddress:
    """The address and the credentials with which an external tool can pull an image.

    The tool then uses the same mirror and the same credentials as basebump.
    """

    reference: str
    """`host/path@digest`. If a mirror is configured, the host is that of the mirror."""
    is_insecure: bool
    """True if the registry is accessed over plain HTTP."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    """Path of a file with additional CA certificates to trust for this host; None if there are none."""
