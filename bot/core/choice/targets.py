"""Update targets: the tags of a repository that an image reference may be updated to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.choice.tags import find_newest_patch, find_successor, find_successors, find_tag_ending, is_same_family
from bot.model.decision import TrackedImage
from bot.model.image_name import TagRef
from bot.model.modes import UpdateMode
from bot.model.source import EditSlot

MAX_FALLBACK_TAGS = 20
"""The maximum number of tags to try before giving up.

A product with a release on each working day has about 20 in a month.
"""

_BEYOND_DIGEST = frozenset({UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR})


@dataclass(frozen=True, slots=True)
class UpdateRange:
    """A tag, and the settings of a policy that limit to which tags it may be updated.

    References with the same tag and the same settings have equal ranges, so their update targets are computed only
    once.
    """

    tag_ref: TagRef
    update: UpdateMode
    os_variants: bool
    replace_ended: bool


def get_update_range(tracked_image: TrackedImage) -> UpdateRange | None:
    """Return the tag of a reference, and the limits for its updates.

    Return None if the policy does not allow changing the tag, if there is no tag, or if the tag cannot be edited.
    """
    policy, reference = tracked_image.policy, tracked_image.reference
    may_change_tag = policy.update in _BEYOND_DIGEST or policy.replace_ended
    if not may_change_tag or not isinstance(reference.tag_slot, EditSlot) or reference.image.tag is None:
        return None
    return UpdateRange(tracked_image.tag_ref, policy.update, policy.os_variants, policy.replace_ended)


def list_target_tags(
    update_range: UpdateRange,
    available_tags: Sequence[str],
    *,
    has_patch_numbers: bool,
    configured_successor: str | None = None,
    fallback_tags: Sequence[str] = (),
) -> tuple[TagRef, ...]:
    """Return the tags that a reference may be updated to, most preferred first. The tag in the file comes last.

    Args:
        update_range: The tag in the file, and the limits for its updates.
        available_tags: All tags of the repository.
        has_patch_numbers: True if a tag such as `3.11-1` is a patch of `3.11` in this repository.
        configured_successor: The successor in the `end_of_life` entry of the config that matches the tag. One entry may
            match many tags, so the successor is used only if it exists and is in the same tag family as the tag.
        fallback_tags: Older tags to try if the newest tag cannot be used (see `list_fallback_tags`).
    """
    written_tag = update_range.tag_ref
    tags: list[str | None] = []
    if update_range.update in _BEYOND_DIGEST:
        goal = find_successor(
            written_tag.tag, available_tags, update_range.update, allow_os_variants=update_range.os_variants
        )
        for each in (goal, *fallback_tags):
            tags += [
                find_newest_patch(each, available_tags, has_patch_numbers=has_patch_numbers) if each else None,
                each,
            ]
        tags.append(find_newest_patch(written_tag.tag, available_tags, has_patch_numbers=has_patch_numbers))
    if update_range.replace_ended:
        tags.append(_find_successor(written_tag.tag, available_tags, configured_successor))
    tag_refs = [TagRef(written_tag.repository, tag) for tag in tags if tag is not None]
    return tuple(dict.fromkeys((*tag_refs, written_tag)))


def list_fallback_tags(update_range: UpdateRange, available_tags: Sequence[str]) -> tuple[str, ...]:
    """Return the tags to try if the newest allowed tag cannot be used, newest first.

    The result is empty if the policy allows only updates of the digest.
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
