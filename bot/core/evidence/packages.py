"""Differences between the packages of two images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.evidence.package_versions import is_later_version, sort_versions
from bot.model.contents import InstalledPackage, PackageChange, PackageChangeKind
from bot.model.evidence import Finding, Scan

_PackageKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _PackageVersions:
    """All installed versions of one package in one image."""

    versions: tuple[str, ...] = ()
    source: str = ""


def compare_packages(old: Iterable[InstalledPackage], new: Iterable[InstalledPackage]) -> tuple[PackageChange, ...]:
    """Return the packages that differ between two images, sorted by type and name."""
    old_packages, new_packages = _group_packages(old), _group_packages(new)
    absent = _PackageVersions()
    keys = sorted(
        key for key in old_packages.keys() | new_packages.keys() if old_packages.get(key) != new_packages.get(key)
    )
    changes = (_build_change(key, old_packages.get(key, absent), new_packages.get(key, absent)) for key in keys)
    return tuple(change for change in changes if change.old != change.new)


def _group_packages(packages: Iterable[InstalledPackage]) -> Mapping[_PackageKey, _PackageVersions]:
    versions: dict[_PackageKey, set[str]] = defaultdict(set)
    sources: dict[_PackageKey, str] = {}
    for package in packages:
        versions[package.type, package.name].add(package.version)
        sources[package.type, package.name] = package.source
    return {key: _PackageVersions(sort_versions(key[0], found), sources[key]) for key, found in versions.items()}


def _build_change(key: _PackageKey, before: _PackageVersions, after: _PackageVersions) -> PackageChange:
    package_type, name = key
    return PackageChange(
        kind=_determine_change(package_type, before.versions, after.versions),
        type=package_type,
        name=name,
        old=before.versions,
        new=after.versions,
        source=after.source or before.source,
    )


def _determine_change(package_type: str, old: Sequence[str], new: Sequence[str]) -> PackageChangeKind:
    """Return how a package changed: it was added, removed, upgraded or downgraded, or changed in another way.

    `old` and `new` are all versions of the package in the old and the new image, in ascending order. If an image
    contains several versions, the latest one is compared.
    """
    if not old:
        return PackageChangeKind.ADDED
    if not new:
        return PackageChangeKind.REMOVED
    is_upgrade = None if old[-1] == new[-1] else is_later_version(package_type, new[-1], old[-1])
    if is_upgrade is None:
        return PackageChangeKind.CHANGED
    return PackageChangeKind.UPGRADED if is_upgrade else PackageChangeKind.DOWNGRADED


VersionLookup = Callable[[Finding], tuple[str, ...] | None]


def build_version_lookup(outcome: Scan) -> VersionLookup:
    """Return a function that takes a finding and returns the installed versions of its package.

    The function returns None if the scan has no package list. It is built once per scan, so that the package list is
    indexed only once for all findings.
    """
    if outcome.packages is None:
        return lambda _: None
    versions_by_package: dict[_PackageKey, set[str]] = defaultdict(set)
    for package in outcome.packages:
        versions_by_package[package.type, package.name_in_findings].add(package.version)

    def get_versions(finding: Finding) -> tuple[str, ...]:
        return sort_versions(finding.package_type, versions_by_package.get((finding.package_type, finding.package), ()))

    return get_versions
