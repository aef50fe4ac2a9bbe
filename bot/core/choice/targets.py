"""Update targets: the tags of a repository that an image reference may be updated to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.choice.tags import find_newest_patch, find_successor, find_successors, find_tag_ending, is_same_family
from bot.model.decision import TrackedImage
from bot.model.modes import UpdateMode
from bot.model.reference import TagRef
from bot.model.source import EditSlot

MAX_FALLBACK_TAGS = 20
"""Limit for the tags to try before giving up. A product with a release on each working day has about 20 in a month."""

_BEYOND_DIGEST = frozenset({UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR})


@dataclass(frozen=True, slots=True)
class UpdateRange:
    """How far a tag may be updated. Equal for all references to a tag whose policies agree on this."""

    tag_ref: TagRef
    update: UpdateMode
    os_variants: bool
    replace_ended: bool


def get_update_range(tracked_image: TrackedImage) -> UpdateRange | None:
    """Return how far a reference may be updated.

    Return None if its policy does not allow changing the tag, or if the tag is missing or not editable.
    """
    policy, occurrence = tracked_image.policy, tracked_image.occurrence
    may_change_tag = policy.update in _BEYOND_DIGEST or policy.replace_ended
    if not may_change_tag or not isinstance(occurrence.tag_slot, EditSlot) or occurrence.reference.tag is None:
        return None
    return UpdateRange(tracked_image.tag_ref, policy.update, policy.os_variants, policy.replace_ended)


def list_target_tags(
    update_range: UpdateRange,
    available_tags: Sequence[str],
    *,
    counts_patches: bool,
    configured_successor: str | None = None,
    fallback_tags: Sequence[str] = (),
) -> tuple[TagRef, ...]:
    """Return the tags that `update_range` allows, the farthest update first and the tag in the file last.

    `available_tags` are all tags of the repository. `counts_patches` says whether a bare number at the end of a tag
    counts patches of the tag without this number. `configured_successor` comes from an `end_of_life` entry of the
    config. An entry may match many tags, so its successor is used only if it exists and is in the same tag family.
    `fallback_tags` are those results of `list_fallback_tags` that are to be tried as well.
    """
    written_tag = update_range.tag_ref
    tags: list[str | None] = []
    if update_range.update in _BEYOND_DIGEST:
        goal = find_successor(
            written_tag.tag, available_tags, update_range.update, allow_os_variants=update_range.os_variants
        )
        for each in (goal, *fallback_tags):
            tags += [find_newest_patch(each, available_tags, counts_patches=counts_patches) if each else None, each]
        tags.append(find_newest_patch(written_tag.tag, available_tags, counts_patches=counts_patches))
    if update_range.replace_ended:
        tags.append(_find_successor(written_tag.tag, available_tags, configured_successor))
    tag_refs = [TagRef(written_tag.repository, tag) for tag in tags if tag is not None]
    return tuple(dict.fromkeys((*tag_refs, written_tag)))


def list_fallback_tags(update_range: UpdateRange, available_tags: Sequence[str]) -> tuple[str, ...]:
    """Return the tags to try if the farthest tag has no usable image, the farthest first.

    The result is empty if the tag may not change.
    """
    if update_range.update not in _BEYOND_DIGEST:
        return ()
    return find_successors(
        update_range.tag_ref.tag, available_tags, update_range.update, allow_os_variants=update_range.os_variants
    )[1 : MAX_FALLBACK_TAGS + 1]


def _find_successor(tag: str, available_tags: Sequence[str], configured_successor: str | None) -> str | None:
    if configured_successor is not None:
        return (
            configured_successor
            if configured_successor in available_tags and is_same_family(tag, configured_successor)
            else None
        )
    ending = find_tag_ending(tag, available_tags)
    return ending.successor if ending is not None else None
