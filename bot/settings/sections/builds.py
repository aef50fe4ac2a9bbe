"""The checks of `builds` in the config file. `bot.model.own_build` declares the keys of its entries."""

from __future__ import annotations

from collections.abc import Container, Iterable

from bot.model.errors import ConfigProblem
from bot.model.hosts import PUBLIC_HOSTS
from bot.model.own_build import ConfiguredBuild
from bot.settings.entries import Entry, Problems

MAX_BUILDS = 2000
"""The maximum number of entries, which is about what the limit on the size of a config file allows."""


def check_builds(entries: Iterable[Entry[ConfiguredBuild]], listed_hosts: Container[str]) -> Problems:
    """Yield a problem for each image whose registry is not contacted, and for each entry that is listed twice."""
    first_entries: dict[ConfiguredBuild, str] = {}
    for entry in entries:
        if entry.value is None:
            continue
        host = entry.value.image.host
        if host not in PUBLIC_HOSTS and host not in listed_hosts:
            yield ConfigProblem(
                f"{entry.where}.image",
                f"is in the registry `{host}`, which is not contacted; hint: list it under `registries`",
            )
        first = first_entries.setdefault(entry.value, entry.where)
        if first != entry.where:
            yield ConfigProblem(entry.where, f"is the same as {first}; hint: remove one of the entries")
