"""Pull-through caches: the repository that a cached one is a copy of. Pure.

A cache knows what it was asked for last, so that what a tag points to now has to be asked upstream.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference


@dataclass(frozen=True, slots=True)
class Cache:
    """A registry, or the part of it below a path, that copies what it is asked for from another one."""

    account: str
    """The host, as canonical references have it."""
    path: str
    """Whole segments; empty where all of the registry is a cache."""
    upstream: str
    """`host[:port][/prefix]`, to which the rest of the path is added."""

    def origin(self, repository: str) -> str | None:
        """Return the canonical repository upstream, None where this cache does not hold `repository`."""
        whole = f"{self.account}/{self.path}" if self.path else self.account
        if not f"{repository}/".startswith(f"{whole}/"):
            return None
        named = self.upstream + repository.removeprefix(whole)
        if "/" not in named:
            return None  # the cache's own path, which is no repository upstream
        try:
            # as a reference, so that `hub/nginx` is what Docker takes `docker.io/nginx` for
            return ImageReference.parse(named).repository
        except InvalidReferenceError:
            return None


def origin(repository: str, caches: Iterable[Cache]) -> str:
    """Return where to ask what the tags of `repository` point to; of caches within caches the innermost counts."""
    innermost = sorted(caches, key=lambda cache: len(cache.path), reverse=True)
    return next(filter(None, (cache.origin(repository) for cache in innermost)), repository)
