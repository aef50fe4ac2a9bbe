"""Which of two versions of a package is the later one, by the rules of whoever packs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

MAX_VERSION = 128
"""Characters of a version that is compared; the longest that distributions have are below a hundred, and comparing
hostile ones takes time that grows with their square."""

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
"""By type of package, as Trivy, Grype and package URLs call it."""
SYSTEM_TYPES = frozenset(
    kind for kind, scheme in _SCHEMES.items() if scheme in {"DebianVersion", "AlpineLinuxVersion", "RpmVersion"}
)
"""Of packages that come with a distribution."""


_UNREADABLE = Exception
"""What the library raises for versions that no rule covers: each scheme another error, and not only its own."""


def is_same_kind(one: str, other: str) -> bool:
    """Say whether two words for types of packages mean packages of the same kind: `deb` and `debian`."""
    return one == other or (one in _SCHEMES and _SCHEMES[one] == _SCHEMES.get(other))


def is_later(package_type: str, version: str, other: str) -> bool | None:
    """Say whether `version` comes after `other`; None where they are the same to who packed it, or nobody can say."""
    read = _reader(package_type)
    with contextlib.suppress(_UNREADABLE):
        one, two = read(version), read(other)
        return True if two < one else False if one < two else None
    return None


def in_order(package_type: str, versions: Iterable[str]) -> tuple[str, ...]:
    """Return versions, the latest last; by the alphabet where nobody can say which that is."""
    found = sorted(set(versions))
    if len(found) > 1:
        with contextlib.suppress(_UNREADABLE):
            return tuple(sorted(found, key=_reader(package_type)))
    return tuple(found)


def _reader(package_type: str) -> Callable[[str], Any]:
    """Return what makes a version comparable, for which alone the library is imported."""
    from univers import versions

    scheme = _SCHEMES.get(package_type)

    def read(version: str) -> Any:
        if scheme is None or len(version) > MAX_VERSION:
            raise ValueError
        return getattr(versions, scheme)(version)

    return read
