"""Summaries of the inventory, for the pages and the API of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from bot.model.inventory import BranchKey, StoredRequest

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class ListSection:
    """The part of a long list that is requested."""

    offset: int
    limit: int


@dataclass(frozen=True, slots=True)
class ListedEntries(Generic[Entry]):
    """A section of a list, and the length of the whole list."""

    entries: Sequence[Entry]
    total: int


class ImageOrder(StrEnum):
    """The order of a list of images. Blocked images come first, except in the order of names."""

    RISK = "risk"
    """By the vulnerabilities that open proposals fix, the most severe ones first."""
    NAME = "name"
    USE = "use"
    """By the number of base branches that use the image, the largest first."""


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """A tag, and how the fleet uses it according to the last visits."""

    repository: str
    """The canonical name of the repository of the image."""
    tag: str | None
    branches: int
    """The number of base branches that use the tag."""
    references: int
    outdated: int
    """The number of references with an update that can be proposed."""
    unpinned: int
    """The number of references without a digest."""
    blocked: int = 0
    """The number of references to images that must not be used."""
    has_proposals: bool = False
    """True if a proposal for the tag is open."""
    fixes: Mapping[str, int] | None = None
    """The highest number of vulnerabilities that an open proposal for the tag fixes, by severity; None if no proposal
    is open, or if it is not known what the proposals fix."""

    @property
    def name(self) -> str:
        return f"{self.repository}:{self.tag}" if self.tag else self.repository


@dataclass(frozen=True, slots=True)
class BranchSummary:
    """A base branch, and the result of its last visit."""

    key: BranchKey
    references: int
    outdated: int
    """The number of references with an update that can be proposed."""
    unpinned: int
    """The number of references without a digest."""
    open_requests: int
    read_at: datetime
    seen_at: datetime
    """The time of the last run that listed the base branch."""
    has_unread_files: bool
    is_settled: bool
    """True if the last visit left nothing to do."""
    is_public: bool
    """True if the last visit found that everyone can read the repository; False if it is private or not known."""
    owners: tuple[str, ...]
    """The owners of the files with image references according to CODEOWNERS, sorted."""
    due_at: datetime | None
    """The time at which the result of the visit may change although nothing else changes; None if there is no such
    time.
    """


class RequestFilter(StrEnum):
    """The pull requests of basebump that a list contains."""

    OPEN = "open"
    OVERDUE = "overdue"
    """Open pull requests whose due date has passed."""
    FIXES = "fixes"
    """Open pull requests that fix vulnerabilities, the most severe vulnerabilities first."""
    MERGED = "merged"
    CLOSED = "closed"
    """Pull requests that were closed without a merge."""


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """A pull request of basebump into a base branch."""

    key: BranchKey
    request: StoredRequest
    is_public: bool
    """True if it is known that everyone can read the repository."""


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """The numbers of pull requests into all base branches, by state."""

    open: int
    with_due_date: int
    """The open pull requests that have a due date."""
    overdue: int
    exploited: int
    """The open pull requests that fix vulnerabilities that are known to be exploited."""
    critical: int
    """The other open pull requests that fix critical vulnerabilities."""
    unknown_fixes: int
    """The open pull requests whose fixes are unknown."""
    merged: int
    """The pull requests that were merged since the requested time."""
