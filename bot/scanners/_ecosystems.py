"""Maps the packages of an inventory to ecosystems of OSV: pure.

https://ossf.github.io/osv-schema/#defined-ecosystems. Only those distributions are listed whose source packages
inventories name in a way that OSV understands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.model import contents
from bot.scanners._inventory import Package, whole_version

SYSTEM_TYPES = frozenset({"alpm", "apk", "deb", "rpm"})
"""Package URL types of packages that come with a distribution."""

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
    """Return OSV's ecosystem for a release of Ubuntu; April releases of even years have long-term support (LTS)."""
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
    """A package as it is named in a query to OSV; a package of a distribution is named by its source package."""

    ecosystem: str
    name: str
    version: str


def release_of(package: Package) -> tuple[str, str]:
    """Return the distribution of a package and its release; each is empty if the inventory does not name it."""
    distro = package.of("distro")
    name, _, release = distro.rpartition("-")
    if not name:  # a code name alone, a number alone, or a distribution without releases
        is_release = distro in _CODENAMES or distro[:1].isdecimal()
        name, release = (package.namespace, distro) if is_release else (distro, "")
    family = (package.of("os_name") or name or package.namespace).lower()
    return family, _CODENAMES.get(release, release) or package.of("os_version")


def sought(package: Package) -> Sought | None:
    """Return the package to query OSV for; None if OSV has no ecosystem for it."""
    if package.type in SYSTEM_TYPES:
        ecosystem = ecosystem_of(*release_of(package))
        if ecosystem is None:
            return None
        name, version = package.source or (package.name, package.version)
        return Sought(ecosystem, name, version)
    ecosystem = _LIBRARIES.get(package.type)
    return Sought(ecosystem, _full_name(package), package.version) if ecosystem else None


def listed(package: Package) -> contents.InstalledPackage:
    """Return a package as evidence lists it, with the source package if it comes with a distribution.

    Findings name packages of distributions by their source packages.
    """
    if package.type not in SYSTEM_TYPES:
        return contents.InstalledPackage(package.type, _full_name(package), package.version)
    source = package.source[0] if package.source else ""
    return contents.InstalledPackage(
        package.type, package.name, whole_version(package), source if source != package.name else ""
    )


def _full_name(package: Package) -> str:
    """Return the name of a library with its namespace, joined as its ecosystem does it."""
    separator = ":" if package.type == "maven" else "/"
    return f"{package.namespace}{separator}{package.name}" if package.namespace else package.name


def ecosystem_of(family: str, release: str) -> str | None:
    """Return OSV's ecosystem for a release of a distribution; None if the release cannot be queried."""
    if is_rolling(family):
        return _ROLLING[family]
    named = _DISTRIBUTIONS.get(family)
    return named(release) if named and release else None


def is_rolling(family: str) -> bool:
    """Return True if a distribution has no releases."""
    return family in _ROLLING
