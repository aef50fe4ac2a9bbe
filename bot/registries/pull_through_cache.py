"""Maps repositories in pull-through caches to the upstream repositories. Pure.

A cache returns the digest of the last pull, so that the current digest of a tag must be looked up upstream.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference


@dataclass(frozen=True, slots=True)
class PullThroughCache:
    """A registry, or the part of it below a path, that is a pull-through cache of another registry."""

    account: str
    """Host, as in canonical references."""
    path: str
    """Whole path segments; empty if the whole registry is a cache."""
    upstream: str
    """`host[:port][/prefix]` to which the rest of the path is appended."""

    def find_origin(self, repository: str) -> str | None:
        """Return the canonical upstream repository, or None if `repository` is not in this cache."""
        cached_part = f"{self.account}/{self.path}" if self.path else self.account
        if not f"{repository}/".startswith(f"{cached_part}/"):
            return None
        upstream_name = self.upstream + repository.removeprefix(cached_part)
        if "/" not in upstream_name:
            return None  # the cache's own path, which is not a repository upstream
        try:
            # Parsed as a reference, so that `hub/nginx` becomes the repository that Docker means by `docker.io/nginx`.
            return ImageReference.parse(upstream_name).repository
        except InvalidReferenceError:
            return None


def find_origin(repository: str, caches: Iterable[PullThroughCache]) -> str:
    """Return the repository in which tags of `repository` are looked up; of nested caches, the innermost counts."""
    innermost_first = sorted(caches, key=lambda cache: len(cache.path), reverse=True)
    return next(filter(None, (cache.find_origin(repository) for cache in innermost_first)), repository)
