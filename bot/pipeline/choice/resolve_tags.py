"""Look up tags in registries, and fetch the data that decisions about updates need.

Each distinct tag is looked up once per run, which returns the digest that the tag points to (the current digest). If
every file that uses the tag already contains this digest, nothing else is fetched. Otherwise, the manifest is fetched,
and the manifests of the digests in the files (the pinned digests).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.core.choice.ages import determine_known_since, find_matured_digests
from bot.core.choice.blocklist import find_listed_digest
from bot.model.blocklist import Blocklist
from bot.model.errors import RegistryError
from bot.model.history import TagObservation
from bot.model.image import CachedManifest, Manifest, Resolution, ResolvedTag, TagDescriptor, UnresolvedTag
from bot.model.image_name import Digest, TagRef
from bot.model.phases import ProgressStep
from bot.model.policy import PolicyConfig
from bot.model.vocabulary import FailureStage, Reason
from bot.pipeline.choice.block_facts import BlockFinder
from bot.pipeline.choice.manifest_fetcher import ManifestFetcher
from bot.pipeline.choice.replacement_search import ReplacementSearch
from bot.pipeline.failures import is_definite
from bot.pipeline.run_context import RunContext
from bot.ports import LookupStore

MAX_EARLIER = 3
"""The maximum number of earlier digests of a tag that are tried for one minimum age. One or two are nearly always
enough, because it is rare that an earlier digest is held or cannot be fetched."""


@dataclass(frozen=True, slots=True)
class TagLookup:
    """A tag to look up for an image reference, and properties of the reference on which the lookup depends."""

    tag_ref: TagRef
    pinned_digest: Digest | None
    min_age: timedelta
    is_written: bool
    """True if the file contains this tag; False if the policy allows updating the reference to this tag."""
    names_platforms: bool = False
    """True if the file or a rule specifies the platforms in use."""


HoldCheck = Callable[[TagLookup, ResolvedTag], bool]
"""Returns True if an update to the tag's digest is held for a reference that needs this lookup."""


def resolve_tags(
    lookups: Iterable[TagLookup], context: RunContext, policy_config: PolicyConfig, is_held: HoldCheck
) -> Mapping[TagRef, Resolution]:
    """Look up every distinct tag of `lookups`, and return the result of each tag's lookup.

    Args:
        lookups: The tags to look up. Several lookups can have the same tag.
        context: The services of the run.
        policy_config: The registries that delete untagged digests, and the blocked digests.
        is_held: Returns True if the update to the digest that a tag points to must be held. If the result is True,
            earlier digests of the tag are fetched, because an update to one of them may be possible.

    Raises:
        StateError: If the state cannot be read.
    """
    by_tag: dict[TagRef, set[TagLookup]] = defaultdict(set)
    for lookup in lookups:
        by_tag[lookup.tag_ref].add(lookup)
    tag_refs = sorted(by_tag)
    blocklist = policy_config.blocklist
    descriptors, observations, cached = _load_state(context.state.lookups, by_tag, blocklist)
    fetcher = ManifestFetcher(context.registry, context.registry_facts, policy_config.purging_hosts, cached)
    block_finder = BlockFinder(blocklist, fetcher)
    session = _ResolveSession(context, is_held, descriptors, observations, fetcher, block_finder)
    context.progress.start_phase(ProgressStep.LOOK_UP_TAGS, len(tag_refs))

    def resolve_tag(tag_ref: TagRef) -> Resolution:
        try:
            return session.resolve_tag(tag_ref, by_tag[tag_ref])
        finally:
            context.progress.advance()

    # The first tag of each host is looked up before the others, because its result decides between GET and HEAD
    # requests for the others.
    first = list({tag_ref.host: tag_ref for tag_ref in reversed(tag_refs)}.values())
    resolutions = dict(zip(first, context.registry_pool.map(resolve_tag, first), strict=True))
    others = [tag_ref for tag_ref in tag_refs if tag_ref not in resolutions]
    resolutions |= zip(others, context.registry_pool.map(resolve_tag, others), strict=True)
    context.progress.finish_phase()
    context.failures.add(fetcher.registry_failures.list_failures())
    session.save_state()
    return resolutions


def _load_state(
    lookup_store: LookupStore, lookups: Mapping[TagRef, Iterable[TagLookup]], blocklist: Blocklist
) -> tuple[Mapping[TagRef, TagDescriptor], Mapping[TagRef, Sequence[TagObservation]], Mapping[Digest, CachedManifest]]:
    """Return the tag descriptors, tag observations and manifests that earlier runs stored.

    The descriptors and observations are those of the tags in `lookups`. The manifests are those of the digests to which
    these tags pointed most recently, of the digests in files, and of blocked digests to which the tags pointed earlier.
    """
    descriptors = lookup_store.load_descriptors(lookups.keys())
    observations = lookup_store.load_observations(lookups.keys())
    digests = {descriptor.digest for descriptor in descriptors.values()}
    digests |= {
        lookup.pinned_digest for group in lookups.values() for lookup in group if lookup.pinned_digest is not None
    }
    digests |= {
        each.digest
        for tag_ref, history in observations.items()
        for each in history
        if find_listed_digest(blocklist, tag_ref.repository, each.digest) is not None
    }
    return descriptors, observations, lookup_store.load_manifests(digests)


@dataclass(slots=True)
class _ResolveSession:
    """The data that the threads of one lookup phase share. Each tag is looked up by one thread."""

    context: RunContext
    is_held: HoldCheck
    descriptors: Mapping[TagRef, TagDescriptor]
    observations: Mapping[TagRef, Sequence[TagObservation]]
    fetcher: ManifestFetcher
    block_finder: BlockFinder
    current_descriptors: dict[TagRef, TagDescriptor] = field(default_factory=dict)
    all_updated: dict[str, bool] = field(default_factory=dict)
    """For each host, True if all references that were looked up so far had an update."""

    def resolve_tag(self, tag_ref: TagRef, lookups: Iterable[TagLookup]) -> Resolution:
        try:
            for host in (tag_ref.host, self.context.registry.get_origin(tag_ref).host):
                self.fetcher.registry_failures.raise_if_unreachable(host)
            current, manifest = self._fetch_current(tag_ref, {lookup.pinned_digest for lookup in lookups})
            lookups = tuple(lookups)
            outdated = [lookup for lookup in lookups if lookup.pinned_digest != current]
            if outdated:
                self.all_updated.setdefault(tag_ref.host, True)
            else:
                self.all_updated[tag_ref.host] = False
            return self._build_resolved(tag_ref, current, manifest, lookups)
        except RegistryError as error:
            self.fetcher.registry_failures.record_error(error.host, error)
            return UnresolvedTag(tag_ref, error.reason, str(error), is_definite(error))

    def save_state(self) -> None:
        """Store the observed tags and the fetched manifests, even if some lookups failed."""
        with self.context.failures.note_state_error(FailureStage.RESOLVE):
            self.context.state.lookups.record_tags(self.current_descriptors, self.context.now)
            self.context.state.lookups.save_manifests(self.fetcher.list_fetched())

    def _fetch_current(self, tag_ref: TagRef, pinned_digests: set[Digest | None]) -> tuple[Digest, Manifest | None]:
        """Return the digest that the tag points to, and its manifest. The manifest is None if it was not requested.

        Normally, a HEAD request is sent, which returns only the digest. If the tag points to a digest that is not in
        the files, the caller needs a second request for the manifest. If this was the case for all tags of the registry
        so far, it is likely for this tag, too. A GET request is sent instead, because it returns both at once.

        `pinned_digests` are the digests in the files. If the tag points to one of them, no manifest is returned.

        No request is sent for a tag that this run already looked up.

        For a tag in a pull-through cache, a HEAD request is always sent, because the cache may be outdated.
        """
        known_descriptor = self.context.known_lookups.descriptors.get(tag_ref)
        if known_descriptor is not None:
            self.current_descriptors[tag_ref] = known_descriptor
            return known_descriptor.digest, None
        is_update_likely = self.all_updated.get(tag_ref.host) and not self._has_pull_through_cache(tag_ref)
        if is_update_likely and len(pinned_digests) == 1:
            (pinned_digest,) = pinned_digests
            try:
                manifest = self.context.registry.fetch_tag(tag_ref, pinned_digest)
            except RegistryError as error:
                if error.reason is not Reason.RATE_LIMITED:
                    raise
                manifest, pinned_digest = None, None  # the limit counts only pulls, so a HEAD request may still work
            if manifest is not None:
                self.fetcher.fetched_manifests[manifest.digest, tag_ref.repository] = manifest
                self.current_descriptors[tag_ref] = TagDescriptor(manifest.digest, manifest.media_type)
                return manifest.digest, manifest
            if pinned_digest is not None:
                self.current_descriptors[tag_ref] = TagDescriptor(pinned_digest, "")
                return pinned_digest, None
        descriptor = self.context.registry.fetch_descriptor(tag_ref, self.descriptors.get(tag_ref))
        self.current_descriptors[tag_ref] = descriptor
        return descriptor.digest, None

    def _has_pull_through_cache(self, tag_ref: TagRef) -> bool:
        """Return True if the tag is in a pull-through cache, so that it is looked up in the upstream registry."""
        return self.context.registry.get_origin(tag_ref) != tag_ref

    def _build_resolved(
        self, tag_ref: TagRef, current: Digest, manifest: Manifest | None, lookups: Sequence[TagLookup]
    ) -> ResolvedTag:
        """Return the result of a tag's lookup, with the data that decisions about references need.

        If every reference has the digest `current`, and no digest of the repository is blocked, nothing else is
        fetched. `manifest` is the manifest of `current`; None if it was not fetched yet.
        """
        outdated = [lookup for lookup in lookups if lookup.pinned_digest != current]
        is_concerned = self.block_finder.concerns(tag_ref)
        resolved = ResolvedTag(tag_ref, current, manifest, observations=tuple(self.observations.get(tag_ref, ())))
        if not outdated and not is_concerned:
            return resolved
        try:
            manifest = manifest or self._get_or_fetch_manifest(resolved)
        except RegistryError as error:
            if error.reason is not Reason.NOT_FOUND_OR_DENIED:
                raise
            resolved = replace(resolved, not_pullable_reason=str(error))
            return self._add_blocks(resolved, lookups) if is_concerned else resolved
        resolved = replace(resolved, manifest=manifest)
        if outdated:
            resolved = self._add_pinned_manifests(resolved, manifest, outdated)
        if is_concerned:
            resolved = self._add_blocks(resolved, lookups)
        return self._add_earlier_digests(resolved, outdated)

    def _add_pinned_manifests(
        self, resolved: ResolvedTag, manifest: Manifest, outdated: Sequence[TagLookup]
    ) -> ResolvedTag:
        """Return `resolved` with the data about the digests of outdated references, and the records of the registry.

        `manifest` is the manifest that the tag points to.
        """
        fetcher, tag_ref, current = self.fetcher, resolved.tag_ref, resolved.digest
        pinned_digests = {lookup.pinned_digest for lookup in outdated if lookup.pinned_digest is not None}
        pinned_manifests = dict(fetcher.fetch_pinned_manifests(tag_ref, pinned_digests, manifest))
        platform_pinned = {lookup.pinned_digest for lookup in outdated if lookup.names_platforms}
        platforms = dict(fetcher.fetch_pinned_platforms(tag_ref, pinned_manifests, manifest, platform_pinned))
        same_platform_manifests = dict(fetcher.fetch_same_platform_manifests(tag_ref, platforms, manifest))
        held_platforms = {digest: platform for digest, platform in platforms.items() if isinstance(platform, str)}
        records = ((digest, fetcher.fetch_record(tag_ref, digest)) for digest in (current, *pinned_manifests))
        registry_records = {digest: record for digest, record in records if record is not None}
        names_platforms = any(lookup.names_platforms for lookup in outdated)
        platform = fetcher.fetch_needed_platform(tag_ref, manifest, pinned_manifests, names_platforms=names_platforms)
        return replace(
            resolved,
            platform=platform,
            pinned_manifests=pinned_manifests,
            pinned_platforms=held_platforms,
            same_platform_manifests=same_platform_manifests,
            registry_records=registry_records,
        )

    def _add_blocks(self, resolved: ResolvedTag, lookups: Sequence[TagLookup]) -> ResolvedTag:
        """Return `resolved` with its blocked digests and, if a file uses one, with images that can replace it."""
        pinned_digests = {lookup.pinned_digest for lookup in lookups}
        resolved = self.block_finder.add_blocks(resolved, pinned_digests)
        if not any(self._needs_replacement(lookup, resolved) for lookup in lookups):
            return resolved
        if resolved.manifest is not None and resolved.digest in pinned_digests:
            pinned_manifests = {**resolved.pinned_manifests, resolved.digest: resolved.manifest}
            resolved = replace(resolved, pinned_manifests=pinned_manifests)
        pinned = frozenset(each for each in pinned_digests if each is not None)
        return ReplacementSearch(self.context, self.fetcher, self.block_finder, resolved, pinned).add_replacements()

    def _needs_replacement(self, lookup: TagLookup, resolved: ResolvedTag) -> bool:
        """Return True if a file uses a blocked digest, and must not be updated to the digest that the tag points to.

        Also return True if the registry no longer has the digest in the file, and the tag points to a blocked digest.
        """
        if not lookup.is_written:
            return False
        is_gone = resolved.pinned_manifests.get(lookup.pinned_digest or resolved.digest, resolved) is None
        if (lookup.pinned_digest or resolved.digest) not in resolved.blocks and not is_gone:
            return False
        if not resolved.is_allowed(resolved.digest) or resolved.not_pullable_reason:
            return True
        return not is_gone and self.is_held(lookup, resolved)

    def _get_or_fetch_manifest(self, resolved: ResolvedTag) -> Manifest:
        """Return the manifest of the tag's digest.

        The stored manifest is returned if the tag pointed to the same digest in an earlier run, and if the manifest was
        fetched from the same repository. Otherwise, the manifest is fetched.
        """
        tag_ref, descriptor = resolved.tag_ref, self.descriptors.get(resolved.tag_ref)
        may_be_cached = (
            descriptor and descriptor.digest == resolved.digest and not self._has_pull_through_cache(tag_ref)
        )
        cached = self.fetcher.get_cached(tag_ref, resolved.digest) if may_be_cached else None
        return cached or self.fetcher.fetch_manifest(tag_ref, resolved.digest)

    def _add_earlier_digests(self, resolved: ResolvedTag, outdated: Sequence[TagLookup]) -> ResolvedTag:
        """Return `resolved` with earlier digests of the tag, if a reference must not be updated to the current digest.

        An update to the current digest is not allowed yet if the digest is younger than the policy's minimum age, or if
        the gates hold the update. An earlier digest that is newer than the digest in the file is then a possible
        target.
        """
        observations, now = resolved.observations, self.context.now
        since = determine_known_since(resolved.digest, observations, resolved.registry_records, now)
        tried: set[Digest] = set()
        for lookup in outdated:
            is_allowed = resolved.is_allowed(resolved.digest)
            if is_allowed and since + lookup.min_age <= now and not self.is_held(lookup, resolved):
                continue
            pinned_digest = lookup.pinned_digest if lookup.is_written else None
            matured = find_matured_digests(observations, resolved.digest, pinned_digest, lookup.min_age, now)
            unlisted = [each for each in matured if not self.block_finder.is_listed(resolved.tag_ref, each)]
            for digest in unlisted[:MAX_EARLIER]:
                if digest not in tried:
                    tried.add(digest)
                    resolved = self._add_earlier_digest(resolved, digest, outdated)
                manifest = next((each for each in resolved.earlier_manifests if each.digest == digest), None)
                if (
                    manifest is not None
                    and resolved.is_allowed(digest)
                    and not self.is_held(lookup, resolved.rewind_to(manifest))
                ):
                    break
        newest_first = sorted(
            resolved.earlier_manifests, key=lambda each: _get_last_seen(observations, each.digest), reverse=True
        )
        return replace(resolved, earlier_manifests=tuple(newest_first))

    def _add_earlier_digest(self, resolved: ResolvedTag, digest: Digest, outdated: Sequence[TagLookup]) -> ResolvedTag:
        """Return `resolved` with one more earlier digest of the tag, if the registry still has this digest.

        The manifest is always fetched, even if an earlier run stored it, because a file must not be updated to a digest
        that the registry deleted. If the registry deletes untagged digests, and neither a tag nor a lock protects this
        digest, the registry might delete this digest soon. Such a digest is only recorded in `retention_risks`, so that
        no reference is updated to it.
        """
        tag_ref, fetcher = resolved.tag_ref, self.fetcher
        record = fetcher.fetch_record(tag_ref, digest)
        if fetcher.is_at_risk(tag_ref, record):
            return replace(resolved, retention_risks=resolved.retention_risks | {digest})
        try:
            manifest = fetcher.fetch_manifest(tag_ref, digest)
        except RegistryError as error:
            fetcher.registry_failures.record_error(tag_ref.host, error)
            return resolved
        names_platforms = any(lookup.names_platforms for lookup in outdated)
        platform = fetcher.fetch_needed_platform(
            tag_ref, manifest, resolved.pinned_manifests, names_platforms=names_platforms
        )
        if self.block_finder.concerns(tag_ref):
            resolved = self.block_finder.add_block(resolved, manifest)
        return replace(
            resolved,
            earlier_manifests=(*resolved.earlier_manifests, manifest),
            earlier_platforms={**resolved.earlier_platforms, **({digest: platform} if platform else {})},
            registry_records={**resolved.registry_records, **({digest: record} if record else {})},
        )


def _get_last_seen(observations: Sequence[TagObservation], digest: Digest) -> datetime:
    return max(sighting.last_seen for sighting in observations if sighting.digest == digest)
