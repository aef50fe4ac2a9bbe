"""Look up the tracked tags of a run in registries, and decide on image references from the results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.choice.decide import decide
from bot.core.choice.end_of_life import replace_if_superseded
from bot.core.choice.holds import is_held
from bot.core.evidence.base_images import describe_outdated_base, get_stated_base, is_base_outdated
from bot.core.notes import add_image_note
from bot.core.references.select import is_known_registry
from bot.model.decision import Decision, TrackedImage, UnresolvedReference, UpToDate
from bot.model.errors import RegistryError
from bot.model.history import SupersededTag
from bot.model.image import Resolution, ResolvedTag, UnresolvedTag
from bot.model.policy import PolicyConfig
from bot.model.reference import Digest, TagRef
from bot.model.report import RunFailure
from bot.pipeline.resolve_tags import LookupClients, ResolveResult, TagLookup, resolve_tags
from bot.pipeline.tag_listings import TagListings, add_fallback_tags, find_superseded_tags, list_tags
from bot.pipeline.worker_pool import REGISTRY_POOL
from bot.ports import ProgressReporter, Registry

MAX_BASES = 50
"""Base images that are looked up in a run: even large fleets use fewer distinct base images."""


@dataclass(frozen=True, slots=True)
class LookupResult:
    """The results of all registry lookups."""

    tag_listings: TagListings
    resolutions: Mapping[TagRef, Resolution]
    superseded_tags: Mapping[TagRef, SupersededTag]
    """The superseded tags."""
    notes: Mapping[TagRef, str]
    """A sentence about the image of a tag that does not affect the decision."""
    policy_config: PolicyConfig
    now: datetime
    failures: tuple[RunFailure, ...]

    def decide(self, tracked_image: TrackedImage) -> Decision:
        """Return the decision on a tracked image."""
        tag_refs = self.tag_listings.list_targets(tracked_image)
        if isinstance(tag_refs, RegistryError):
            return UnresolvedReference(tracked_image, tag_refs.reason, str(tag_refs))
        tracked_image = add_image_note(tracked_image, self.notes.get(tracked_image.tag_ref, ""))
        tracked_image = replace(
            tracked_image, missing_tags_reason=self.tag_listings.explain_missing_tags(tracked_image)
        )
        decision = decide(tracked_image, [self.resolutions[tag_ref] for tag_ref in tag_refs], self.now)
        if not isinstance(decision, UpToDate):
            return decision
        return replace_if_superseded(
            decision, self.policy_config.end_of_life, self.superseded_tags.get(tracked_image.tag_ref), self.now.date()
        )


def run_lookups(
    tracked_images: Sequence[TrackedImage],
    clients: LookupClients,
    policy_config: PolicyConfig,
    progress: ProgressReporter,
    now: datetime,
) -> LookupResult:
    """List tags of repositories whose references may change tags, then look up every tracked tag once.

    Raises:
        StateError: If the state cannot be read.
    """
    known_superseded = clients.superseded_store.load({tracked_image.tag_ref for tracked_image in tracked_images})
    tag_listings = list_tags(
        tracked_images, clients.registry, REGISTRY_POOL, progress, policy_config.end_of_life, now.date()
    )
    resolved = _resolve_lookups(_group_by_lookup(tracked_images, tag_listings), clients, progress, now)
    extended = add_fallback_tags(tracked_images, tag_listings, resolved.resolutions, clients.state_store, now)
    additional_tags = {
        tag_ref
        for update_range, targets in extended.target_tags.items()
        for tag_ref in targets
        if tag_ref not in tag_listings.target_tags[update_range]
    }
    if additional_tags:
        additional_lookups = {
            lookup: images
            for lookup, images in _group_by_lookup(tracked_images, extended).items()
            if lookup.tag_ref in additional_tags
        }
        additional = _resolve_lookups(additional_lookups, clients, progress, now)
        resolved = ResolveResult(
            {**resolved.resolutions, **additional.resolutions}, (*resolved.failures, *additional.failures)
        )
        tag_listings = extended
    superseded = find_superseded_tags(tag_listings, resolved.resolutions, known_superseded, clients, now)
    notes = _note_outdated_bases(resolved.resolutions, clients.registry, policy_config)
    failures = {
        each.subject: each for each in (*superseded.failures, *tag_listings.failures, *resolved.failures)
    }  # one for each
    return LookupResult(
        tag_listings, resolved.resolutions, superseded.by_tag, notes, policy_config, now, tuple(failures.values())
    )


def _group_by_lookup(
    tracked_images: Iterable[TrackedImage], tag_listings: TagListings
) -> dict[TagLookup, list[TrackedImage]]:
    """Group tracked images by the lookups that they need."""
    images_by_lookup: dict[TagLookup, list[TrackedImage]] = defaultdict(list)
    for tracked_image in tracked_images:
        for lookup in _list_lookups(tracked_image, tag_listings):
            images_by_lookup[lookup].append(tracked_image)
    return images_by_lookup


def _resolve_lookups(
    images_by_lookup: Mapping[TagLookup, list[TrackedImage]],
    clients: LookupClients,
    progress: ProgressReporter,
    now: datetime,
) -> ResolveResult:
    def is_any_held(lookup: TagLookup, resolved: ResolvedTag) -> bool:
        return any(is_held(tracked_image, resolved, now) for tracked_image in images_by_lookup[lookup])

    return resolve_tags(images_by_lookup, clients, REGISTRY_POOL, progress, now, is_any_held)


def _note_outdated_bases(
    resolutions: Mapping[TagRef, Resolution], registry: Registry, policy_config: PolicyConfig
) -> Mapping[TagRef, str]:
    """Return a note for each updated image that is built on an outdated base image."""
    bases = {
        tag_ref: base
        for tag_ref, resolution in resolutions.items()
        if isinstance(resolution, ResolvedTag)
        and resolution.manifest
        and (base := get_stated_base(resolution.manifest))
    }
    base_tags = sorted(
        {base.tag_ref for base in bases.values() if is_known_registry(policy_config, base.tag_ref.host)}
    )[:MAX_BASES]

    def resolve_base(tag_ref: TagRef) -> ResolvedTag | None:
        used_digests = {base.digest for base in bases.values() if base.tag_ref == tag_ref}
        resolution = resolutions.get(tag_ref)
        with suppress(RegistryError):
            return (
                None
                if isinstance(resolution, UnresolvedTag)
                else _resolve_base(tag_ref, used_digests, resolution, registry)
            )
        return None

    resolved_bases = dict(zip(base_tags, REGISTRY_POOL.map(resolve_base, base_tags), strict=True))
    return {
        tag_ref: describe_outdated_base(base)
        for tag_ref, base in bases.items()
        if (now := resolved_bases.get(base.tag_ref)) and is_base_outdated(base, now)
    }


def _resolve_base(
    tag_ref: TagRef, used_digests: Iterable[Digest], resolved_before: ResolvedTag | None, registry: Registry
) -> ResolvedTag:
    """Return what the tag of a base image points to.

    A result of this run is reused. The manifest is fetched only if the digest differs from the `used_digests`: it may
    be an index that still contains the image that was used.

    Raises:
        RegistryError: If the lookup fails.
    """
    resolved = resolved_before or ResolvedTag(tag_ref, registry.fetch_descriptor(tag_ref).digest)
    if resolved.manifest is not None or all(digest == resolved.digest for digest in used_digests):
        return resolved
    return replace(resolved, manifest=registry.fetch_manifest(tag_ref, resolved.digest))


def _list_lookups(tracked_image: TrackedImage, tag_listings: TagListings) -> Iterable[TagLookup]:
    tag_refs = tag_listings.list_targets(tracked_image)
    if isinstance(tag_refs, RegistryError):
        return ()
    pinned_digest, min_age = tracked_image.occurrence.reference.digest, tracked_image.policy.min_age
    names_platforms = bool(tracked_image.policy.platforms) or tracked_image.occurrence.platform is not None
    return [
        TagLookup(tag_ref, pinned_digest, min_age, tag_ref == tracked_image.tag_ref, names_platforms)
        for tag_ref in tag_refs
    ]
