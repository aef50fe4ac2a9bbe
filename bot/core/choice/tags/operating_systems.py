"""Operating systems in tags, in the order of their releases.

basebump never updates to a release that is not listed here, so each new codename has to be added.
"""

from __future__ import annotations

import re

from bot.core.choice.tags.version import TagOperatingSystem

DEBIAN = ("squeeze", "wheezy", "jessie", "stretch", "buster", "bullseye", "bookworm", "trixie")
UBUNTU = (
    *("precise", "quantal", "raring", "saucy", "trusty", "utopic", "vivid", "wily", "xenial", "yakkety", "zesty"),
    *("artful", "bionic", "cosmic", "disco", "eoan", "focal", "groovy", "hirsute", "impish", "jammy", "kinetic"),
    *("lunar", "mantic", "noble", "oracular", "plucky", "questing", "resolute"),
)
UBUNTU_LONG_TERM = frozenset({"precise", "trusty", "xenial", "bionic", "focal", "jammy", "noble", "resolute"})
WINDOWS_RELEASES = {
    "ltsc2016": 2016,
    "1709": 2017_09,
    "1803": 2018_03,
    "1809": 2018_09,
    "ltsc2019": 2018_09,
    "1903": 2019_03,
    "1909": 2019_09,
    "2004": 2020_04,
    "20H2": 2020_10,
    "ltsc2022": 2021_08,
    "ltsc2025": 2024_11,
}
"""Release dates of Windows. `ltsc2019` is release 1809, and 1809 is its only name for Nano Server."""
WINDOWS_LONG_TERM = frozenset(word for word in WINDOWS_RELEASES if word.startswith("ltsc")) | {"1809"}
WINDOWS_EDITIONS = ("nanoserver", "windowsservercore", "servercore", "windows")

WINDOWS_BUILD = "windows-build"
"""The series for Windows releases in tags such as `10.0.17763.5329`, whose last number counts rebuilds."""

NUMBERED_SYSTEMS = (
    *("debian", "ubi", "rockylinux", "rocky", "almalinux", "alma", "centos", "fedora", "oraclelinux", "amazonlinux"),
    *("azurelinux", "cbl-mariner", "mariner", "photon", "leap", "bci"),
)
"""Names that may have a hyphen before the number: `debian-12`, `ubi9`."""
NUMBERED_SYSTEMS_WITHOUT_HYPHEN = ("el", "fc", "ol", "al", "amzn", "rhel")
"""Names that never have a hyphen before the number, because they are too short to be recognised with one."""
DOTTED_SYSTEMS = ("alpine", "ubuntu")
"""Names whose number always has a dot or four digits, because `alpine-1` is a build of an image called alpine."""

_END = r"(?![A-Za-z0-9])"
_CODENAME = re.compile(rf"({'|'.join((*DEBIAN, *UBUNTU))}){_END}")
_WINDOWS = re.compile(rf"(?:({'|'.join(WINDOWS_EDITIONS)})-)?({'|'.join(WINDOWS_RELEASES)}){_END}")
_WINDOWS_BUILD = re.compile(r"10\.0\.([12][0-9]{4})(?=\.[0-9])")
_NUMBERED = re.compile(
    rf"(?:(?P<name>(?:{'|'.join(NUMBERED_SYSTEMS)})-?|{'|'.join(NUMBERED_SYSTEMS_WITHOUT_HYPHEN)})(?P<numbers>[0-9]{{1,4}}(?:\.[0-9]{{1,4}})*+)"
    rf"|(?P<dotted>(?:{'|'.join(DOTTED_SYSTEMS)})-?)(?P<parts>[0-9]{{1,2}}(?:\.[0-9]{{1,4}})++|[0-9]{{4}})){_END}"
)
_LONG_TERM_MONTH = 4


def match_system(tag: str, position: int) -> TagOperatingSystem | None:
    """Return the operating system whose name begins at `position` in the tag; None if there is none."""
    if match := _CODENAME.match(tag, position):
        return _get_system_by_codename(match[1])
    if match := _WINDOWS.match(tag, position):
        edition, word = match.groups()
        if edition is None and not word.startswith("ltsc"):
            return None  # a bare 1809 may be any number
        return TagOperatingSystem(
            f"{edition or 'any'}-windows", match[0], (WINDOWS_RELEASES[word],), word in WINDOWS_LONG_TERM
        )
    if match := _WINDOWS_BUILD.match(tag, position):
        return TagOperatingSystem(WINDOWS_BUILD, match[0], (int(match[1]),))
    if match := _NUMBERED.match(tag, position):
        name, numbers = match["name"] or match["dotted"], match["numbers"] or match["parts"]
        order = tuple(int(number) for number in numbers.split("."))
        series = name + ".".join("N" for _ in order)
        return TagOperatingSystem(
            series, match[0], order, not name.startswith("ubuntu") or _is_ubuntu_long_term(numbers)
        )
    return None


def _get_system_by_codename(word: str) -> TagOperatingSystem:
    if word in DEBIAN:
        return TagOperatingSystem("debian", word, (DEBIAN.index(word),))
    return TagOperatingSystem("ubuntu", word, (UBUNTU.index(word),), word in UBUNTU_LONG_TERM)


def _is_ubuntu_long_term(numbers: str) -> bool:
    """Return True if a number such as `22.04`, `22.04.1` or `2204` is a long-term release of Ubuntu."""
    year, month, *_ = numbers.split(".") if "." in numbers else (numbers[:2], numbers[2:])
    return int(year) % 2 == 0 and int(month) == _LONG_TERM_MONTH
