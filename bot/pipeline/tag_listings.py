"""List the tags of repositories, and determine the tags to which each reference may be updated.

If the newest of them is not available, older ones are offered. Superseded tags are found by checks in this run, or
taken from the results of earlier runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import ceil

from bot.core.choice.decide import decide
from bot.core.choice.end_of_life import determine_superseded, find_configured_eol
from bot.core.choice.tags import TagEnding, can_be_superseded, find_tag_ending
from bot.core.choice.targets import UpdateRange, get_update_range, list_fallback_tags, list_target_tags
from bot.model.decision import HeldUpdate, ImageUpdate, TrackedImage, UpdateCause, UpToDate
from bot.model.errors import RegistryError, StateError
from bot.model.history import SupersededTag
from bot.model.hosts import has_lifecycle_data, is_acr
from bot.model.image import Resolution, ResolvedTag, UnresolvedTag
from bot.model.reference import Digest, TagRef
from bot.model.report import RunFailure
from bot.model.rules import ConfiguredEndOfLife
from bot.model.vocabulary import FailureStage, Reason
from bot.pipeline.registry_failures import STATE_SUBJECT, RegistryFailures
from bot.pipeline.resolve_tags import LookupClients
from bot.pipeline.worker_pool import WorkerPool
from bot.ports import ProgressReporter, Registry, RegistryFacts, StateStore, SupersededStore

WATCHED_SHARE = 10
"""One of this many tags is checked in each run for whether it is superseded, so that the checks cost little if no tag
was updated."""
GOLDEN_RATIO = (5**0.5 - 1) / 2
"""Multiples of it are evenly distributed, also every seventh or fourteenth of them. If turns were counted in days, runs
that are weekly or pause at weekends would never check some tags."""


@dataclass(frozen=True, slots=True)
class TagListings:
    """The tags of repositories and the conclusions from them, computed once for each tag and policy."""

    target_tags: Mapping[UpdateRange, tuple[TagRef, ...]]
    """Tags to update to, the newest first, for references whose repository's tags could be listed."""
    tags_by_repository: Mapping[str, tuple[str, ...]]
    """The tags of each repository that could be listed."""
    numbered_repositories: frozenset[str]
    """Repositories in which a bare number after a tag is a patch number."""
    successors: Mapping[UpdateRange, str | None]
    """The successor that the config sets for a tag that has reached its end of life."""
    endings_by_tag: Mapping[TagRef, TagEnding | None]
    """Whether the tags of the repository show that a tag is superseded; only for repositories that could be listed."""
    errors_by_repository: Mapping[str, RegistryError]
    """Why the tags of a repository could not be listed."""
    watched_tags: tuple[TagRef, ...]
    """The tags whose turn it is to be checked for whether they are superseded."""
    failures: tuple[RunFailure, ...]

    def list_targets(self, tracked_image: TrackedImage) -> tuple[TagRef, ...] | RegistryError:
        """Return the tags to which a reference may be updated, newest first; the tag in the file is the last one."""
        update_range = get_update_range(tracked_image)
        if update_range is None or self.explain_missing_tags(tracked_image):
            return (tracked_image.tag_ref,)
        return self.errors_by_repository.get(update_range.tag_ref.repository) or self.target_tags[update_range]

    def list_fallback_tags(self, update_range: UpdateRange) -> tuple[TagRef, ...]:
        """Return older tags to update to if the newest one is not available, newest first."""
        tags = list_fallback_tags(update_range, self.tags_by_repository[update_range.tag_ref.repository])
        return tuple(TagRef(update_range.tag_ref.repository, tag) for tag in tags)

    def add_fallback_tags(self, fallback_tags: Mapping[UpdateRange, tuple[str, ...]]) -> TagListings:
        """Return the listings with additional tags to update to."""
        target_tags = {
            update_range: self._compute_targets(update_range, tags) for update_range, tags in fallback_tags.items()
        }
        return replace(self, target_tags={**self.target_tags, **target_tags})

    def _compute_targets(self, update_range: UpdateRange, fallback_tags: Sequence[str] = ()) -> tuple[TagRef, ...]:
        repository = update_range.tag_ref.repository
        is_numbered, successor = repository in self.numbered_repositories, self.successors[update_range]
        return list_target_tags(
            update_range,
            self.tags_by_repository[repository],
            counts_patches=is_numbered,
            configured_successor=successor,
            fallback_tags=fallback_tags,
        )

    def explain_missing_tags(self, tracked_image: TrackedImage) -> str:
        """Return why other tags of a reference cannot be listed; empty if they were or may be in another run."""
        error = self.errors_by_repository.get(tracked_image.tag_ref.repository)
        if error is None or get_update_range(tracked_image) is None:
            return ""
        is_permanent = error.reason is Reason.DENIED or not error.is_failure
        return f"Newer tags could not be listed: {error}" if is_permanent else ""


def list_tags(
    tracked_images: Sequence[TrackedImage],
    registry: Registry,
    pool: WorkerPool,
    progress: ProgressReporter,
    configured_ends: tuple[ConfiguredEndOfLife, ...],
    today: date,
) -> TagListings:
    """List the tags of repositories whose references may change tags, and of tags that are checked for an end."""
    update_ranges = {
        update_range
        for tracked_image in tracked_images
        if (update_range := get_update_range(tracked_image)) is not None
    }
    updatable_repositories = {update_range.tag_ref.repository for update_range in update_ranges}
    tag_refs = {tracked_image.tag_ref for tracked_image in tracked_images}
    watched_tags = tuple(_choose_watched_tags(tag_refs, today))
    repositories = sorted(
        updatable_repositories | {tag_ref.repository for tag_ref in watched_tags if can_be_superseded(tag_ref.tag)}
    )
    answers, failed = _fetch_tag_lists(repositories, updatable_repositories, registry, pool, progress)
    errors = {repository: answer for repository, answer in answers.items() if isinstance(answer, RegistryError)}
    tags = {repository: answer for repository, answer in answers.items() if not isinstance(answer, RegistryError)}
    numbered_repositories = frozenset(
        each for each in updatable_repositories if is_acr(registry.get_origin(TagRef(each, "")).host)
    )
    configured = {
        update_range: find_configured_eol(update_range.tag_ref, configured_ends, today)
        for update_range in update_ranges
    }
    tag_listings = TagListings(
        target_tags={},
        tags_by_repository=tags,
        numbered_repositories=numbered_repositories,
        successors={
            update_range: end.successor if end is not None else None for update_range, end in configured.items()
        },
        endings_by_tag={
            tag_ref: find_tag_ending(tag_ref.tag, tags[tag_ref.repository])
            for tag_ref in tag_refs
            if tag_ref.repository in tags
        },
        errors_by_repository=errors,
        watched_tags=watched_tags,
        failures=failed,
    )
    return tag_listings.add_fallback_tags(
        {update_range: () for update_range in update_ranges if update_range.tag_ref.repository in tags}
    )


def _fetch_tag_lists(
    repositories: Sequence[str],
    updatable_repositories: Collection[str],
    registry: Registry,
    pool: WorkerPool,
    progress: ProgressReporter,
) -> tuple[Mapping[str, tuple[str, ...] | RegistryError], tuple[RunFailure, ...]]:
    """List the tags of each repository; an error is a failure only for `updatable_repositories`."""
    registry_failures = RegistryFailures()
    progress.start_phase("Listing tags", len(repositories))

    def fetch_tags(repository: str) -> tuple[str, ...] | RegistryError:
        try:
            registry_failures.raise_if_unreachable(registry.get_origin(TagRef(repository, "")).host)
            return registry.list_tags(repository)
        except RegistryError as error:
            if repository in updatable_repositories:
                registry_failures.record_error(error.host, error)
            return error
        finally:
            progress.advance()

    answers = dict(zip(repositories, pool.map(fetch_tags, repositories), strict=True))
    progress.finish_phase()
    return answers, tuple(registry_failures.list_failures())


def _choose_watched_tags(tag_refs: Iterable[TagRef], today: date) -> Iterable[TagRef]:
    """Return the tags whose turn it is today."""
    ordered = sorted(tag_refs)
    endable = [tag_ref for tag_ref in ordered if can_be_superseded(tag_ref.tag) or has_lifecycle_data(tag_ref.host)]
    share = min(ceil(len(ordered) / WATCHED_SHARE), len(endable))
    if not share:
        return ()
    first = int(today.toordinal() * GOLDEN_RATIO % 1 * len(endable))
    return [*endable, *endable][first : first + share]


MAX_FALLBACK_TAGS = 3
"""Fallback tags that are looked up; it is rare that several in a row are held or do not exist."""


def add_fallback_tags(
    tracked_images: Iterable[TrackedImage],
    tag_listings: TagListings,
    resolutions: Mapping[TagRef, Resolution],
    state_store: StateStore,
    now: datetime,
) -> TagListings:
    """Return the listings with fallback tags for references that cannot be updated to the newest tag.

    If a rule requires an age, only tags are added that an earlier run observed that long ago, when they were the newest
    ones. Other tags would be too young, unless their registry records when they were pushed.

    Raises:
        StateError: If the state cannot be read.
    """
    ages: dict[UpdateRange, timedelta] = {}
    for tracked_image in tracked_images:
        update_range = get_update_range(tracked_image)
        if update_range is not None and _needs_fallback(tracked_image, tag_listings, resolutions, now):
            ages[update_range] = min(tracked_image.policy.min_age, ages.get(update_range, tracked_image.policy.min_age))
    fallback_tags = {update_range: tag_listings.list_fallback_tags(update_range) for update_range in ages}
    observations = state_store.load_observations(
        {tag_ref for update_range, tag_refs in fallback_tags.items() if ages[update_range] for tag_ref in tag_refs}
    )
    first_seen = {
        tag_ref: min(each.first_seen for each in tag_observations) for tag_ref, tag_observations in observations.items()
    }

    def may_be_old_enough(update_range: UpdateRange, tag_ref: TagRef) -> bool:
        age = ages[update_range]
        return not age or is_acr(tag_ref.host) or first_seen.get(tag_ref, now) + age <= now

    eligible_tags = {
        update_range: tuple(tag_ref.tag for tag_ref in tag_refs if may_be_old_enough(update_range, tag_ref))[
            :MAX_FALLBACK_TAGS
        ]
        for update_range, tag_refs in fallback_tags.items()
    }
    return tag_listings.add_fallback_tags(eligible_tags)


def _needs_fallback(
    tracked_image: TrackedImage, tag_listings: TagListings, resolutions: Mapping[TagRef, Resolution], now: datetime
) -> bool:
    """Return True if a reference cannot be updated to any looked-up tag, and the cause is not a temporary failure."""
    tag_refs = tag_listings.list_targets(tracked_image)
    if isinstance(tag_refs, RegistryError) or len(tag_refs) == 1:
        return False
    decision = decide(tracked_image, [resolutions[tag_ref] for tag_ref in tag_refs], now)
    match decision:
        case HeldUpdate():
            return True
        case ImageUpdate(candidates=candidates, cause=cause):
            return cause is not UpdateCause.GONE and all(
                candidate.tag is None or candidate.matures_at is not None for candidate in candidates
            )
        case UpToDate():
            return isinstance(resolutions[tag_refs[0]], UnresolvedTag)
        case _:
            return False


@dataclass(frozen=True, slots=True)
class SupersededTags:
    """The superseded tags, and the failures."""

    by_tag: Mapping[TagRef, SupersededTag]
    failures: tuple[RunFailure, ...]


def find_superseded_tags(
    tag_listings: TagListings,
    resolutions: Mapping[TagRef, Resolution],
    known_superseded: Mapping[TagRef, SupersededTag],
    clients: LookupClients,
    now: datetime,
) -> SupersededTags:
    """Check the tags whose turn it is, and store the results for runs that do not check them.

    A stored result (`known_superseded`) remains valid until the same source is checked again or the tag is updated.
    Tags and publishers are checked in turns, and a source that does not answer does not revoke its earlier answer.
    """
    tag_digests = {tag_ref: entry.digest for tag_ref, entry in resolutions.items() if isinstance(entry, ResolvedTag)}
    announced_dates = dict(_fetch_announced_dates(tag_listings.watched_tags, tag_digests, clients.registry_facts))
    superseded: dict[TagRef, SupersededTag] = {}
    changes: dict[TagRef, SupersededTag | None] = {}
    for tag_ref, digest in tag_digests.items():
        known_entry = known_superseded.get(tag_ref)
        entry = determine_superseded(
            digest, tag_listings.endings_by_tag.get(tag_ref), announced_dates.get(tag_ref), now.date()
        )
        is_announced = known_entry is not None and known_entry.reason is Reason.END_OF_LIFE
        was_checked = tag_ref in announced_dates if is_announced else tag_ref in tag_listings.endings_by_tag
        if (
            known_entry is not None
            and known_entry.digest == digest
            and not was_checked
            and (entry is None or is_announced)
        ):
            entry = known_entry
        elif entry is not None or known_entry is not None:
            changes[tag_ref] = entry
        if entry is not None:
            superseded[tag_ref] = entry
    return SupersededTags(superseded, tuple(_record_changes(clients.superseded_store, changes, now)))


def _fetch_announced_dates(
    watched_tags: Iterable[TagRef], tag_digests: Mapping[TagRef, Digest], facts: RegistryFacts
) -> Iterator[tuple[TagRef, date | None]]:
    """Yield the end-of-life dates that publishers announce; they are hints, so that errors are ignored."""
    for tag_ref in watched_tags:
        if tag_ref in tag_digests and has_lifecycle_data(tag_ref.host):
            with suppress(RegistryError):
                yield tag_ref, facts.fetch_end_of_life(tag_ref, tag_digests[tag_ref])


def _record_changes(
    superseded_store: SupersededStore, changes: Mapping[TagRef, SupersededTag | None], now: datetime
) -> Iterator[RunFailure]:
    try:
        superseded_store.record(changes, now)
    except StateError as error:
        yield RunFailure(STATE_SUBJECT, FailureStage.RESOLVE, str(error))
