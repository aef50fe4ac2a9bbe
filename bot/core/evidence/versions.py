"""Order of package versions, by the rules of each package ecosystem."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

MAX_VERSION = 128
"""Maximum length of a compared version. The longest in distributions are below a hundred characters, and the time to
compare hostile ones grows with the square of their length."""

_SCHEMES: dict[str, str] = {
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
"""Classes of the `univers` library by package type, as Trivy, Grype and package URLs name it."""
SYSTEM_TYPES = frozenset(
    kind for kind, scheme in _SCHEMES.items() if scheme in {"DebianVersion", "AlpineLinuxVersion", "RpmVersion"}
)
"""Types of packages that belong to a Linux distribution."""


_UNREADABLE = Exception
"""`univers` raises different errors for invalid versions in each scheme, not only its own."""


def is_same_kind(one: str, other: str) -> bool:
    """Return True if both package types mean the same ecosystem: `deb` and `debian`."""
    return one == other or (one in _SCHEMES and _SCHEMES[one] == _SCHEMES.get(other))


def is_later(package_type: str, version: str, other: str) -> bool | None:
    """Return True if `version` is later, False if `other` is; None if they are equal or cannot be compared."""
    read = _reader(package_type)
    with contextlib.suppress(_UNREADABLE):
        one, two = read(version), read(other)
        return True if two < one else False if one < two else None
    return None


def in_order(package_type: str, versions: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct versions in ascending order; alphabetically if they cannot be compared."""
    found = sorted(set(versions))
    if len(found) > 1:
        with contextlib.suppress(_UNREADABLE):
            return tuple(sorted(found, key=_reader(package_type)))
    return tuple(found)


def _reader(package_type: str) -> Callable[[str], Any]:
    """Return a function that parses a version for comparison. Only here the library is imported, on first use."""
    from univers import versions

    scheme = _SCHEMES.get(package_type)

    def read(version: str) -> Any:
        if scheme is None or len(version) > MAX_VERSION:
            raise ValueError
        return getattr(versions, scheme)(version)

    return read
