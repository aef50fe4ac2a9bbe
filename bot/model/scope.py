"""Which repositories a run is about, of those that the config selects."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from bot.model.reference import ImageReference


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several runs that share the repositories of a config."""

    number: int
    """From 1 on."""
    of: int

    def has(self, name: str) -> bool:
        """Say whether a repository is this run's: by its name alone, so that one more repository moves no other."""
        digest = hashlib.sha256(name.lower().encode()).digest()
        return int.from_bytes(digest[:8]) % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is limited to; everything by default."""

    names: frozenset[str] = field(default_factory=frozenset)
    """Of repositories; empty for all."""
    shard: Shard | None = None
    image: ImageReference | None = None
    """Only repositories that use it: this tag, or any where it has none."""

    def may_have(self, name: str) -> bool:
        """Say whether a repository of this name is to be looked at."""
        return self.shard is None or self.shard.has(name)

    def is_about(self, reference: ImageReference) -> bool:
        """Say whether a place that holds `reference` puts its repository into the scope."""
        wanted = self.image
        if wanted is None:
            return True
        return reference.repository == wanted.repository and wanted.tag in {None, reference.tag}
