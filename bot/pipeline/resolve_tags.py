"""Look up each distinct tag once per run, and fetch manifests only of tags that were updated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.core.choice.ages import determine_known_since, find_matured_digests
from bot.core.choice.platforms import find_platform_image
from bot.model.errors import RegistryError, StateError
from bot.model.history import TagObservation
from bot.model.image import (
    CachedManifest,
    Manifest,
    ManifestKind,
    RegistryRecord,
    Resolution,
    ResolvedTag,
    TagDescriptor,
    UnresolvedTag,
)
from bot.model.reference import Digest, TagRef
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage, Reason
from bot.pipeline.registry_failures import STATE_SUBJECT, RegistryFailures
from bot.pipeline.worker_pool import WorkerPool
from bot.ports import ProgressReporter, Registry, RegistryFacts, StateStore, SupersededStore

MAX_EARLIER = 3
"""Earlier digests of a tag that are tried for one minimum age; it is rare that one is held or cannot be fetched."""


@dataclass(frozen=True, slots=True)
class TagLookup:
    """The lookup of a tag that one image reference needs."""

    tag_ref: TagRef
    pinned_digest: Digest | None
    min_age: timedelta
    is_written: bool
    """True if this is the tag in the file."""
    names_platforms: bool = False
    """True if the file or a rule specifies the platforms in use."""


@dataclass(frozen=True, slots=True)
class LookupClients:
    """The clients and stores that lookups use."""

    registry: Registry
    registry_facts: RegistryFacts
    state_store: StateStore
    superseded_store: SupersededStore
    purging_hosts: frozenset[str]
    """Registries that delete untagged digests."""


@dataclass(frozen=True, slots=True)
class ResolveResult:
    """The results of all lookups, and the failures."""

    resolutions: Mapping[TagRef, Resolution]
    failures: tuple[RunFailure, ...]


HoldCheck = Callable[[TagLookup, ResolvedTag], bool]
"""Returns True if a reference with this lookup is held from being updated to the tag's digest."""


def resolve_tags(
    lookups: Iterable[TagLookup],
    clients: LookupClients,
    pool: WorkerPool,
    progress: ProgressReporter,
    now: datetime,
    is_held: HoldCheck,
) -> ResolveResult:
    """Look up every distinct tag of `lookups`.

    Raises:
        StateError: If the state cannot be read.
    """
    by_tag: dict[TagRef, set[TagLookup]] = defaultdict(set)
    for lookup in lookups:
        by_tag[lookup.tag_ref].add(lookup)
    tag_refs = sorted(by_tag)
    session = _ResolveSession(clients, now, is_held, *_load_state(clients.state_store, by_tag))
    progress.start_phase("Looking up tags", len(tag_refs))

    def resolve_tag(tag_ref: TagRef) -> Resolution:
        try:
            return session.resolve_tag(tag_ref, by_tag[tag_ref])
        finally:
            progress.advance()

    first = list(
        {tag_ref.host: tag_ref for tag_ref in reversed(tag_refs)}.values()
    )  # the first result of a host guides the rest
    resolutions = dict(zip(first, pool.map(resolve_tag, first), strict=True))
    others = [tag_ref for tag_ref in tag_refs if tag_ref not in resolutions]
    resolutions |= zip(others, pool.map(resolve_tag, others), strict=True)
    progress.finish_phase()
    return ResolveResult(resolutions, (*session.registry_failures.list_failures(), *session.save_state()))


def _load_state(
    state_store: StateStore, lookups: Mapping[TagRef, Iterable[TagLookup]]
) -> tuple[Mapping[TagRef, TagDescriptor], Mapping[TagRef, Sequence[TagObservation]], Mapping[Digest, CachedManifest]]:
    """Return the stored data about these tags, and about the digests that they and the files point to."""
    descriptors, observations = (
        state_store.load_descriptors(lookups.keys()),
        state_store.load_observations(lookups.keys()),
    )
    digests = {descriptor.digest for descriptor in descriptors.values()}
    digests |= {
        lookup.pinned_digest for group in lookups.values() for lookup in group if lookup.pinned_digest is not None
    }
    return descriptors, observations, state_store.load_manifests(digests)


@dataclass(slots=True)
class _ResolveSession:
    """The state of one resolve phase; each tag is looked up by one thread."""

    clients: LookupClients
    now: datetime
    is_held: HoldCheck
    descriptors: Mapping[TagRef, TagDescriptor]
    observations: Mapping[TagRef, Sequence[TagObservation]]
    cached: Mapping[Digest, CachedManifest]
    current_descriptors: dict[TagRef, TagDescriptor] = field(default_factory=dict)
    fetched_manifests: dict[tuple[Digest, str], Manifest] = field(default_factory=dict)
    """By digest and repository."""
    registry_failures: RegistryFailures = field(default_factory=RegistryFailures)
    all_updated: dict[str, bool] = field(default_factory=dict)
    """By host: True if every reference that was looked up so far had an update."""

    def resolve_tag(self, tag_ref: TagRef, lookups: Iterable[TagLookup]) -> Resolution:
        try:
            for host in (tag_ref.host, self.clients.registry.get_origin(tag_ref).host):
                self.registry_failures.raise_if_unreachable(host)
            current, manifest = self._fetch_current(tag_ref, {lookup.pinned_digest for lookup in lookups})
            outdated = [lookup for lookup in lookups if lookup.pinned_digest != current]
            if outdated:
                self.all_updated.setdefault(tag_ref.host, True)
            else:
                self.all_updated[tag_ref.host] = False
            return self._build_resolved(tag_ref, current, manifest, outdated)
        except RegistryError as error:
            self.registry_failures.record_error(error.host, error)
            return UnresolvedTag(tag_ref, error.reason, str(error), _is_definite(error))

    def save_state(self) -> Iterator[RunFailure]:
        """Store the results, even if some lookups failed; yield the failure if they cannot be stored."""
        try:
            self.clients.state_store.record_tags(self.current_descriptors, self.now)
            self.clients.state_store.save_manifests(self._list_fetched())
        except StateError as error:
            yield RunFailure(STATE_SUBJECT, FailureStage.RESOLVE, str(error))

    def _list_fetched(self) -> Iterator[CachedManifest]:
        """Yield the fetched manifests with all repositories that are known to contain them."""
        repositories: dict[Digest, set[str]] = defaultdict(set)
        for digest, repository in self.fetched_manifests:
            repositories[digest].add(repository)
        for (digest, _), manifest in self.fetched_manifests.items():
            cached = self.cached.get(digest) or CachedManifest(manifest, frozenset())
            yield replace(cached, repositories=cached.repositories | repositories[digest])

    def _fetch_current(self, tag_ref: TagRef, pinned_digests: set[Digest | None]) -> tuple[Digest, Manifest | None]:
        """Return the digest that the tag points to, and its manifest if it was fetched with it.

        A HEAD request is cheap for every registry. If all references of a registry so far had an update, so that their
        manifests had to be fetched as well, the next tag is fetched with a single GET request, unless its digest is
        still the one in the file. Tags of pull-through caches are excluded, because a cache may be outdated.
        """
        if (
            self.all_updated.get(tag_ref.host)
            and len(pinned_digests) == 1
            and not self._has_pull_through_cache(tag_ref)
        ):
            (pinned_digest,) = pinned_digests
            try:
                manifest = self.clients.registry.fetch_tag(tag_ref, pinned_digest)
            except RegistryError as error:
                if error.reason is not Reason.RATE_LIMITED:
                    raise
                manifest, pinned_digest = None, None  # the limit applies to pulls, and a HEAD request is not a pull
            if manifest is not None:
                self.fetched_manifests[manifest.digest, tag_ref.repository] = manifest
                self.current_descriptors[tag_ref] = TagDescriptor(manifest.digest, manifest.media_type)
                return manifest.digest, manifest
            if pinned_digest is not None:
                self.current_descriptors[tag_ref] = TagDescriptor(pinned_digest, "")
                return pinned_digest, None
        descriptor = self.current_descriptors[tag_ref] = self.clients.registry.fetch_descriptor(
            tag_ref, self.descriptors.get(tag_ref)
        )
        return descriptor.digest, None

    def _has_pull_through_cache(self, tag_ref: TagRef) -> bool:
        """Return True if the file names a pull-through cache, so that its upstream resolves the tag."""
        return self.clients.registry.get_origin(tag_ref) != tag_ref

    def _build_resolved(
        self, tag_ref: TagRef, current: Digest, manifest: Manifest | None, outdated: Sequence[TagLookup]
    ) -> ResolvedTag:
        """Return the result for a tag, with the additional data that outdated references need."""
        resolved = ResolvedTag(tag_ref, current, manifest, observations=tuple(self.observations.get(tag_ref, ())))
        if not outdated:
            return resolved
        try:
            manifest = manifest or self._fetch_verified(resolved)
        except RegistryError as error:
            if error.reason is not Reason.NOT_FOUND_OR_DENIED:
                raise
            return replace(resolved, not_pullable_reason=str(error))
        pinned_manifests = dict(
            self._fetch_pinned(
                tag_ref, {lookup.pinned_digest for lookup in outdated if lookup.pinned_digest is not None}, manifest
            )
        )
        platforms = dict(self._fetch_pinned_platforms(tag_ref, pinned_manifests, manifest, outdated))
        same_platform_manifests = dict(self._fetch_same_platform(tag_ref, platforms, manifest))
        held_platforms = {digest: platform for digest, platform in platforms.items() if isinstance(platform, str)}
        registry_records = {
            digest: record for digest in (current, *pinned_manifests) if (record := self._fetch_record(tag_ref, digest))
        }
        platform = self._fetch_needed_platform(tag_ref, manifest, pinned_manifests, outdated)
        resolved = replace(
            resolved,
            manifest=manifest,
            platform=platform,
            pinned_manifests=pinned_manifests,
            pinned_platforms=held_platforms,
            same_platform_manifests=same_platform_manifests,
            registry_records=registry_records,
        )
        return self._add_earlier(resolved, outdated)

    def _fetch_verified(self, resolved: ResolvedTag) -> Manifest:
        """Return the manifest of the tag's digest, fetched from its own repository in this run or an earlier one."""
        tag_ref, descriptor = resolved.tag_ref, self.descriptors.get(resolved.tag_ref)
        may_be_cached = (
            descriptor and descriptor.digest == resolved.digest and not self._has_pull_through_cache(tag_ref)
        )
        cached = self._get_cached(tag_ref, resolved.digest) if may_be_cached else None
        return cached or self._fetch_manifest(tag_ref, resolved.digest)

    def _get_cached(self, tag_ref: TagRef, digest: Digest) -> Manifest | None:
        """Return the manifest if an earlier run fetched it from exactly this repository."""
        cached = self.cached.get(digest)
        return cached.manifest if cached is not None and tag_ref.repository in cached.repositories else None

    def _fetch_pinned(
        self, tag_ref: TagRef, pinned_digests: Iterable[Digest], current: Manifest
    ) -> Iterator[tuple[Digest, Manifest | None]]:
        """Yield the manifest of each pinned digest; None if it does not exist; digests whose lookup fails are left out.

        A stored manifest is fetched again only if the registry deletes untagged digests.
        """
        for digest in sorted(pinned_digests):
            if current.has_child(digest):
                continue
            cached = None if tag_ref.host in self.clients.purging_hosts else self._get_cached(tag_ref, digest)
            try:
                yield digest, cached or self._fetch_manifest(tag_ref, digest)
            except RegistryError as error:
                self.registry_failures.record_error(tag_ref.host, error)
                if error.is_absent:
                    yield digest, None

    def _fetch_pinned_platforms(
        self,
        tag_ref: TagRef,
        pinned_manifests: Mapping[Digest, Manifest | None],
        current: Manifest,
        outdated: Iterable[TagLookup],
    ) -> Iterator[tuple[Digest, str | UnresolvedTag]]:
        """Yield the platform of each pinned single manifest, from its config, if it is needed for a comparison.

        A reference that pins a single manifest instead of an index stays on that platform. If the platform cannot be
        determined, the tag is still resolved for other references.
        """
        platform_pinned = {lookup.pinned_digest for lookup in outdated if lookup.names_platforms}
        for digest, pinned_manifest in pinned_manifests.items():
            if (
                pinned_manifest is None
                or pinned_manifest.kind is not ManifestKind.MANIFEST
                or not (current.kind is ManifestKind.INDEX or digest in platform_pinned)
            ):
                continue
            try:
                platform = next(iter(self.clients.registry.describe_image(tag_ref, pinned_manifest).platforms), None)
            except RegistryError as error:
                self.registry_failures.record_error(tag_ref.host, error)
                if current.kind is ManifestKind.INDEX and not _is_definite(error):
                    yield digest, UnresolvedTag(tag_ref, error.reason, str(error))
                continue
            if platform is not None:
                yield digest, platform

    def _fetch_same_platform(
        self, tag_ref: TagRef, platforms: Mapping[Digest, str | UnresolvedTag], current: Manifest
    ) -> Iterator[tuple[Digest, Manifest | UnresolvedTag | None]]:
        """Yield, for each pinned single manifest, the manifest for the same platform in the new index."""
        for digest, platform in platforms.items() if current.kind is ManifestKind.INDEX else ():
            if isinstance(platform, UnresolvedTag):
                yield digest, platform
                continue
            child = find_platform_image(current, platform)
            try:
                yield digest, self._fetch_manifest(tag_ref, child.digest) if child is not None else None
            except RegistryError as error:
                self.registry_failures.record_error(tag_ref.host, error)
                yield digest, None if _is_definite(error) else UnresolvedTag(tag_ref, error.reason, str(error))

    def _fetch_needed_platform(
        self,
        tag_ref: TagRef,
        current: Manifest,
        pinned_manifests: Mapping[Digest, Manifest | None],
        outdated: Iterable[TagLookup],
    ) -> str | None:
        """Return the platform of a single manifest, from its config, if the platforms in use are known."""
        had_index = any(old is not None and old.kind is ManifestKind.INDEX for old in pinned_manifests.values())
        if current.kind is ManifestKind.INDEX or not (had_index or any(lookup.names_platforms for lookup in outdated)):
            return None
        return self._fetch_platform(tag_ref, current)

    def _fetch_platform(self, tag_ref: TagRef, manifest: Manifest) -> str | None:
        """Return the platform of a single manifest, from its config; None if it cannot be fetched."""
        try:
            return next(iter(self.clients.registry.describe_image(tag_ref, manifest).platforms), None)
        except RegistryError as error:
            self.registry_failures.record_error(tag_ref.host, error)
            return None

    def _add_earlier(self, resolved: ResolvedTag, outdated: Sequence[TagLookup]) -> ResolvedTag:
        """Add earlier digests for references for which the current digest is too young or held."""
        observations = resolved.observations
        since = determine_known_since(resolved.digest, observations, resolved.registry_records, self.now)
        tried: set[Digest] = set()
        for lookup in outdated:
            if since + lookup.min_age <= self.now and not self.is_held(lookup, resolved):
                continue
            pinned_digest = lookup.pinned_digest if lookup.is_written else None
            for digest in find_matured_digests(observations, resolved.digest, pinned_digest, lookup.min_age, self.now)[
                :MAX_EARLIER
            ]:
                if digest not in tried:
                    tried.add(digest)
                    resolved = self._add_earlier_digest(resolved, digest, outdated)
                manifest = next((each for each in resolved.earlier_manifests if each.digest == digest), None)
                if manifest is not None and not self.is_held(lookup, resolved.rewind_to(manifest)):
                    break
        newest_first = sorted(
            resolved.earlier_manifests, key=lambda each: _get_last_seen(observations, each.digest), reverse=True
        )
        return replace(resolved, earlier_manifests=tuple(newest_first))

    def _add_earlier_digest(self, resolved: ResolvedTag, digest: Digest, outdated: Sequence[TagLookup]) -> ResolvedTag:
        """Add one earlier digest unless it cannot be fetched; a stored manifest is fetched as well, to verify it."""
        tag_ref, record = resolved.tag_ref, self._fetch_record(resolved.tag_ref, digest)
        if tag_ref.host in self.clients.purging_hosts and (record is None or not (record.tags or record.is_locked)):
            return replace(resolved, retention_risks=resolved.retention_risks | {digest})
        try:
            manifest = self._fetch_manifest(tag_ref, digest)
        except RegistryError as error:
            self.registry_failures.record_error(tag_ref.host, error)
            return resolved
        platform = self._fetch_needed_platform(tag_ref, manifest, resolved.pinned_manifests, outdated)
        return replace(
            resolved,
            earlier_manifests=(*resolved.earlier_manifests, manifest),
            earlier_platforms={**resolved.earlier_platforms, **({digest: platform} if platform else {})},
            registry_records={**resolved.registry_records, **({digest: record} if record else {})},
        )

    def _fetch_manifest(self, tag_ref: TagRef, digest: Digest) -> Manifest:
        self.fetched_manifests[digest, tag_ref.repository] = manifest = self.clients.registry.fetch_manifest(
            tag_ref, digest
        )
        return manifest

    def _fetch_record(self, tag_ref: TagRef, digest: Digest) -> RegistryRecord | None:
        """Return the registry's record of a digest; an error is recorded as a failure and does not stop the lookup."""
        try:
            return self.clients.registry_facts.fetch_record(tag_ref, digest)
        except RegistryError as error:
            self.registry_failures.record_error(tag_ref.host, error)
            return None


def _is_definite(error: RegistryError) -> bool:
    """Return True if no image exists, or the object is not an image, such as a chart; a retry cannot change that."""
    return error.is_absent or (error.reason is Reason.REGISTRY_ERROR and not error.is_failure)


def _get_last_seen(observations: Sequence[TagObservation], digest: Digest) -> datetime:
    return max(sighting.last_seen for sighting in observations if sighting.digest == digest)
