"""The digests that a fleet contained, with their times, as the state remembers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model.history import TagObservation
from bot.model.image_name import Digest
from bot.model.inventory import BranchKey, StoredRequest


@dataclass(frozen=True, slots=True)
class HeldDigest:
    """An unbroken time in which a base branch contained a tag with a digest."""

    key: BranchKey
    repository: str
    """The canonical name of the repository of the image."""
    tag: str | None
    digest: Digest | None
    """None if the references were not pinned."""
    since: datetime
    """The time of the first visit that found the digest."""
    is_since_first_visit: bool
    """True if the first visit of the base branch already found the digest, so that it may be older."""
    ended_at: datetime | None = None
    """The time of the first visit that did not find the digest any more; None if the last visit found it."""
    owners: tuple[str, ...] = ()
    """The owners of the files that contain the tag now, according to CODEOWNERS."""

    @property
    def name(self) -> str:
        """The image without its digest."""
        return f"{self.repository}:{self.tag}" if self.tag else self.repository


@dataclass(frozen=True, slots=True)
class BranchRequest:
    """A pull request of basebump into a base branch."""

    key: BranchKey
    request: StoredRequest


@dataclass(frozen=True, slots=True)
class FleetHistory:
    """The history of a part of a fleet."""

    held: tuple[HeldDigest, ...] = ()
    requests: tuple[BranchRequest, ...] = ()
    observations: tuple[TagObservation, ...] = ()
    """The digests that tags pointed to, for the images in `held`."""


class MoveOrigin(StrEnum):
    """The origin of a digest in a base branch."""

    BASEBUMP = "basebump"
    """A merged pull request of basebump wrote the digest."""
    OTHER = "other"
    FIRST_VISIT = "first-visit"
    """The first visit of the base branch already found the digest, so its origin is unknown."""


@dataclass(frozen=True, slots=True)
class DigestMove:
    """The beginning of the time in which a base branch contained a tag with a digest."""

    held: HeldDigest
    origin: MoveOrigin
    moved_at: datetime
    """The time of the merge if basebump wrote the digest; otherwise the time of the first visit that found it."""
    request: StoredRequest | None = None
    first_seen: datetime | None = None
    """The time at which basebump first saw that a tag of the repository pointed to the digest; None if it never did."""

    @property
    def wait_since_first_seen(self) -> timedelta | None:
        """The time from the first observation of the digest to the move; None if one of them is unknown."""
        if self.first_seen is None or self.origin is MoveOrigin.FIRST_VISIT:
            return None
        return max(self.moved_at - self.first_seen, timedelta())

    @property
    def wait_since_opened(self) -> timedelta | None:
        """The time from the opening of the pull request; None without a pull request, or if its times are unknown."""
        if self.request is None or self.request.opened_at is None or self.request.ended_at is None:
            return None
        return max(self.request.ended_at - self.request.opened_at, timedelta())
