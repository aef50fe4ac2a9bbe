"""The part of the exposed images that everyone who can open a page is allowed to see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from bot.model.exposed_images import ExposedTag
from bot.model.inventory import BranchKey


def remove_private_exposure(tags: Iterable[ExposedTag], public: Collection[BranchKey]) -> Iterator[ExposedTag]:
    """Yield the exposed images that public repositories use, without private findings and names from clusters."""
    for tag in tags:
        exposed = tuple(each for each in tag.exposed if not each.is_private)
        uses = tuple(each for each in tag.uses if each.use.key in public)
        if exposed and uses:
            yield replace(tag, exposed=exposed, uses=uses, containers=())
