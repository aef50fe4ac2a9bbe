"""Fetch the manifests and platforms of a tag's digests: its current and earlier digests, and those pinned in files.

If a file pins the manifest of one platform of an index, an update must keep this platform. The platforms of such pinned
manifests are fetched as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from bot.core.choice.platforms import find_platform_image
from bot.model.errors import RegistryError
from bot.model.image import CachedManifest, Manifest, ManifestKind, RegistryRecord, UnresolvedTag
from bot.model.image_name import Digest, TagRef
from bot.pipeline.failures import RegistryFailures, is_definite
from bot.registry_ports import Registry, RegistryFacts


@dataclass(frozen=True, slots=True)
class ManifestFetcher:
    """Fetches manifests, platforms and records of images. The threads of one lookup phase share it."""

    registry: Registry
    registry_facts: RegistryFacts
    purging_hosts: frozenset[str]
    """The registries that delete untagged digests."""
    cached: Mapping[Digest, CachedManifest]
    """The manifests that earlier runs stored."""
    fetched_manifests: dict[tuple[Digest, str], Manifest] = field(default_factory=dict)
    """The manifests that were fetched in this phase, by digest and repository."""
    registry_failures: RegistryFailures = field(default_factory=RegistryFailures)

    def fetch_manifest(self, tag_ref: TagRef, digest: Digest) -> Manifest:
        manifest = self.registry.fetch_manifest(tag_ref, digest)
        self.fetched_manifests[digest, tag_ref.repository] = manifest
        return manifest

    def get_cached(self, tag_ref: TagRef, digest: Digest) -> Manifest | None:
        """Return the stored manifest. Return None if no earlier run fetched it from exactly this repository."""
        cached = self.cached.get(digest)
        return cached.manifest if cached is not None and tag_ref.repository in cached.repositories else None

    def fetch_pinned_manifests(
        self, tag_ref: TagRef, pinned_digests: Iterable[Digest], current: Manifest
    ) -> Iterator[tuple[Digest, Manifest | None]]:
        """Yield each pinned digest and its manifest, or None instead of the manifest if the registry no longer has it.

        A digest is left out if it is an image in the index `current`, or if its lookup fails. If the registry deletes
        untagged digests, every manifest is requested, because only a request shows whether the digest still exists. If
        the registry keeps them, a manifest that an earlier run stored is returned without a request.
        """
        for digest in sorted(pinned_digests):
            if current.has_child(digest):
                continue
            cached = None if tag_ref.host in self.purging_hosts else self.get_cached(tag_ref, digest)
            try:
                yield digest, cached or self.fetch_manifest(tag_ref, digest)
            except RegistryError as error:
                self.registry_failures.record_error(tag_ref.host, error)
                if error.is_absent:
                    yield digest, None

    def fetch_pinned_platforms(
        self,
        tag_ref: TagRef,
        pinned_manifests: Mapping[Digest, Manifest | None],
        current: Manifest,
        platform_pinned: Collection[Digest | None],
    ) -> Iterator[tuple[Digest, str | UnresolvedTag]]:
        """Yield each pinned digest whose platform an update must keep, with this platform.

        For example, if a file pins the `linux/arm64` image of an index, the new digest must also be for `linux/arm64`.
        Such a pinned digest is a single manifest and not an index, and its image config states the platform. If the
        config cannot be fetched, an UnresolvedTag with the error is yielded instead of the platform, so that references
        with other digests can still be updated.

        If `current` is a single manifest, only the digests in `platform_pinned` are yielded. These are the pinned
        digests of references for which the file or a rule specifies the platforms.
        """
        for digest, pinned_manifest in pinned_manifests.items():
            if (
                pinned_manifest is None
                or pinned_manifest.kind is not ManifestKind.MANIFEST
                or not (current.kind is ManifestKind.INDEX or digest in platform_pinned)
            ):
                continue
            try:
                platform = next(iter(self.registry.describe_image(tag_ref, pinned_manifest).platforms), None)
            except RegistryError as error:
                self.registry_failures.record_error(tag_ref.host, error)
                if current.kind is ManifestKind.INDEX and not is_definite(error):
                    yield digest, UnresolvedTag(tag_ref, error.reason, str(error))
                continue
            if platform is not None:
                yield digest, platform

    def fetch_same_platform_manifests(
        self, tag_ref: TagRef, platforms: Mapping[Digest, str | UnresolvedTag], current: Manifest
    ) -> Iterator[tuple[Digest, Manifest | UnresolvedTag | None]]:
        """Yield each pinned digest in `platforms`, with the manifest for the same platform in the index `current`.

        The digest of this manifest replaces the pinned digest in the file. If the index has no image for the platform,
        yield None instead of the manifest. If the lookup failed, yield an UnresolvedTag instead of the manifest. If
        `current` is not an index, yield nothing.
        """
        for digest, platform in platforms.items() if current.kind is ManifestKind.INDEX else ():
            if isinstance(platform, UnresolvedTag):
                yield digest, platform
                continue
            child = find_platform_image(current, platform)
            try:
                yield digest, self.fetch_manifest(tag_ref, child.digest) if child is not None else None
            except RegistryError as error:
                self.registry_failures.record_error(tag_ref.host, error)
                yield digest, None if is_definite(error) else UnresolvedTag(tag_ref, error.reason, str(error))

    def fetch_needed_platform(
        self,
        tag_ref: TagRef,
        current: Manifest,
        pinned_manifests: Mapping[Digest, Manifest | None],
        *,
        names_platforms: bool,
    ) -> str | None:
        """Return the platform of the single manifest `current`, for comparison with the platforms in use.

        The platform is needed in two cases: a file pins an index, which may support further platforms, or
        `names_platforms` states that a file or a rule specifies the platforms in use. Return None if the platform is
        not needed, or if it cannot be fetched. Also return None if `current` is an index, because an index lists its
        platforms itself.
        """
        had_index = any(old is not None and old.kind is ManifestKind.INDEX for old in pinned_manifests.values())
        if current.kind is ManifestKind.INDEX or not (had_index or names_platforms):
            return None
        try:
            return next(iter(self.registry.describe_image(tag_ref, current).platforms), None)
        except RegistryError as error:
            self.registry_failures.record_error(tag_ref.host, error)
            return None

    def fetch_record(self, tag_ref: TagRef, digest: Digest) -> RegistryRecord | None:
        """Return the registry's own record of a digest.

        Return None if the registry has no record, or if the request fails.

        A failed request is recorded as a failure.
        """
        try:
            return self.registry_facts.fetch_record(tag_ref, digest)
        except RegistryError as error:
            self.registry_failures.record_error(tag_ref.host, error)
            return None

    def is_at_risk(self, tag_ref: TagRef, record: RegistryRecord | None) -> bool:
        """Return True if the registry might delete a digest soon, because neither a tag nor a lock protects it.

        `record` is the registry's record of the digest.
        """
        return tag_ref.host in self.purging_hosts and (record is None or not (record.tags or record.is_locked))

    def list_fetched(self) -> Iterator[CachedManifest]:
        """Yield each fetched manifest, with all repositories from which this or an earlier run fetched it."""
        repositories: dict[Digest, set[str]] = defaultdict(set)
        for digest, repository in self.fetched_manifests:
            repositories[digest].add(repository)
        for (digest, _), manifest in self.fetched_manifests.items():
            cached = self.cached.get(digest) or CachedManifest(manifest, frozenset())
            yield replace(cached, repositories=cached.repositories | repositories[digest])
