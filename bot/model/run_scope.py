"""The scope of a run: the part of the config's repositories that the run includes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from bot.model.reference import ImageReference


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several runs that share the work. Each of them processes a part of the repositories."""

    number: int
    """The number of this run, starting at 1."""
    total: int

    def has_repository(self, name: str) -> bool:
        """Return True if this run processes the repository.

        This depends only on the name, so that adding a repository does not move other repositories to another run.
        """
        digest = hashlib.sha256(name.lower().encode()).digest()
        return int.from_bytes(digest[:8]) % self.total == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


@dataclass(frozen=True, slots=True)
class RunScope:
    """The scope of a run. By default, the run includes all repositories of the config."""

    names: frozenset[str] = field(default_factory=frozenset)
    """Names of the included repositories; empty for all repositories."""
    shard: Shard | None = None
    image: ImageReference | None = None
    """Include only repositories that use this image. If the reference has a tag, they must use the same tag.

    None includes all repositories.
    """

    def may_include(self, name: str) -> bool:
        """Return False if the run does not include the repository, because another shard processes it.

        If the result is True and `image` is set, the run includes the repository only if its files use the image.
        """
        return self.shard is None or self.shard.has_repository(name)

    def is_image_in_scope(self, reference: ImageReference) -> bool:
        """Return True if a repository that contains `reference` belongs to the run.

        This is the case if `reference` has the repository of `image`, and also its tag if `image` has a tag. If `image`
        is None, the result is always True.
        """
        image = self.image
        if image is None:
            return True
        return reference.repository == image.repository and image.tag in {None, reference.tag}
