"""Comparison of package versions by the rules of their package ecosystem."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

MAX_VERSION_LENGTH = 128
"""Maximum length of a version that is compared. The longest versions in distributions have below a hundred characters,
and the time to compare hostile versions grows with the square of their length."""

_VERSION_CLASSES: dict[str, str] = {
    **dict.fromkeys(("deb", "debian", "ubuntu"), "DebianVersion"),
    **dict.fromkeys(("alpine", "apk", "chainguard", "minimos", "wolfi"), "AlpineLinuxVersion"),
    **dict.fromkeys(
        (
            *("alma", "almalinux", "amazon", "azurelinux", "cbl-mariner", "centos", "fedora", "oracle", "photon"),
            *("redhat", "rocky", "rpm", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "slem", "sles"),
        ),
        "RpmVersion",
    ),
    **dict.fromkeys(("pip", "pipenv", "poetry", "pypi", "python", "python-pkg", "uv"), "PypiVersion"),
    **dict.fromkeys(("node-pkg", "npm", "pnpm", "yarn"), "SemverVersion"),
    **dict.fromkeys(("go-module", "gobinary", "golang", "gomod"), "GolangVersion"),
    **dict.fromkeys(("gradle", "jar", "java-archive", "maven", "pom"), "MavenVersion"),
    **dict.fromkeys(("bundler", "gem", "gemspec"), "RubygemsVersion"),
    **dict.fromkeys(("dotnet", "dotnet-core", "nuget"), "NugetVersion"),
}
"""Class of the library `univers` for each package type, by the names that Trivy, Grype and package URLs use."""
OS_PACKAGE_TYPES = frozenset(
    kind for kind, scheme in _VERSION_CLASSES.items() if scheme in {"DebianVersion", "AlpineLinuxVersion", "RpmVersion"}
)
"""Types of packages that belong to a Linux distribution."""


_PARSE_ERROR = Exception
"""`univers` raises many types of exceptions for invalid versions, depending on the ecosystem."""


def is_same_package_type(one: str, other: str) -> bool:
    """Return True if both package types stand for the same ecosystem, such as `deb` and `debian`."""
    return one == other or (one in _VERSION_CLASSES and _VERSION_CLASSES[one] == _VERSION_CLASSES.get(other))


def is_later_version(package_type: str, version: str, other: str) -> bool | None:
    """Return True if `version` is later than `other`, and False if it is earlier.

    Return None if both are equal or cannot be compared.
    """
    parse_version = _get_version_parser(package_type)
    with contextlib.suppress(_PARSE_ERROR):
        one, two = parse_version(version), parse_version(other)
        return True if two < one else False if one < two else None
    return None


def sort_versions(package_type: str, versions: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct versions in ascending order.

    If the versions cannot be compared by the rules of their ecosystem, they are sorted alphabetically.
    """
    distinct_versions = sorted(set(versions))
    if len(distinct_versions) > 1:
        with contextlib.suppress(_PARSE_ERROR):
            return tuple(sorted(distinct_versions, key=_get_version_parser(package_type)))
    return tuple(distinct_versions)


def _get_version_parser(package_type: str) -> Callable[[str], Any]:
    """Return a function that parses a version into a value that can be compared.

    The function raises an exception for a version that cannot be parsed. The library `univers` is imported here,
    because importing it is slow and often unnecessary.
    """
    from univers import versions

    version_class = _VERSION_CLASSES.get(package_type)

    def parse_version(version: str) -> Any:
        if version_class is None or len(version) > MAX_VERSION_LENGTH:
            raise ValueError
        return getattr(versions, version_class)(version)

    return parse_version
