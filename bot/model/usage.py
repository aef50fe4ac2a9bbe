"""The use of images in a fleet, as the state remembers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey
from bot.model.proposal import DeclineScope


@dataclass(frozen=True, slots=True)
class RequestLink:
    """A pull or merge request of basebump, which updates an image."""

    number: int
    url: str | None
    opened_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeclinedRequest:
    """A pull request that a person closed without merging it, so that basebump does not propose its update again."""

    link: RequestLink
    closed_at: datetime | None
    """The time of the close; None if it is unknown."""
    scope: DeclineScope


@dataclass(frozen=True, slots=True)
class ImageUsage:
    """An image reference in a file of a base branch."""

    key: BranchKey
    path: str
    line_number: int
    format: str
    written: str
    """The text in the file, such as `${IMG}`."""
    tag: str | None
    digest: Digest | None
    """The digest that the file contains; None if the reference is not pinned."""
    status: str
    reason: str | None
    owners: tuple[str, ...]
    """The owners of the file according to CODEOWNERS, such as `@acme/web`."""
    since: datetime
    """The time of the first visit since which the base branch has contained this tag with this digest."""
    is_since_first_visit: bool
    """True if the first visit of the base branch already found the image, so that it may have used it before."""
    read_at: datetime
    """The time of the last visit of the base branch."""
    seen_at: datetime
    """The time of the last run that listed the base branch. If this is long ago, the repository may have been renamed,
    archived or removed."""
    requests: tuple[RequestLink, ...] = ()
    """The open pull requests that update this image in this base branch."""
    declined: DeclinedRequest | None = None
    """The pull request because of which an available update is not proposed; None if there is none."""

    @property
    def title(self) -> str:
        """The repository with its base branch, as reports show it."""
        return f"{self.key.repository} ({self.key.base_branch})"


@dataclass(frozen=True, slots=True)
class FollowedTag:
    """A tag that pointed to a digest at its last lookup, and the references that follow the tag without a digest."""

    tag_ref: TagRef
    looked_up_at: datetime
    usages: tuple[ImageUsage, ...]


@dataclass(frozen=True, slots=True)
class DigestUsers:
    """The references of a fleet that use a digest."""

    digest: Digest
    pinned: Mapping[str, tuple[ImageUsage, ...]]
    """The references that contain the digest, by the canonical repository of the image."""
    followed: tuple[FollowedTag, ...]
    coverage: InventoryCoverage


@dataclass(frozen=True, slots=True)
class InventoryCoverage:
    """The base branches that the state covers, and the age of the data."""

    branches: int
    branches_with_unread_files: int
    """The number of base branches in which the last visit could not read some files."""
    oldest_read_at: datetime | None
    """The oldest of the times of the last visits; None if the state covers no base branch."""
    first_read_at: datetime | None = None
    """The time of the first visit in the state, before which nothing is known; None if the state has none."""
