"""The repositories that a run includes, of those that the config selects."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from bot.model.reference import ImageReference


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several runs that share the repositories of a config."""

    number: int
    """The number of this run, starting at 1."""
    total: int

    def has_repository(self, name: str) -> bool:
        """Return True if a repository belongs to this run.

        The result depends only on the name, so that adding a repository does not reassign others.
        """
        digest = hashlib.sha256(name.lower().encode()).digest()
        return int.from_bytes(digest[:8]) % self.total == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


@dataclass(frozen=True, slots=True)
class RunScope:
    """The limits of a run; by default a run includes everything."""

    names: frozenset[str] = field(default_factory=frozenset)
    """Names of repositories; empty for all."""
    shard: Shard | None = None
    image: ImageReference | None = None
    """Only repositories that use this image: exactly its tag, or any tag if the reference has none."""

    def may_include(self, name: str) -> bool:
        """Return True if a repository of this name may be part of the run."""
        return self.shard is None or self.shard.has_repository(name)

    def is_image_in_scope(self, reference: ImageReference) -> bool:
        """Return True if the run includes a git repository because it contains this image reference."""
        image = self.image
        if image is None:
            return True
        return reference.repository == image.repository and image.tag in {None, reference.tag}
