"""End of life and superseded tags: an up-to-date reference to a tag that gets no more updates is `superseded`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from bot.core.globs import matches
from bot.model.decision import SupersededReference, UpToDate
from bot.model.history import SupersededTag
from bot.model.reference import Digest, TagRef
from bot.model.vocabulary import Reason

if TYPE_CHECKING:  # signatures name these, and nothing here makes one: a start pays only for what it uses
    from bot.core.choice.tags import Ending
    from bot.model.rules import ConfiguredEndOfLife


def with_ending(
    decision: UpToDate, known: Iterable[ConfiguredEndOfLife], found: SupersededTag | None, today: date
) -> UpToDate | SupersededReference:
    """Return `decision`, or `Superseded` if the tag is end of life or superseded; the config takes precedence.

    `configured_ends` are the `end_of_life` entries of the operator's config. `superseded_tag` is the result of the last
    check of the tag; None if the tag was not found to be superseded.
    """
    over = end_by_operator(decision.tracked_image.tag_ref, known, today)
    if over is not None:
        return SupersededReference(decision.tracked_image, Reason.END_OF_LIFE, told_end(over), over.successor)
    if found is None:
        return decision
    return SupersededReference(decision.tracked_image, found.reason, found.detail, found.successor)


def end_of(digest: Digest, ending: Ending | None, announced: date | None, today: date) -> SupersededTag | None:
    """Return that a tag which points to `digest` is superseded, or None if there is no sign of it.

    `announced_end` is the last day of support according to the publisher, and takes precedence. `tag_ending` is the
    successor that the other tags of the repository show.
    """
    if announced is not None and announced < today:
        successor = ending.successor if ending is not None else None
        return SupersededTag(digest, Reason.END_OF_LIFE, f"its publisher ended it on {announced}", successor)
    if ending is None:
        return None
    return SupersededTag(digest, ending.reason, f"`{ending.successor}` comes after it", ending.successor)


def told_end(over: ConfiguredEndOfLife) -> str:
    """Describe an end of life that the config states, as the detail of a decision."""
    instead = f"; `{over.successor}` comes after it" if over.successor else ""
    return f"it is over since {over.date}{instead}"


def end_by_operator(line: TagRef, known: Iterable[ConfiguredEndOfLife], today: date) -> ConfiguredEndOfLife | None:
    """Return the first `end_of_life` entry of the config that matches `tag_ref`, or None if its date has not passed."""
    for each in known:
        if matches(each.image, line.repository) and matches(each.tag, line.tag):
            return each if each.date < today else None
    return None
