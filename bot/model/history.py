"""Observations of tags over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.model.reference import Digest, TagRef
from bot.model.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class TagObservation:
    """An uninterrupted period in which a tag pointed to a digest; A, then B, then A again are three observations."""

    tag_ref: TagRef
    digest: Digest
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class SupersededTag:
    """A tag that will receive no further updates, as its repository's tags or its publisher show."""

    digest: Digest
    """The digest that the tag pointed to when this was found; a tag that was updated since is not superseded."""
    reason: Reason
    """One of the reasons of `superseded`."""
    detail: str
    successor: str | None
    """The tag that succeeds it, if it is known."""
