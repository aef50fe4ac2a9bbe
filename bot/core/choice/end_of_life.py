"""End of life: a reference that is up to date becomes `superseded` if its tag receives no further updates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from bot.core.globs import is_glob_match
from bot.model.decision import SupersededReference, UpToDate
from bot.model.history import SupersededTag
from bot.model.image_name import Digest, TagRef
from bot.model.vocabulary import Reason

if TYPE_CHECKING:  # not imported at run time, to keep start-up fast
    from bot.core.choice.tags import TagEnding
    from bot.model.rules import ConfiguredEndOfLife


def replace_if_superseded(
    decision: UpToDate,
    configured_ends: Iterable[ConfiguredEndOfLife],
    superseded_tag: SupersededTag | None,
    today: date,
) -> UpToDate | SupersededReference:
    """Return a `SupersededReference` if the tag is past its end of life or superseded; otherwise `decision`.

    `configured_ends` are the `end_of_life` entries of the operator's config, which take precedence. `superseded_tag` is
    the result of the last check with `determine_superseded`, which may have been made in an earlier run. It is None if
    that check did not find the tag to be superseded.
    """
    configured_end = find_configured_eol(decision.tracked_image.tag_ref, configured_ends, today)
    if configured_end is not None:
        return SupersededReference(
            decision.tracked_image,
            Reason.END_OF_LIFE,
            describe_configured_eol(configured_end),
            configured_end.successor,
        )
    if superseded_tag is None:
        return decision
    return SupersededReference(
        decision.tracked_image, superseded_tag.reason, superseded_tag.detail, superseded_tag.successor
    )


def determine_superseded(
    digest: Digest, tag_ending: TagEnding | None, announced_end: date | None, today: date
) -> SupersededTag | None:
    """Return the reason that a tag is superseded, and its successor; None if nothing shows that it is.

    If the day `announced_end` has passed, the reason is that the publisher no longer supports the tag. If it has not
    passed, or if no day was announced (None), the reason comes from `tag_ending`.

    `tag_ending` is the result of `find_tag_ending`, which compares the names of the repository's tags. The successor
    always comes from `tag_ending`. `digest` is the digest that the tag points to.
    """
    if announced_end is not None and announced_end < today:
        successor = tag_ending.successor if tag_ending is not None else None
        return SupersededTag(digest, Reason.END_OF_LIFE, f"its publisher ended it on {announced_end}", successor)
    if tag_ending is None:
        return None
    return SupersededTag(digest, tag_ending.reason, f"`{tag_ending.successor}` comes after it", tag_ending.successor)


def describe_configured_eol(configured_end: ConfiguredEndOfLife) -> str:
    """Return a phrase with the date and the successor of an `end_of_life` entry, to show with a decision."""
    instead = f"; `{configured_end.successor}` comes after it" if configured_end.successor else ""
    return f"it is over since {configured_end.date}{instead}"


def find_configured_eol(
    tag_ref: TagRef, configured_ends: Iterable[ConfiguredEndOfLife], today: date
) -> ConfiguredEndOfLife | None:
    """Return the `end_of_life` entry that applies to `tag_ref` today; None if there is none.

    Only the first matching entry counts. If its date has not passed yet, the result is None, even if another entry
    matches.
    """
    for entry in configured_ends:
        if is_glob_match(entry.image, tag_ref.repository) and is_glob_match(entry.tag, tag_ref.tag):
            return entry if entry.date < today else None
    return None
