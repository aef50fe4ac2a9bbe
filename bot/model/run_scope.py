"""The scope of a run: the part of the config's repositories that the run includes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from bot.model.image_name import ImageName


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several runs that share the work. Each of them processes a part of the repositories."""

    number: int
    """The number of this run, starting at 1."""
    total: int

    def has_repository(self, name: str) -> bool:
        """Return True if this run processes the repository.

        The result depends only on the name. If a repository is added, the other repositories stay in the same runs.
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
    image: ImageName | None = None
    """Include only repositories that use this image. If the reference has a tag, they must use the same tag.

    None includes all repositories.
    """

    def may_include(self, name: str) -> bool:
        """Return False if the run does not include the repository, because another shard processes it.

        True does not mean that the run includes the repository: if `image` is set, the files must also use this image.
        """
        return self.shard is None or self.shard.has_repository(name)

    def is_image_in_scope(self, reference: ImageName) -> bool:
        """Return True if a repository that contains `reference` belongs to the run.

        The repository belongs to the run if `image` is None, or if `reference` names the same image. If `image` has a
        tag, `reference` must have the same tag.
        """
        image = self.image
        if image is None:
            return True
        return reference.repository == image.repository and image.tag in {None, reference.tag}
