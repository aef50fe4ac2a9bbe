"""Checks of `upstream`, the key with which an entry of `registries` names the source of its pull-through cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.model.errors import ConfigProblem
from bot.model.hosts import PUBLIC_HOSTS

KEYS_WITH_PATH = frozenset({"host", "upstream"})
"""The keys that an entry with a path may have. All other keys are about the host to which basebump connects."""


@dataclass(frozen=True, slots=True)
class ListedRegistry:
    """The parts of an entry of `registries` that the checks of `upstream` need."""

    where: str
    address: str
    """`host[:port][/path]`."""
    mirror: str | None
    """None if the key is missing or invalid."""
    upstream: str | None
    """None if the key is missing or invalid."""
    keys: frozenset[str]
    """The names of all keys of the entry."""

    @property
    def host(self) -> str:
        return extract_host(self.address)

    @property
    def is_whole_host(self) -> bool:
        return self.address == self.host


def extract_host(address: str) -> str:
    return address.partition("/")[0]


def check_upstreams(entries: Sequence[ListedRegistry]) -> Iterator[ConfigProblem]:
    """Yield the problems of pull-through caches: of the key `upstream`, and of entries whose `host` has a path.

    An entry with a path, such as `host/proxy/dockerhub`, must describe a pull-through cache. Its only keys are `host`
    and `upstream`.

    An `upstream` must not itself be a pull-through cache, because basebump queries the upstream registry directly. This
    rule also prevents caches that name each other as their upstream.
    """
    for entry in entries:
        if not entry.is_whole_host:
            yield from _check_path_entry(entry)
        if entry.upstream is not None:
            message = _find_upstream_problem(entry, entry.upstream, entries)
            if message:
                yield ConfigProblem(f"{entry.where}.upstream", message)


def _check_path_entry(entry: ListedRegistry) -> Iterator[ConfigProblem]:
    if "upstream" not in entry.keys:
        yield ConfigProblem(
            f"{entry.where}.host",
            f"must be a host without a path; hint: write `{entry.host}`, or add `upstream` if the path is a "
            "pull-through cache",
        )
        return
    for key in sorted(entry.keys - KEYS_WITH_PATH):
        message = f"applies to the whole host; hint: move it to an entry for `{entry.host}`"
        yield ConfigProblem(f"{entry.where}.{key}", message)


def _find_upstream_problem(cache: ListedRegistry, upstream: str, entries: Sequence[ListedRegistry]) -> str | None:
    if _is_below(upstream, cache.address) or _is_below(cache.address, upstream):
        return "is the cache itself; hint: write the registry that the cache copies from"
    host = extract_host(upstream)
    if host not in PUBLIC_HOSTS and not any(each.is_whole_host and each.address == host for each in entries):
        return f"`{host}` is not a well-known registry; hint: add an entry with `host: {host}` to allow it"
    for each in entries:
        if each.upstream is not None and _is_below(upstream, each.address):
            return f"is itself a cache (see {each.where}); hint: write the registry that this cache copies from"
        if each.is_whole_host and each.address == host and each.mirror and extract_host(each.mirror) == cache.host:
            return f"is contacted at its mirror `{each.mirror}` (see {each.where}), which is the host of the cache"
    return None


def _is_below(address: str, parent: str) -> bool:
    """Return True if `address` is `parent` or a path below it."""
    return f"{address}/".startswith(f"{parent}/")
