"""Offer older tags if the newest tag that a reference may be updated to is not available."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from bot.core.choice.decide import decide
from bot.core.choice.targets import UpdateRange, get_update_range
from bot.model.decision import HeldUpdate, ImageUpdate, TrackedImage, UpdateCause, UpToDate
from bot.model.errors import RegistryError
from bot.model.hosts import is_acr
from bot.model.image import Resolution, UnresolvedTag
from bot.model.reference import TagRef
from bot.pipeline.tag_listings import TagListings
from bot.ports import StateStore

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
