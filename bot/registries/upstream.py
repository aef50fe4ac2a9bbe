"""Maps repositories in pull-through caches to the upstream repositories. Pure.

A cache returns the digest of the last pull, so that the current digest of a tag must be looked up upstream.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference


@dataclass(frozen=True, slots=True)
class Cache:
    """A registry, or the part of it below a path, that is a pull-through cache of another registry."""

    account: str
    """Host, as in canonical references."""
    path: str
    """Whole path segments; empty if the whole registry is a cache."""
    upstream: str
    """`host[:port][/prefix]` to which the rest of the path is appended."""

    def origin(self, repository: str) -> str | None:
        """Return the canonical upstream repository, or None if `repository` is not in this cache."""
        whole = f"{self.account}/{self.path}" if self.path else self.account
        if not f"{repository}/".startswith(f"{whole}/"):
            return None
        named = self.upstream + repository.removeprefix(whole)
        if "/" not in named:
            return None  # the cache's own path, which is not a repository upstream
        try:
            # Parsed as a reference, so that `hub/nginx` becomes the repository that Docker means by `docker.io/nginx`.
            return ImageReference.parse(named).repository
        except InvalidReferenceError:
            return None


def origin(repository: str, caches: Iterable[Cache]) -> str:
    """Return the repository in which tags of `repository` are looked up; of nested caches, the innermost counts."""
    innermost = sorted(caches, key=lambda cache: len(cache.path), reverse=True)
    return next(filter(None, (cache.origin(repository) for cache in innermost)), repository)
