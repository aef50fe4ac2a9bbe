"""Decide which image references are updated.

There are three phases: look up the tracked tags in registries, collect evidence about the possible updates, and apply
the gates. Gates are checks of the evidence that an update must pass before it is proposed. Each phase ends for all
repositories before the next phase begins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from bot.core.choice.blocked import add_block_note, apply_unread_lists, report_block
from bot.core.choice.decide import decide
from bot.core.choice.end_of_life import replace_if_superseded
from bot.core.choice.holds import is_held
from bot.core.choice.in_use import build_use_transition
from bot.core.choice.targets import get_update_range
from bot.core.choice.verdict import build_verdict
from bot.core.evidence.base_images import describe_outdated_base, get_stated_base, is_base_outdated
from bot.core.evidence.gates import apply_gates
from bot.core.inventory.value_hashes import hash_tag_list
from bot.core.notes import add_image_note
from bot.core.proposal.due_dates import FixTimes, compute_due_date
from bot.core.references.reconcile import reconcile_decisions
from bot.core.references.select import (
    RepositoryBranch,
    is_known_registry,
    select_reference,
    skip_unknown_registry,
)
from bot.core.transition import build_transition, get_first_transition
from bot.model.decision import (
    Decision,
    ImageUpdate,
    TrackedImage,
    Transition,
    UnresolvedReference,
    UpToDate,
    get_tracked_image,
)
from bot.model.errors import RegistryError
from bot.model.evidence import Evidence, NotScanned, UnscannedReason
from bot.model.exposure import Exposure
from bot.model.history import SupersededTag
from bot.model.image import Resolution, ResolvedTag, UnresolvedTag
from bot.model.image_name import Digest, TagRef
from bot.model.policy import PolicyConfig
from bot.model.report import RunFailure, Verdict
from bot.model.vocabulary import FailureStage
from bot.pipeline.choice.decided_scan import DecidedScan, Scan, Selection
from bot.pipeline.choice.file_histories import search_file_histories
from bot.pipeline.choice.lookup_shares import limit_lookups
from bot.pipeline.choice.resolve_tags import TagLookup, resolve_tags
from bot.pipeline.choice.tag_listings import TagListings, add_fallback_tags, find_superseded_tags, list_tags
from bot.pipeline.evidence.collect_evidence import collect_evidence
from bot.pipeline.evidence.fleet_evidence import add_fleet_outcomes, add_running_uses
from bot.pipeline.references.extract import ExtractResult
from bot.pipeline.run_context import RunContext
from bot.registry_ports import Registry

UNREAD_LIST = "nothing is proposed, because the list of blocked digests may block it"
EMPTY: Mapping[TagRef, ResolvedTag] = MappingProxyType({})
MAX_BASES = 50
"""The maximum number of base images that a run looks up. Even large fleets use fewer distinct base images."""


def _return_true(_: ImageUpdate) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """The evidence and the tag lookups on which decisions are based."""

    evidence: Mapping[Transition, Evidence]
    lookup_result: LookupResult
    exposures: Mapping[Transition, Exposure]
    """The exposure of the images in use, by `Verdict.in_use`; empty if it was not determined."""

    @property
    def resolutions(self) -> Mapping[TagRef, Resolution]:
        """The result of each tag's lookup."""
        return self.lookup_result.resolutions

    def build_verdict(self, decision: Decision) -> Verdict:
        """Return the verdict on a reference. It names the exposure of the image in use if this was determined."""
        in_use = _find_use_transition(decision, self.lookup_result)
        return build_verdict(decision, in_use if in_use in self.exposures else None)

    def find_exposure(self, decision: Decision) -> Exposure | None:
        """Return the exposure of the image in use; None if this image is not known, or if the reference is skipped."""
        in_use = _find_use_transition(decision, self.lookup_result)
        if in_use is None:
            return None
        return self.exposures.get(in_use) or Exposure(NotScanned(UnscannedReason.NO_SCANNER))


def _list_use_transitions(decisions: Iterable[Decision], lookup_result: LookupResult) -> Iterator[Transition]:
    """Yield the keys of the exposures of all images in use. For an update, the gates may still drop candidates."""
    for decision in decisions:
        variants: Sequence[Decision] = [decision]
        if isinstance(decision, ImageUpdate):
            candidates = decision.candidates
            variants = [replace(decision, candidates=candidates[start:]) for start in range(len(candidates))]
        for each in variants:
            if (transition := _find_use_transition(each, lookup_result)) is not None:
                yield transition


def _find_use_transition(decision: Decision, lookup_result: LookupResult) -> Transition | None:
    tracked_image = get_tracked_image(decision)
    resolution = lookup_result.resolutions.get(tracked_image.tag_ref) if tracked_image is not None else None
    return build_use_transition(decision, resolution)


def decide_updates(
    scans: Iterable[Scan],
    context: RunContext,
    policy_config: PolicyConfig,
    needs_evidence: Callable[[ImageUpdate], bool] = _return_true,
    *,
    needs_exposure: bool = True,
    known_in_use: Collection[Transition] = (),
) -> tuple[Sequence[DecidedScan[Scan]], DecisionResult]:
    """Decide on every image reference of the scanned trees, and determine the exposure of the images in use.

    Args:
        scans: The trees with their image references.
        context: The services of the run.
        policy_config: The policy.
        needs_evidence: Returns False for an update about which no evidence is collected. The gates do not check it.
        needs_exposure: False if images in use are only scanned if an update needs it.
        known_in_use: The keys of further exposures (`Verdict.in_use`), of trees that were not read again.
    """
    context.failures.add(_report_unread_lists(policy_config))
    selected = [DecidedScan(each, _select_images(each.extract_result, policy_config, context)) for each in scans]
    shared = limit_lookups(selected, context.failures)
    lookup_result = run_lookups(
        [image for each in shared for image in each.list_tracked_images()], context, policy_config
    )
    searched = search_file_histories(shared, lookup_result.decide, lookup_result.resolutions, context, policy_config)
    decided = [replace(each, decisions=_decide_on_selections(each, lookup_result)) for each in searched]
    updates = [item for each in decided for item in each.decisions if isinstance(item, ImageUpdate)]
    transitions = {
        build_transition(update, candidate)
        for update in filter(needs_evidence, updates)
        for candidate in update.candidates
    }
    all_decisions = [item for each in decided for item in each.decisions] if needs_exposure else []
    in_use = {*_list_use_transitions(all_decisions, lookup_result), *known_in_use}
    collected = collect_evidence(transitions, in_use, policy_config.trust, context)
    evidence = add_fleet_outcomes(collected.updates, context)
    evidence = add_running_uses(evidence, lookup_result.resolutions, context)
    fix_times = FixTimes(lookup_result.resolutions, context.now)

    def is_overdue(update: ImageUpdate) -> bool:
        due = compute_due_date([(update, evidence[get_first_transition(update)])], None, fix_times)
        return due is not None and due.is_overdue

    def pass_gates(decided_scan: DecidedScan[Scan]) -> DecidedScan[Scan]:
        is_public = decided_scan.scan.extract_result.repository.may_be_public
        gated = [
            apply_gates(each, evidence, context.now, is_public=is_public, is_overdue=is_overdue)
            if isinstance(each, ImageUpdate) and needs_evidence(each)
            else each
            for each in decided_scan.decisions
        ]
        return replace(decided_scan, decisions=tuple(reconcile_decisions(gated)))

    return list(map(pass_gates, decided)), DecisionResult(evidence, lookup_result, collected.exposures)


def _decide_on_selections(decided_scan: DecidedScan[Scan], lookup_result: LookupResult) -> tuple[Decision, ...]:
    lookups = decided_scan.history_lookups
    return tuple(
        reconcile_decisions(
            [
                lookup_result.decide(item, lookups)
                if isinstance(item, TrackedImage)
                else report_block(item, lookup_result.policy_config.blocklist)
                for item in decided_scan.selections
            ]
        )
    )


def _report_unread_lists(policy_config: PolicyConfig) -> list[RunFailure]:
    return [
        RunFailure(key, FailureStage.RESOLVE, f"{error}; {UNREAD_LIST}")
        for key, error in policy_config.blocklist.unread
    ]


def _select_images(
    extract_result: ExtractResult, policy_config: PolicyConfig, context: RunContext
) -> tuple[Selection, ...]:
    policy_config = replace(policy_config, repository_rules=extract_result.rules)
    repository_branch = RepositoryBranch(extract_result.repository.name, extract_result.repository.base_branch or "")
    today = context.now.date()
    return tuple(
        add_block_note(
            skip_unknown_registry(policy_config, select_reference(policy_config, repository_branch, reference, today)),
            policy_config.blocklist,
        )
        for reference in extract_result.references
    )


@dataclass(frozen=True, slots=True)
class LookupResult:
    """The results of all registry lookups, from which decisions are computed."""

    tag_listings: TagListings
    resolutions: Mapping[TagRef, Resolution]
    superseded_tags: Mapping[TagRef, SupersededTag]
    """The superseded tags, each with the reason."""
    notes: Mapping[TagRef, str]
    """A sentence about the image of each tag. Decisions do not depend on these sentences."""
    policy_config: PolicyConfig
    now: datetime

    def decide(self, tracked_image: TrackedImage, found: Mapping[TagRef, ResolvedTag] = EMPTY) -> Decision:
        """Return the decision on a tracked image, before the gates check the evidence.

        `found` are lookups whose replacements for blocked digests come only from the history of the repository's files.
        """
        tag_refs = self.tag_listings.list_targets(tracked_image)
        if isinstance(tag_refs, RegistryError):
            unresolved = UnresolvedReference(tracked_image, tag_refs.reason, str(tag_refs))
            return apply_unread_lists(unresolved, self.policy_config.blocklist)
        tracked_image = add_image_note(tracked_image, self.notes.get(tracked_image.tag_ref, ""))
        tracked_image = replace(
            tracked_image, missing_tags_reason=self.tag_listings.explain_missing_tags(tracked_image)
        )
        resolutions = [found.get(tag_ref) or self.resolutions[tag_ref] for tag_ref in tag_refs]
        decision = decide(tracked_image, resolutions, self.now)
        decision = apply_unread_lists(decision, self.policy_config.blocklist)
        if not isinstance(decision, UpToDate):
            return decision
        return replace_if_superseded(
            decision, self.policy_config.end_of_life, self.superseded_tags.get(tracked_image.tag_ref), self.now.date()
        )

    def find_dependencies(self, tracked_images: Iterable[TrackedImage]) -> TagDependencies | None:
        """Return the tags and tag lists on which the decisions on these images depend.

        Return None if some of them could not be read in this run.
        """
        tags: dict[TagRef, Digest] = {}
        tag_lists: dict[str, tuple[str, ...]] = {}
        for tracked_image in tracked_images:
            repository, target_tags = tracked_image.tag_ref.repository, self.tag_listings.list_targets(tracked_image)
            if isinstance(target_tags, RegistryError):
                return None
            for tag_ref in target_tags:
                resolution = self.resolutions[tag_ref]
                if not isinstance(resolution, ResolvedTag):
                    return None
                tags[tag_ref] = resolution.digest
            if get_update_range(tracked_image) is not None:
                if repository not in self.tag_listings.tags_by_repository:
                    return None
                tag_lists[repository] = self.tag_listings.tags_by_repository[repository]
        return TagDependencies(tags, {name: hash_tag_list(listed) for name, listed in tag_lists.items()})


@dataclass(frozen=True, slots=True)
class TagDependencies:
    """The tags and lists of tags on which decisions depend."""

    tags: Mapping[TagRef, Digest]
    """Each tag with the digest that it points to."""
    tag_lists: Mapping[str, str]
    """Hashes of the lists of tags, by repository."""


def run_lookups(
    tracked_images: Sequence[TrackedImage], context: RunContext, policy_config: PolicyConfig
) -> LookupResult:
    """Look up the tags in the files, and the tags to which the policy allows updating a reference.

    For example, if the policy allows minor updates, `nginx:1.25` can be updated to `nginx:1.27`. Therefore, the tags of
    `nginx` are listed, and both `1.25` and `1.27` are looked up. If the update to `1.27` must wait, older tags such as
    `1.26` are looked up, too.

    Raises:
        StateError: If the state cannot be read.
    """
    log, context = context.failures, context.with_new_log()
    known_superseded = context.state.superseded_tags.load({tracked_image.tag_ref for tracked_image in tracked_images})
    tag_listings = list_tags(tracked_images, context, policy_config.end_of_life)
    resolutions = _resolve_lookups(_group_by_lookup(tracked_images, tag_listings), context, policy_config)
    extended = add_fallback_tags(tracked_images, tag_listings, resolutions, context)
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
        resolutions = {**resolutions, **_resolve_lookups(additional_lookups, context, policy_config)}
        tag_listings = extended
    superseded_tags = find_superseded_tags(tag_listings, resolutions, known_superseded, context)
    notes = _note_outdated_bases(resolutions, context, policy_config)
    failures = {each.subject: each for each in context.failures.list_all()}
    log.add(failures.values())  # both lookups can have the same failure, which is reported once
    return LookupResult(tag_listings, resolutions, superseded_tags, notes, policy_config, context.now)


def _group_by_lookup(
    tracked_images: Iterable[TrackedImage], tag_listings: TagListings
) -> dict[TagLookup, list[TrackedImage]]:
    """Return all needed tag lookups, each with the tracked images that need the result of this lookup."""
    images_by_lookup: dict[TagLookup, list[TrackedImage]] = defaultdict(list)
    for tracked_image in tracked_images:
        for lookup in _list_lookups(tracked_image, tag_listings):
            images_by_lookup[lookup].append(tracked_image)
    return images_by_lookup


def _resolve_lookups(
    images_by_lookup: Mapping[TagLookup, list[TrackedImage]], context: RunContext, policy_config: PolicyConfig
) -> Mapping[TagRef, Resolution]:
    def is_any_held(lookup: TagLookup, resolved: ResolvedTag) -> bool:
        return any(is_held(tracked_image, resolved, context.now) for tracked_image in images_by_lookup[lookup])

    return resolve_tags(images_by_lookup, context, policy_config, is_any_held)


def _note_outdated_bases(
    resolutions: Mapping[TagRef, Resolution], context: RunContext, policy_config: PolicyConfig
) -> Mapping[TagRef, str]:
    """Return a sentence for each tag whose image was built on an outdated base image.

    An image can state the tag and the digest of its base image in annotations. The base image is outdated if this tag
    now points to another image. A tag is left out if its image states no base image, or if the base image is up to
    date, is in an unknown registry, or could not be looked up.
    """
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
                else _resolve_base(tag_ref, used_digests, resolution, context.registry)
            )
        return None

    resolved_bases = dict(zip(base_tags, context.registry_pool.map(resolve_base, base_tags), strict=True))
    return {
        tag_ref: describe_outdated_base(base)
        for tag_ref, base in bases.items()
        if (now := resolved_bases.get(base.tag_ref)) and is_base_outdated(base, now)
    }


def _resolve_base(
    tag_ref: TagRef, used_digests: Iterable[Digest], resolved_before: ResolvedTag | None, registry: Registry
) -> ResolvedTag:
    """Look up the tag of a base image, to find the images that were built on an outdated base image.

    If the tag points to another digest than an image was built on, the manifest of the tag is fetched, too. The
    manifest shows whether the tag is an index that contains the digest in `used_digests`. An image that was built on a
    digest in this index is up to date.

    Args:
        tag_ref: The tag of the base image.
        used_digests: The digests of the base image on which images were built.
        resolved_before: The result of an earlier lookup of the tag in this run; None if there was no such lookup.
        registry: The registry client.

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
    pinned_digest, min_age = tracked_image.reference.image.digest, tracked_image.policy.min_age
    names_platforms = bool(tracked_image.policy.platforms) or tracked_image.reference.platform is not None
    return [
        TagLookup(tag_ref, pinned_digest, min_age, tag_ref == tracked_image.tag_ref, names_platforms)
        for tag_ref in tag_refs
    ]
