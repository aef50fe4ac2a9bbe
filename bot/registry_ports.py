"""The Protocols for reading from registries: images, additional facts about them, and artifacts attached to them.

These Protocols complete those in `bot.ports`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only signatures need these imports, so they do not slow down the start
    from collections.abc import Mapping, Sequence
    from datetime import date

    from bot.model.artifact import Artifact, Blob, Referrer
    from bot.model.contents import ImageContents
    from bot.model.image import ImageFacts, Manifest, RegistryRecord, TagDescriptor
    from bot.model.image_name import Digest, TagRef
    from bot.model.own_build import OwnBuild


class Registry(Protocol):
    """Read access to images; handles mirrors, credentials and retries.

    Every method raises RegistryError if a request fails.
    """

    def fetch_descriptor(self, tag_ref: TagRef, known_descriptor: TagDescriptor | None = None) -> TagDescriptor:
        """Return the descriptor of the manifest that a tag points to.

        If the registry answers that nothing changed (304), return `known_descriptor`, which an earlier run fetched.
        """

    def get_origin(self, tag_ref: TagRef) -> TagRef:
        """Return the tag that is looked up instead of `tag_ref`.

        If `tag_ref` is in a pull-through cache, return the tag in the upstream registry. If not, return `tag_ref`.
        """

    def fetch_tag(self, tag_ref: TagRef, known_digest: Digest | None = None) -> Manifest | None:
        """Fetch the manifest that a tag points to. Return None if the tag still points to `known_digest`."""

    def list_tags(self, repository: str) -> tuple[str, ...]:
        """Return all tags of a repository. `repository` is a canonical name, such as `docker.io/library/nginx`."""

    def fetch_manifest(self, tag_ref: TagRef, digest: Digest) -> Manifest:
        """Fetch the manifest with the given digest from the repository of a tag, and verify its digest."""

    def describe_image(self, tag_ref: TagRef, manifest: Manifest) -> ImageFacts:
        """Return the facts that an image states in its labels, annotations and config."""

    def fetch_contents(self, tag_ref: TagRef, digest: Digest, platform: str) -> ImageContents | None:
        """Return the contents of an image for a platform.

        `digest` is the digest of an index or of a single manifest. Return None if the index has no image for the
        platform.
        """


class RegistryFacts(Protocol):
    """Additional data about images, which is fetched only if a run needs it.

    Every method raises RegistryError if a request fails.
    """

    def fetch_record(self, tag_ref: TagRef, digest: Digest) -> RegistryRecord | None:
        """Return what the registry recorded about an image, such as its push time; None if it recorded nothing."""

    def fetch_earlier_records(self, tag_ref: TagRef) -> Mapping[Digest, RegistryRecord]:
        """Return the digests to which a tag pointed according to the registry, newest first, each with its record.

        Nothing is returned if the registry records only the current digest of a tag, as most do.
        """

    def list_newest_digests(self, repository: str) -> Sequence[Digest]:
        """Return the digests with tags that were pushed to a repository last, newest first; a few at most.

        `repository` is a canonical name. Nothing is returned if the registry does not record this, as most do not.
        """

    def fetch_end_of_life(self, tag_ref: TagRef, digest: Digest) -> date | None:
        """Return the last day of support that the publisher states (often wrong). Return None if no day is stated."""


class ArtifactStore(Protocol):
    """Read access to artifacts that are attached to images, such as signatures.

    Every method raises RegistryError if a request fails. Each `repository` is a canonical name, such as
    `docker.io/library/nginx`.
    """

    def fetch_tagged(self, repository: str, tag: str) -> Artifact | None:
        """Return the artifact that a tag points to, after verifying its bytes. Return None if the tag is missing."""

    def list_referrers(self, repository: str, digest: Digest) -> tuple[Referrer, ...]:
        """Return the artifacts whose manifests name `digest` as their subject.

        If the registry has no referrers API, they are read from the index under the referrers tag (`sha256-…`).
        """

    def fetch_artifact(self, repository: str, digest: Digest) -> Artifact:
        """Return the artifact with the digest `digest`, after verifying its bytes."""

    def fetch_blob(self, repository: str, blob: Blob, limit: int = ...) -> bytes:
        """Return the bytes of a blob of an artifact, after verifying the digest. At most `limit` bytes are read."""


class BuildReader(Protocol):
    """Reads how images were built. Every method raises RegistryError if a request fails.

    `repository` is a canonical name.
    """

    def read_build(self, repository: str, digest: Digest) -> OwnBuild:
        """Return the layers of an image, and the data that it states about its build.

        Bases are not compared with other images.
        """

    def read_layers(self, repository: str, digest: Digest) -> tuple[Digest, ...]:
        """Return the digests of the uncompressed layers of an image, lowest first; none if its config lists none.

        `digest` must not be the digest of an index.
        """
