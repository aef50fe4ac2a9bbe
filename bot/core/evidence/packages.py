"""Differences between the packages of two images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.evidence.versions import in_order, is_later
from bot.model.contents import InstalledPackage, PackageChange, PackageChangeKind
from bot.model.evidence import Finding, Scan

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Held:
    """One package of one image, in all its installed versions."""

    versions: tuple[str, ...] = ()
    source: str = ""


def package_changes(old: Iterable[InstalledPackage], new: Iterable[InstalledPackage]) -> tuple[PackageChange, ...]:
    """Return the packages that differ between two images, by type and name."""
    before, after = _held(old), _held(new)
    absent = _Held()
    keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    found = (_change(key, before.get(key, absent), after.get(key, absent)) for key in keys)
    return tuple(change for change in found if change.old != change.new)


def _held(packages: Iterable[InstalledPackage]) -> Mapping[_Key, _Held]:
    versions: dict[_Key, set[str]] = defaultdict(set)
    sources: dict[_Key, str] = {}
    for package in packages:
        versions[package.type, package.name].add(package.version)
        sources[package.type, package.name] = package.source
    return {key: _Held(in_order(key[0], found), sources[key]) for key, found in versions.items()}


def _change(key: _Key, before: _Held, after: _Held) -> PackageChange:
    package_type, name = key
    return PackageChange(
        kind=_direction(package_type, before.versions, after.versions),
        type=package_type,
        name=name,
        old=before.versions,
        new=after.versions,
        source=after.source or before.source,
    )


def _direction(package_type: str, old: Sequence[str], new: Sequence[str]) -> PackageChangeKind:
    """Return how a package changed; of several versions the latest counts."""
    if not old:
        return PackageChangeKind.ADDED
    if not new:
        return PackageChangeKind.REMOVED
    later = None if old[-1] == new[-1] else is_later(package_type, new[-1], old[-1])
    if later is None:
        return PackageChangeKind.CHANGED
    return PackageChangeKind.UPGRADED if later else PackageChangeKind.DOWNGRADED


Versions = Callable[[Finding], tuple[str, ...] | None]


def versions_in(outcome: Scan) -> Versions:
    """Return a function from a finding to the versions that this image has of its package; None if not known.

    The package list is indexed once, because there may be as many findings as packages.
    """
    if outcome.packages is None:
        return lambda _: None
    found: dict[_Key, set[str]] = defaultdict(set)
    for package in outcome.packages:
        found[package.type, package.name_in_findings].add(package.version)

    def versions(finding: Finding) -> tuple[str, ...]:
        return in_order(finding.package_type, found.get((finding.package_type, finding.package), ()))

    return versions
