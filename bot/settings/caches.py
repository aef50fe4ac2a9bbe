"""Checks between entries of `registries`, one of which names another as the upstream of its pull-through cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.model.errors import ConfigProblem
from bot.model.hosts import PUBLIC_HOSTS

OF_A_PART = frozenset({"host", "upstream"})
"""The keys of an entry with a path; all other keys are about the host that is connected to."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of `registries`; a value is None if it is absent or invalid."""

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
    """Yield the problems of `upstream` keys.

    basebump asks an upstream directly, so an upstream must not be a cache itself; this also rules out loops.
    """
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
            f"{entry.where}.host",
            f"is a path and not a host; hint: write `{entry.host}`, or add `upstream` if the path is a cache",
        )
        return
    for key in sorted(entry.keys - OF_A_PART):
        what = f"applies to the whole host; hint: move it to an entry for `{entry.host}`"
        yield ConfigProblem(f"{entry.where}.{key}", what)


def _why_not(cache: Listed, upstream: str, entries: Sequence[Listed]) -> str | None:
    if _lies_in(upstream, cache.part) or _lies_in(cache.part, upstream):
        return "is the cache itself; hint: write the registry that the cache copies from"
    host = host_of(upstream)
    if host not in PUBLIC_HOSTS and not any(each.is_whole and each.part == host for each in entries):
        return f"`{host}` is not a well-known registry; hint: add an entry with `host: {host}` to have it contacted"
    for each in entries:
        if each.upstream is not None and _lies_in(upstream, each.part):
            return f"is in a cache itself, by {each.where}; hint: write what that cache copies from"
        if each.is_whole and each.part == host and each.mirror and host_of(each.mirror) == cache.host:
            return f"is asked at its mirror `{each.mirror}`, by {each.where}, and that is the host of the cache"
    return None


def _lies_in(part: str, whole: str) -> bool:
    """Return True if `address` is `parent` or a path below it."""
    return f"{part}/".startswith(f"{whole}/")
