"""What is wrong between entries of `registries` where one says that it is a pull-through cache of another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.model.errors import ConfigProblem
from bot.model.hosts import PUBLIC_HOSTS

OF_A_PART = frozenset({"host", "upstream"})
"""The keys that an entry with a path takes; the others are about the host that is connected to."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry; its values are None where they are absent or wrong."""

    where: str
    part: str
    """`host[:port][/path]`."""
    mirror: str | None
    upstream: str | None
    keys: frozenset[str]

    @property
    def host(self) -> str:
        return host_of(self.part)

    @property
    def is_whole(self) -> bool:
        return self.part == self.host


def host_of(part: str) -> str:
    return part.partition("/")[0]


def problems(entries: Sequence[Listed]) -> Iterator[ConfigProblem]:
    """Yield what is wrong; an upstream is asked at once, so that no cache is behind another and there are no loops."""
    for entry in entries:
        if not entry.is_whole:
            yield from _of_a_part(entry)
        if entry.upstream is not None:
            why = _why_not(entry, entry.upstream, entries)
            if why:
                yield ConfigProblem(f"{entry.where}.upstream", why)


def _of_a_part(entry: Listed) -> Iterator[ConfigProblem]:
    if "upstream" not in entry.keys:
        yield ConfigProblem(
            f"{entry.where}.host", f"is no registry: write `{entry.host}`; with a path it needs `upstream` beside it"
        )
        return
    for key in sorted(entry.keys - OF_A_PART):
        what = f"is about the whole host: write it in an entry for `{entry.host}`"
        yield ConfigProblem(f"{entry.where}.{key}", what)


def _why_not(cache: Listed, upstream: str, entries: Sequence[Listed]) -> str | None:
    if _lies_in(upstream, cache.part) or _lies_in(cache.part, upstream):
        return "is the cache itself: write the registry that it copies from"
    host = host_of(upstream)
    if host not in PUBLIC_HOSTS and not any(each.is_whole and each.part == host for each in entries):
        return f"`{host}` is no well-known registry: list it by itself to have it asked"
    for each in entries:
        if each.upstream is not None and _lies_in(upstream, each.part):
            return f"is in a cache itself, by {each.where}: write what that one copies from"
        if each.is_whole and each.part == host and each.mirror and host_of(each.mirror) == cache.host:
            return f"is asked at `{each.mirror}`, by {each.where}, which is where the cache is"
    return None


def _lies_in(part: str, whole: str) -> bool:
    return f"{part}/".startswith(f"{whole}/")
