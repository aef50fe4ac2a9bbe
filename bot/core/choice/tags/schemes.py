"""Patterns of releases, pre-releases and builds in tags, one for each notation of publishers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.core.choice.tags.version import Scheme

_END = r"(?![A-Za-z0-9])"


@dataclass(frozen=True, slots=True)
class Release:
    """The numbers of a release in a tag."""

    scheme: Scheme
    texts: tuple[str, ...]
    length: int
    """Characters of the tag that the release covers."""
    prefix: str = ""
    """Text directly before the numbers."""
    pre_release: tuple[int, int] | None = None
    """Rank and number of a pre-release that directly follows the numbers."""


@dataclass(frozen=True, slots=True)
class _Row:
    scheme: Scheme
    pattern: re.Pattern[str]
    """Its groups are the numbers; an empty group is zero, and a group that did not take part is not a number."""


def _row(scheme: Scheme, pattern: str) -> _Row:
    return _Row(scheme, re.compile(rf"(?P<prefix>v|V|r|RELEASE\.)?{pattern}{_END}"))


PRE_RELEASES = {
    "dev": 0,
    "snapshot": 1,
    "alpha": 2,
    "a": 2,
    "beta": 3,
    "b": 3,
    "m": 4,
    "milestone": 4,
    "ea": 4,
    "pre": 5,
    "preview": 5,
    "c": 6,
    "cr": 6,
    "rc": 6,
}
"""Pre-release words and their ranks."""
_ALONE = "alpha|beta|milestone|ea|preview|pre|snapshot|cr|rc"
"""Words that mean a pre-release even without a number; `-dev` or `-b` without a number is an image variant."""
_PRE_RELEASE = re.compile(rf"(?:({_ALONE})(?:[.-]?([0-9]{{1,9}}))?|(m|dev)[.-]?([0-9]{{1,9}})){_END}", re.IGNORECASE)

ROWS = (
    _row(Scheme.DATE, r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2})-([0-9]{2})-([0-9]{2})Z)?"),
    _row(
        Scheme.DATE,
        r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T?([0-9]{2})([0-9]{2})([0-9]{2})?Z?)?"
        r"(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?",
    ),
    _row(Scheme.JAVA_UPDATE, r"([0-9]{1,2})()u([0-9]{1,4})(?:-b([0-9]{1,3}))?"),
)
_NUMBERS = re.compile(
    r"(?P<prefix>v|V|r)?(?P<numbers>[0-9]{1,6}(?:\.[0-9]{1,10})*+)"
    rf"(?:(?P<word>alpha|beta|rc|RC|a|b|c|dev)(?P<number>[0-9]{{1,9}}))?{_END}"
)
"""Numbers of seven or more digits are not releases: dates have their own pattern, others may be commit hashes."""

BUILD_WORDS = ("r", "p", "k3s", "rke2r", "ls", "KB", "CU", "build", "rev", "eksbuild", "gke", "ce", "ee")
"""Words before a number that counts builds of a release. `jdk17` or `pg16` does not, because it names a component."""
_BUILD = re.compile(rf"({'|'.join(BUILD_WORDS)})\.?([0-9]{{1,10}}){_END}")
_BUILD_DATE = re.compile(rf"([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})(?:[0-9]{{4}}|[0-9]{{6}})?{_END}")
_BUILD_NUMBER = re.compile(rf"([0-9]{{1,5}})(?:\.([0-9]{{10}}))?{_END}")
"""`17.0.9_9`, `8.0.4-1`, and for Red Hat `9.3-1610` and `8.9-1107.1705420509`."""
_FIX = re.compile(rf"security-([0-9]{{1,3}}){_END}")

_COMMIT = re.compile(
    r"(?:^|[-_.])(?=[0-9a-f]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,64}(?![A-Za-z0-9])|-[0-9]+-g[0-9a-f]{4,40}(?![A-Za-z0-9])"
)
"""Nearly every hash has a letter and a digit; digits alone are parsed as a date or ignored."""
_NUMBERED_WORK = re.compile(r"(?:sha|git|commit|pr|mr|pull|merge|issue)[-_.]?[0-9]", re.IGNORECASE)

_YEARS = range(1990, 2100)
_YEAR_DIGITS = 4
_MONTHS = range(1, 13)
_DAYS = range(1, 32)
_AMBIGUOUS = range(10, 100)
_FULL_PRECISION = 3


def names_work(tag: str) -> bool:
    """Return True if a tag names a commit or an unmerged change: it never changes, and is never an update target."""
    return _COMMIT.search(tag) is not None or _NUMBERED_WORK.match(tag) is not None


def release_at(tag: str, position: int) -> Release | None:
    """Return the release that begins at `position`, or None."""
    for row in ROWS:
        found = row.pattern.match(tag, position)
        if found is None:
            continue
        texts = tuple(text or "0" for text in found.groups()[1:] if text is not None)
        if row.scheme is Scheme.DATE and not is_date(*texts[:3]):
            continue
        return Release(row.scheme, texts, len(found[0]), found["prefix"] or "")
    found = _NUMBERS.match(tag, position)
    if found is None:
        return None
    texts = tuple(found["numbers"].split("."))
    pre_release = (PRE_RELEASES[found["word"].lower()], int(found["number"])) if found["word"] else None
    return Release(_scheme_of(texts[0]), texts, len(found[0]), found["prefix"] or "", pre_release)


def _scheme_of(first: str) -> Scheme:
    if len(first) > _YEAR_DIGITS:
        return Scheme.COUNT
    return Scheme.YEAR if len(first) == _YEAR_DIGITS and int(first) in _YEARS else Scheme.NUMBERS


def pre_release_at(tag: str, position: int) -> tuple[tuple[int, int], int] | None:
    """Return rank and number of the pre-release that begins at `position`, and its length; else None."""
    found = _PRE_RELEASE.match(tag, position)
    if found is None:
        return None
    word, number = found[1] or found[3], found[2] or found[4] or "0"
    return (PRE_RELEASES[word.lower()], int(number)), len(found[0])


def fix_at(tag: str, position: int) -> tuple[int, int] | None:
    """Return the number of the security fix that begins at `position`, and its length; else None."""
    found = _FIX.match(tag, position)
    return (int(found[1]), len(found[0])) if found else None


def build_at(
    tag: str, position: int, behind: Release | None, *, counts: bool
) -> tuple[str, tuple[int, ...], int] | None:
    """Return word, numbers and length of the build that begins at `position`; else None.

    `preceding_release` is the release directly before `position`; a bare number can be a build only there.
    `counts_builds` says whether the number in tags like `3.2-18` counts builds, which a single tag does not show.
    """
    if found := _BUILD.match(tag, position):
        return found[1], (int(found[2]),), len(found[0])
    if (found := _BUILD_DATE.match(tag, position)) and is_date(*found.groups()):
        return f"date{len(found[0])}", (int(found[0]),), len(found[0])
    found = _BUILD_NUMBER.match(tag, position)
    if found is None or behind is None or not _counts_builds(tag, position, found.end(), behind, counts=counts):
        return None
    return "number", tuple(int(text) for text in found.groups() if text), len(found[0])


def _counts_builds(tag: str, start: int, end: int, behind: Release, *, counts: bool) -> bool:
    """Tell the build in `8.0.4-1` from the version of another product in `1-22` and `1.1.5-22-bookworm`."""
    if tag[start - 1] == "_":
        return True
    if len(behind.texts) == 1:
        return False
    if "." in tag[start:end] or int(tag[start:end]) not in _AMBIGUOUS:
        return True
    return end == len(tag) and (counts or len(behind.texts) >= _FULL_PRECISION)


def is_doubtful(length: int, build: tuple[int, ...]) -> bool:
    """Return True if the build after a release of `length` numbers may be the version of another product."""
    return length < _FULL_PRECISION and len(build) == 1 and build[0] in _AMBIGUOUS


def is_date(year: str, month: str, day: str) -> bool:
    """Return True if the three numbers are a date that a container image can have."""
    return len(year) == _YEAR_DIGITS and int(year) in _YEARS and int(month) in _MONTHS and int(day) in _DAYS
