"""Maps the packages of an inventory (SBOM) to OSV's ecosystems. This module does no I/O.

https://ossf.github.io/osv-schema/#defined-ecosystems. This module lists a distribution only if inventories name its
source packages in the form that OSV expects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.model import contents
from bot.scanners._inventory import InventoryPackage, get_version_with_epoch

SYSTEM_PACKAGE_TYPES = frozenset({"alpm", "apk", "deb", "rpm"})
"""The package URL types of the packages that distributions provide."""

_LIBRARY_ECOSYSTEMS = {
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


def _extract_major(release: str) -> str:
    return release.partition(".")[0]


def _name_ubuntu_release(release: str) -> str:
    """Return the name that OSV uses for a release of Ubuntu, such as `Ubuntu:24.04:LTS`.

    The suffix `:LTS` marks long-term support. The releases in April of even years have it.
    """
    year = _extract_major(release)
    is_lts = release.endswith(_LTS_MONTH) and year.isdecimal() and int(year) % 2 == 0
    return f"Ubuntu:{release}:LTS" if is_lts else f"Ubuntu:{release}"


_DISTRIBUTION_ECOSYSTEMS: dict[str, Callable[[str], str]] = {
    "alma": lambda release: f"AlmaLinux:{_extract_major(release)}",
    "almalinux": lambda release: f"AlmaLinux:{_extract_major(release)}",
    "alpine": lambda release: f"Alpine:v{'.'.join(release.split('.')[:2])}",
    "azurelinux": lambda release: f"Azure Linux:{_extract_major(release)}",
    "debian": lambda release: f"Debian:{_extract_major(release)}",
    "rocky": lambda release: f"Rocky Linux:{_extract_major(release)}",
    "ubuntu": _name_ubuntu_release,
}
_ROLLING_ECOSYSTEMS = {"chainguard": "Chainguard", "minimos": "MinimOS", "wolfi": "Wolfi"}


@dataclass(frozen=True, slots=True, order=True)
class OsvPackage:
    """A package in the form in which queries to OSV name it. For a distribution, this is the source package."""

    ecosystem: str
    name: str
    version: str


def get_distribution_release(package: InventoryPackage) -> tuple[str, str]:
    """Return the name and the release of the package's distribution, such as `debian` and `12`.

    If the inventory does not state the name or the release, the string for it is empty.
    """
    distro = package.get_qualifier("distro")
    name, _, release = distro.rpartition("-")
    if not name:  # the inventory states only a code name, only a number, or a distribution without releases
        is_release = distro in _CODENAMES or distro[:1].isdecimal()
        name, release = (package.namespace, distro) if is_release else (distro, "")
    family = (package.get_qualifier("os_name") or name or package.namespace).lower()
    return family, _CODENAMES.get(release, release) or package.get_qualifier("os_version")


def convert_to_osv_package(package: InventoryPackage) -> OsvPackage | None:
    """Convert a package to the form used in queries to OSV; return None if OSV does not support its ecosystem."""
    if package.package_type in SYSTEM_PACKAGE_TYPES:
        ecosystem = get_ecosystem(*get_distribution_release(package))
        if ecosystem is None:
            return None
        name, version = package.source or (package.name, package.version)
        return OsvPackage(ecosystem, name, version)
    ecosystem = _LIBRARY_ECOSYSTEMS.get(package.package_type)
    return OsvPackage(ecosystem, _build_full_name(package), package.version) if ecosystem else None


def convert_to_installed_package(package: InventoryPackage) -> contents.InstalledPackage:
    """Convert a package to the form that all scanners use for the list of an image's packages.

    For a package of a distribution, the result also names the source package, because findings name source packages.
    """
    if package.package_type not in SYSTEM_PACKAGE_TYPES:
        return contents.InstalledPackage(package.package_type, _build_full_name(package), package.version)
    source = package.source[0] if package.source else ""
    return contents.InstalledPackage(
        package.package_type, package.name, get_version_with_epoch(package), source if source != package.name else ""
    )


def _build_full_name(package: InventoryPackage) -> str:
    """Return the name of a library with its namespace, such as `group:artifact` for Maven and `@scope/name` for npm."""
    separator = ":" if package.package_type == "maven" else "/"
    return f"{package.namespace}{separator}{package.name}" if package.namespace else package.name


def get_ecosystem(family: str, release: str) -> str | None:
    """Return the name that OSV uses for a release of a distribution, such as `Debian:12`.

    Return None if the distribution is not supported, or if `release` is empty or unknown.
    """
    if is_rolling(family):
        return _ROLLING_ECOSYSTEMS[family]
    name_release = _DISTRIBUTION_ECOSYSTEMS.get(family)
    return name_release(release) if name_release and release else None


def is_rolling(family: str) -> bool:
    """Return True if the distribution `family` is updated continuously and has no releases, such as `wolfi`."""
    return family in _ROLLING_ECOSYSTEMS
