"""List the tags of repositories, and determine the tags to which each reference may be updated.

For example, a file contains `nginx:1.25`, and the policy allows minor updates. The newest allowed tag, `1.27`, is then
the first target of the reference. If the update to `1.27` is held, older tags such as `1.26` become targets as well.
These older tags are called fallback tags.

This module also determines which tags are superseded, which means that they receive no further updates. Because this
costs requests, a run checks only some tags (watched tags), and uses stored results for the others.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import accumulate
from math import ceil

from bot.core.choice.decide import decide
from bot.core.choice.end_of_life import determine_superseded, find_configured_eol
from bot.core.choice.tags import TagEnding, can_be_superseded, find_tag_ending
from bot.core.choice.targets import UpdateRange, get_update_range, list_fallback_tags, list_target_tags
from bot.model.cost_limits import MAX_TAG_COMPARISONS
from bot.model.decision import BlockedReference, HeldUpdate, ImageUpdate, TrackedImage, UpdateCause, UpToDate
from bot.model.errors import RegistryError
from bot.model.history import SupersededTag
from bot.model.hosts import has_lifecycle_data, is_acr
from bot.model.image import Resolution, ResolvedTag, UnresolvedTag
from bot.model.image_name import Digest, TagRef
from bot.model.phases import ProgressStep
from bot.model.report import RunFailure
from bot.model.rules import ConfiguredEndOfLife
from bot.model.vocabulary import FailureStage, Reason
from bot.pipeline.failures import RegistryFailures
from bot.pipeline.run_context import RunContext
from bot.registry_ports import RegistryFacts


class TagListCollection:
    """The tags of each repository of a run. Threads share the object.

    All lists together have at most MAX_TAG_COMPARISONS tags. Each tag is compared at least once, so more tags would not
    be compared anyway. If there are more, the longest lists are dropped, so that a repository with very many tags
    excludes no others. The result does not depend on the order in which the lists arrive.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tag_count = 0
        self.tags_by_repository: dict[str, tuple[str, ...]] = {}
        self.excess: dict[str, RegistryError] = {}
        """An error for each repository whose list was dropped."""

    def add_tags(self, repository: str, tags: tuple[str, ...]) -> None:
        """Add the tags of a repository, and drop the longest lists if there are too many tags now."""
        with self._lock:
            self.tags_by_repository[repository] = tags
            self._tag_count += len(tags)
            while self._tag_count > MAX_TAG_COMPARISONS:
                longest = max(self.tags_by_repository, key=lambda each: (len(self.tags_by_repository[each]), each))
                self._tag_count -= len(self.tags_by_repository.pop(longest))
                self.excess[longest] = make_excess_error(longest)


def make_excess_error(repository: str) -> RegistryError:
    """Return the error for a repository whose tags are not compared, because they are too many."""
    return RegistryError(
        TagRef(repository, "").host,
        Reason.REGISTRY_ERROR,
        f"the tags of {repository} were not compared with the tags in files, because all images of the run together "
        f"need more than {MAX_TAG_COMPARISONS} comparisons; hint: set `update: digest` for the image",
        is_failure=False,
    )


WATCHED_SHARE = 10
"""The share of tags that each run checks for being superseded: 10 means a tenth of the tags.

The checks therefore cost little in a run in which no tag was updated.
"""
GOLDEN_RATIO = (5**0.5 - 1) / 2
"""The golden ratio determines which tags are checked on a day. The fractional parts of its multiples are evenly
distributed, and so is every seventh or fourteenth of them. If the tags simply took turns day by day, weekly runs or
runs that pause at weekends would never check some tags."""


@dataclass(frozen=True, slots=True)
class TagListings:
    """The tags of repositories, and the tags to which references may be updated.

    An UpdateRange consists of a tag in a file and the policy settings that limit its updates, such as "minor updates of
    `nginx:1.25`". References with equal ranges may be updated to the same tags.
    """

    target_tags: Mapping[UpdateRange, tuple[TagRef, ...]]
    """The tags to which references may be updated, newest first. Repositories whose tags could not be listed are
    missing."""
    tags_by_repository: Mapping[str, tuple[str, ...]]
    """The tags of each repository that could be listed."""
    numbered_repositories: frozenset[str]
    """Repositories in which a number after a tag is a patch number: `3.11-1` is then a patch of `3.11`."""
    successors: Mapping[UpdateRange, str | None]
    """The successor that the config sets for a tag past its end of life; None if the config sets no successor."""
    endings_by_tag: Mapping[TagRef, TagEnding | None]
    """For each tag, the evidence in its repository's tag list that the tag is superseded; None without evidence.

    Tags of repositories that could not be listed are missing.
    """
    errors_by_repository: Mapping[str, RegistryError]
    """The errors of repositories whose tags could not be listed."""
    watched_tags: tuple[TagRef, ...]
    """The tags that this run checks for being superseded."""

    def list_targets(self, tracked_image: TrackedImage) -> tuple[TagRef, ...] | RegistryError:
        """Return the tags to which a reference may be updated, newest first. The last one is the tag in the file.

        Return only the tag in the file if the policy does not allow other tags, or if the registry does not permit
        listing the tags. Return the error if the tags could not be listed for another reason, such as a timeout.
        """
        update_range = get_update_range(tracked_image)
        if update_range is None or self.explain_missing_tags(tracked_image):
            return (tracked_image.tag_ref,)
        return self.errors_by_repository.get(update_range.tag_ref.repository) or self.target_tags[update_range]

    def list_fallback_tags(self, update_range: UpdateRange) -> tuple[TagRef, ...]:
        """Return the tags to try if a reference cannot be updated to the newest allowed tag, newest first."""
        tags = list_fallback_tags(update_range, self.tags_by_repository[update_range.tag_ref.repository])
        return tuple(TagRef(update_range.tag_ref.repository, tag) for tag in tags)

    def add_fallback_tags(self, fallback_tags: Mapping[UpdateRange, tuple[str, ...]]) -> TagListings:
        """Return a copy of the listings in which references may also be updated to `fallback_tags`."""
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
            has_patch_numbers=is_numbered,
            configured_successor=successor,
            fallback_tags=fallback_tags,
        )

    def explain_missing_tags(self, tracked_image: TrackedImage) -> str:
        """Return a sentence that says why newer tags cannot be listed, for example because the registry denies access.

        Return an empty string if the tags were listed, if the policy does not allow other tags, or if the error may be
        temporary, such as a timeout.
        """
        error = self.errors_by_repository.get(tracked_image.tag_ref.repository)
        if error is None or get_update_range(tracked_image) is None:
            return ""
        is_permanent = error.reason is Reason.DENIED or not error.is_failure
        return f"Newer tags could not be listed: {error}" if is_permanent else ""


def list_tags(
    tracked_images: Sequence[TrackedImage], context: RunContext, configured_ends: tuple[ConfiguredEndOfLife, ...]
) -> TagListings:
    """List the tags of each repository for which this run needs them.

    A repository's tags are needed if the policy allows updating a reference to another tag, or if this run checks
    whether a tag of the repository is superseded (watched tags).

    `configured_ends` are the end-of-life dates in the config. If such a date names a successor, references with the
    ended tag are updated to the successor.
    """
    today = context.now.date()
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
    collection = TagListCollection()
    errors = _fetch_tag_lists(repositories, updatable_repositories, context, collection)
    counts = Counter(tag_ref.repository for tag_ref in tag_refs)
    counts.update(update_range.tag_ref.repository for update_range in update_ranges)
    excess = {**collection.excess, **_find_excess(collection.tags_by_repository, counts)}
    context.failures.add(RunFailure(each, FailureStage.RESOLVE, str(error)) for each, error in excess.items())
    errors = {**errors, **excess}
    tags = {repository: tags for repository, tags in collection.tags_by_repository.items() if repository not in excess}
    numbered_repositories = frozenset(
        each for each in updatable_repositories if is_acr(context.registry.get_origin(TagRef(each, "")).host)
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
            for tag_ref in sorted(tag_refs)
            if tag_ref.repository in tags
        },
        errors_by_repository=errors,
        watched_tags=watched_tags,
    )
    return tag_listings.add_fallback_tags(
        {
            update_range: ()
            for update_range in sorted(update_ranges, key=lambda each: each.tag_ref)
            if update_range.tag_ref.repository in tags
        }
    )


def _find_excess(
    tags_by_repository: Mapping[str, tuple[str, ...]], counts: Mapping[str, int]
) -> Mapping[str, RegistryError]:
    """Return an error for each repository whose tags are not compared, because they are too many.

    Each tag in files is compared with all tags of its repository. Repositories that need few comparisons come first, so
    that a repository with very many tags excludes no others.

    Args:
        tags_by_repository: The tags of each repository.
        counts: How many tags in files, and update ranges of these tags, there are for each repository.
    """
    costs = {repository: len(tags) * counts[repository] for repository, tags in tags_by_repository.items()}
    ordered = sorted(costs, key=lambda repository: (costs[repository], repository))
    totals = accumulate(costs[repository] for repository in ordered)
    return {
        repository: make_excess_error(repository)
        for repository, total in zip(ordered, totals, strict=True)
        if total > MAX_TAG_COMPARISONS
    }


def _fetch_tag_lists(
    repositories: Sequence[str],
    updatable_repositories: Collection[str],
    context: RunContext,
    collection: TagListCollection,
) -> Mapping[str, RegistryError]:
    """Add the tags of each repository to `collection`. Return the errors by repository.

    `updatable_repositories` are those with references that may be updated to another tag. An error in one of them is
    reported as a failure, because it prevents such updates. An error in any other repository is not reported, because
    it only prevents a check for superseded tags.
    """
    registry, registry_failures = context.registry, RegistryFailures()

    def fetch_tags(repository: str) -> RegistryError | None:
        if repository in context.known_lookups.tag_lists:
            collection.add_tags(repository, context.known_lookups.tag_lists[repository])
            return None
        try:
            registry_failures.raise_if_unreachable(registry.get_origin(TagRef(repository, "")).host)
            collection.add_tags(repository, registry.list_tags(repository))
        except RegistryError as error:
            if repository in updatable_repositories:
                registry_failures.record_error(error.host, error)
            return error
        return None

    answers = context.registry_pool.run_phase(ProgressStep.LIST_TAGS, fetch_tags, repositories, context.progress)
    context.failures.add(registry_failures.list_failures())
    return {each: error for each, error in zip(repositories, answers, strict=True) if error is not None}


def _choose_watched_tags(tag_refs: Iterable[TagRef], today: date) -> Iterable[TagRef]:
    """Return the tags for which this run checks whether they are superseded.

    The result contains at most about a tenth of all tags, because the checks cost requests. The choice changes from day
    to day, so that each tag is checked at some time.
    """
    ordered = sorted(tag_refs)
    endable = [tag_ref for tag_ref in ordered if can_be_superseded(tag_ref.tag) or has_lifecycle_data(tag_ref.host)]
    share = min(ceil(len(ordered) / WATCHED_SHARE), len(endable))
    if not share:
        return ()
    first = int(today.toordinal() * GOLDEN_RATIO % 1 * len(endable))
    return [*endable, *endable][first : first + share]


MAX_FALLBACK_TAGS = 3
"""The maximum number of older tags that are looked up. It is rare that several in a row are held or do not exist."""


def add_fallback_tags(
    tracked_images: Iterable[TrackedImage],
    tag_listings: TagListings,
    resolutions: Mapping[TagRef, Resolution],
    context: RunContext,
) -> TagListings:
    """Add fallback tags (older allowed tags) for the references that cannot be updated to the newest allowed tag.

    If the policy requires a minimum age, a tag that basebump first observed too recently is not added. In Azure
    registries, such a tag is added nevertheless, because the push time that Azure records may show that the tag is old
    enough.

    Raises:
        StateError: If the state cannot be read.
    """
    now = context.now
    ages: dict[UpdateRange, timedelta] = {}
    for tracked_image in tracked_images:
        update_range = get_update_range(tracked_image)
        if update_range is not None and _needs_fallback(tracked_image, tag_listings, resolutions, now):
            ages[update_range] = min(tracked_image.policy.min_age, ages.get(update_range, tracked_image.policy.min_age))
    fallback_tags = {update_range: tag_listings.list_fallback_tags(update_range) for update_range in ages}
    observations = context.state.lookups.load_observations(
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
    """Return True if a reference cannot be updated to the newest allowed tag, so that older tags must be looked up.

    For example, the update is held, or the new tag is too young. If the registry could not be reached, return False,
    because a later run may be able to use the newest tag.
    """
    tag_refs = tag_listings.list_targets(tracked_image)
    if isinstance(tag_refs, RegistryError) or len(tag_refs) == 1:
        return False
    decision = decide(tracked_image, [resolutions[tag_ref] for tag_ref in tag_refs], now)
    match decision:
        case HeldUpdate():
            return True
        case ImageUpdate(candidates=candidates, cause=cause):
            return cause not in {UpdateCause.GONE, UpdateCause.BLOCKED} and all(
                candidate.tag is None or candidate.matures_at is not None for candidate in candidates
            )
        case UpToDate():
            newest = resolutions[tag_refs[0]]
            return isinstance(newest, UnresolvedTag) or newest.digest in newest.blocks
        case BlockedReference():
            return True
        case _:
            return False


def find_superseded_tags(
    tag_listings: TagListings,
    resolutions: Mapping[TagRef, Resolution],
    known_superseded: Mapping[TagRef, SupersededTag],
    context: RunContext,
) -> Mapping[TagRef, SupersededTag]:
    """Determine which tags are superseded, and store the results for later runs.

    A tag is superseded for one of two reasons: a newer tag in the repository takes its place, or the end-of-life date
    that its publisher announces has passed. The result of an earlier run is in `known_superseded`. If this run did not
    or could not check the same reason again, the earlier result remains valid as long as the tag points to the same
    digest.
    """
    tag_digests = {tag_ref: entry.digest for tag_ref, entry in resolutions.items() if isinstance(entry, ResolvedTag)}
    announced_dates = dict(_fetch_announced_dates(tag_listings.watched_tags, tag_digests, context.registry_facts))
    superseded: dict[TagRef, SupersededTag] = {}
    changes: dict[TagRef, SupersededTag | None] = {}
    for tag_ref, digest in tag_digests.items():
        known_entry = known_superseded.get(tag_ref)
        entry = determine_superseded(
            digest, tag_listings.endings_by_tag.get(tag_ref), announced_dates.get(tag_ref), context.now.date()
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
    with context.failures.note_state_error(FailureStage.RESOLVE):
        context.state.superseded_tags.record(changes, context.now)
    return superseded


def _fetch_announced_dates(
    watched_tags: Iterable[TagRef], tag_digests: Mapping[TagRef, Digest], facts: RegistryFacts
) -> Iterator[tuple[TagRef, date | None]]:
    """Yield each watched tag with the end-of-life date that its publisher announces; None if there is no such date.

    If the request for a tag's date fails, the tag is left out, and no failure is reported, because the dates are only
    hints.
    """
    for tag_ref in watched_tags:
        if tag_ref in tag_digests and has_lifecycle_data(tag_ref.host):
            with suppress(RegistryError):
                yield tag_ref, facts.fetch_end_of_life(tag_ref, tag_digests[tag_ref])
