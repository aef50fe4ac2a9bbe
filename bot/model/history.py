"""Data about tags that earlier runs stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.model.image_name import Digest, TagRef
from bot.model.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class TagObservation:
    """An uninterrupted period in which a tag pointed to a digest.

    If a tag points to A, then to B and then to A again, there are three observations.
    """

    tag_ref: TagRef
    digest: Digest
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class SupersededTag:
    """A tag that receives no further updates. Its publisher states this, or newer tags of the repository show it."""

    digest: Digest
    """The digest that the tag pointed to when this was determined. If the tag points to another digest now, the entry
    is outdated and does not apply."""
    reason: Reason
    """One of the reasons of the status `superseded`."""
    detail: str
    successor: str | None
    """The tag that replaces the superseded tag; None if it is not known."""
