"""Blocked digests: images that the operator or a security team forbids, and the reasons for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.model.image_name import Digest


@dataclass(frozen=True, slots=True)
class Block:
    """The reason why an image is blocked. Both texts can come from another team, so they are untrusted."""

    reason: str
    link: str | None = None
    """The https URL of a page about the block; None if there is none."""

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class BlockedDigest:
    """An entry that blocks a single digest, and an index that contains it."""

    digest: Digest
    block: Block
    image: str | None = None
    """A glob for the canonical repositories in which the digest is blocked; None for all repositories."""


@dataclass(frozen=True, slots=True)
class BlockedBuilds:
    """An entry that blocks all images of a repository that were built within a range of times."""

    image: str
    """A glob for canonical repositories."""
    built_from: datetime | None
    """The first blocked build time; None if all earlier builds are blocked, too."""
    built_to: datetime | None
    """The last blocked build time; None if all later builds are blocked, too."""
    block: Block


@dataclass(frozen=True, slots=True)
class Blocklist:
    """The entries of all lists of blocked digests. `bot.core.choice.blocklist` searches them."""

    by_digest: Mapping[Digest, tuple[BlockedDigest, ...]] = field(default_factory=dict)
    builds: tuple[BlockedBuilds, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    """The lists that could not be read: the key in the config, and the error.

    Each unread list might block any digest.
    """

    @property
    def has_entries(self) -> bool:
        return bool(self.by_digest or self.builds)


BlocklistEntry = BlockedDigest | BlockedBuilds
