"""Operating systems in tags, in the order of their releases.

An operating system that is not listed is never an update target; add its codename once it is released.
"""

from __future__ import annotations

import re

from bot.core.choice.tags.version import System

DEBIAN = ("squeeze", "wheezy", "jessie", "stretch", "buster", "bullseye", "bookworm", "trixie")
UBUNTU = (
    *("precise", "quantal", "raring", "saucy", "trusty", "utopic", "vivid", "wily", "xenial", "yakkety", "zesty"),
    *("artful", "bionic", "cosmic", "disco", "eoan", "focal", "groovy", "hirsute", "impish", "jammy", "kinetic"),
    *("lunar", "mantic", "noble", "oracular", "plucky", "questing", "resolute"),
)
UBUNTU_LONG_TERM = frozenset({"precise", "trusty", "xenial", "bionic", "focal", "jammy", "noble", "resolute"})
WINDOWS = {
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
"""Release dates; `ltsc2019` is 1809, which is the only name of that release for Nano Server."""
WINDOWS_LONG_TERM = frozenset(word for word in WINDOWS if word.startswith("ltsc")) | {"1809"}
WINDOWS_EDITIONS = ("nanoserver", "windowsservercore", "servercore", "windows")

WINDOWS_BUILD = "windows-build"
"""The Windows release in `10.0.17763.5329`, whose last number counts rebuilds."""

NUMBERED = (
    *("debian", "ubi", "rockylinux", "rocky", "almalinux", "alma", "centos", "fedora", "oraclelinux", "amazonlinux"),
    *("azurelinux", "cbl-mariner", "mariner", "photon", "leap", "bci"),
)
"""With an optional hyphen before the number: `debian-12`, `ubi9`."""
NUMBERED_CLOSE = ("el", "fc", "ol", "al", "amzn", "rhel")
"""Never with a hyphen, because these names are too short to be recognised then."""
NUMBERED_DOTTED = ("alpine", "ubuntu")
"""Always with a dot (or four digits): `alpine-1` is a build of an image called alpine."""

_END = r"(?![A-Za-z0-9])"
_CODENAME = re.compile(rf"({'|'.join((*DEBIAN, *UBUNTU))}){_END}")
_WINDOWS = re.compile(rf"(?:({'|'.join(WINDOWS_EDITIONS)})-)?({'|'.join(WINDOWS)}){_END}")
_WINDOWS_BUILD = re.compile(r"10\.0\.([12][0-9]{4})(?=\.[0-9])")
_NUMBERED = re.compile(
    rf"(?:(?P<name>(?:{'|'.join(NUMBERED)})-?|{'|'.join(NUMBERED_CLOSE)})(?P<numbers>[0-9]{{1,4}}(?:\.[0-9]{{1,4}})*+)"
    rf"|(?P<dotted>(?:{'|'.join(NUMBERED_DOTTED)})-?)(?P<parts>[0-9]{{1,2}}(?:\.[0-9]{{1,4}})++|[0-9]{{4}})){_END}"
)
_LONG_TERM_MONTH = 4


def system_at(tag: str, position: int) -> System | None:
    """Return the operating system whose name begins at `position`, or None."""
    if found := _CODENAME.match(tag, position):
        return _by_codename(found[1])
    if found := _WINDOWS.match(tag, position):
        edition, word = found.groups()
        if edition is None and not word.startswith("ltsc"):
            return None  # a bare 1809 may be any number
        return System(f"{edition or 'any'}-windows", found[0], (WINDOWS[word],), word in WINDOWS_LONG_TERM)
    if found := _WINDOWS_BUILD.match(tag, position):
        return System(WINDOWS_BUILD, found[0], (int(found[1]),))
    if found := _NUMBERED.match(tag, position):
        name, numbers = found["name"] or found["dotted"], found["numbers"] or found["parts"]
        order = tuple(int(number) for number in numbers.split("."))
        line = name + ".".join("N" for _ in order)
        return System(line, found[0], order, not name.startswith("ubuntu") or _is_ubuntu_long_term(numbers))
    return None


def _by_codename(word: str) -> System:
    if word in DEBIAN:
        return System("debian", word, (DEBIAN.index(word),))
    return System("ubuntu", word, (UBUNTU.index(word),), word in UBUNTU_LONG_TERM)


def _is_ubuntu_long_term(numbers: str) -> bool:
    """Return True for a long-term release, from `22.04`, `22.04.1` or `2204`."""
    year, month, *_ = numbers.split(".") if "." in numbers else (numbers[:2], numbers[2:])
    return int(year) % 2 == 0 and int(month) == _LONG_TERM_MONTH
