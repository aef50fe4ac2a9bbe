"""What OSV calls the ecosystems of packages: pure.

https://ossf.github.io/osv-schema/#defined-ecosystems. Of distributions those are here whose source packages an
inventory names in a way that OSV understands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.model import contents
from bot.scanners._inventory import Package, whole_version

SYSTEM_TYPES = frozenset({"alpm", "apk", "deb", "rpm"})
"""Types of purl for what comes with a distribution."""

_LIBRARIES = {
    "cargo": "crates.io",
    "composer": "Packagist",
    "gem": "RubyGems",
    "golang": "Go",
    "hex": "Hex",
    "maven": "Maven",
    "npm": "npm",
    "nuget": "NuGet",
    "pub": "Pub",
    "pypi": "PyPI",
}
_CODENAMES = {
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
    "forky": "14",
    "focal": "20.04",
    "jammy": "22.04",
    "noble": "24.04",
}
_LTS_MONTH = ".04"


def _major(release: str) -> str:
    return release.partition(".")[0]


def _ubuntu(release: str) -> str:
    """Every second April there is a release with long support, which OSV calls so."""
    year = _major(release)
    is_long = release.endswith(_LTS_MONTH) and year.isdecimal() and int(year) % 2 == 0
    return f"Ubuntu:{release}:LTS" if is_long else f"Ubuntu:{release}"


_DISTRIBUTIONS: dict[str, Callable[[str], str]] = {
    "alma": lambda release: f"AlmaLinux:{_major(release)}",
    "almalinux": lambda release: f"AlmaLinux:{_major(release)}",
    "alpine": lambda release: f"Alpine:v{'.'.join(release.split('.')[:2])}",
    "azurelinux": lambda release: f"Azure Linux:{_major(release)}",
    "debian": lambda release: f"Debian:{_major(release)}",
    "rocky": lambda release: f"Rocky Linux:{_major(release)}",
    "ubuntu": _ubuntu,
}
_ROLLING = {"chainguard": "Chainguard", "minimos": "MinimOS", "wolfi": "Wolfi"}


@dataclass(frozen=True, slots=True, order=True)
class Sought:
    """A package as OSV is asked for it: distributions by their sources."""

    ecosystem: str
    name: str
    version: str


def release_of(package: Package) -> tuple[str, str]:
    """Return the distribution of a package and its release, each empty where the inventory does not say."""
    distro = package.of("distro")
    name, _, release = distro.rpartition("-")
    if not name:  # a code name or a number alone, or a distribution without releases
        is_release = distro in _CODENAMES or distro[:1].isdecimal()
        name, release = (package.namespace, distro) if is_release else (distro, "")
    family = (package.of("os_name") or name or package.namespace).lower()
    return family, _CODENAMES.get(release, release) or package.of("os_version")


def sought(package: Package) -> Sought | None:
    """Return what to ask for; None where OSV has nothing to ask for."""
    if package.type in SYSTEM_TYPES:
        ecosystem = ecosystem_of(*release_of(package))
        if ecosystem is None:
            return None
        name, version = package.source or (package.name, package.version)
        return Sought(ecosystem, name, version)
    ecosystem = _LIBRARIES.get(package.type)
    return Sought(ecosystem, _full_name(package), package.version) if ecosystem else None


def listed(package: Package) -> contents.Package:
    """Return a package as evidence lists it: findings call those of distributions by their sources."""
    if package.type not in SYSTEM_TYPES:
        return contents.Package(package.type, _full_name(package), package.version)
    source = package.source[0] if package.source else ""
    return contents.Package(
        package.type, package.name, whole_version(package), source if source != package.name else ""
    )


def _full_name(package: Package) -> str:
    """Return the name of a library with what stands before it."""
    separator = ":" if package.type == "maven" else "/"
    return f"{package.namespace}{separator}{package.name}" if package.namespace else package.name


def ecosystem_of(family: str, release: str) -> str | None:
    """Return what OSV calls a release of a distribution; None where it is not among those that can be asked for."""
    if is_rolling(family):
        return _ROLLING[family]
    named = _DISTRIBUTIONS.get(family)
    return named(release) if named and release else None


def is_rolling(family: str) -> bool:
    """Say whether a distribution has no releases."""
    return family in _ROLLING
