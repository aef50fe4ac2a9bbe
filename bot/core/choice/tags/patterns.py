"""Patterns for versions, pre-releases and builds in tags, for the notations that publishers use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.core.choice.tags.version import VersionScheme

_END = r"(?![A-Za-z0-9])"


@dataclass(frozen=True, slots=True)
class ReleaseNumbers:
    """The version numbers in a tag, such as `3.12.1` in `v3.12.1-slim`."""

    scheme: VersionScheme
    texts: tuple[str, ...]
    length: int
    """Number of characters of the tag that the release covers."""
    prefix: str = ""
    """The text directly before the numbers, such as `v`."""
    pre_release: tuple[int, int] | None = None
    """Rank and number of a pre-release that directly follows the numbers; None if there is none."""


@dataclass(frozen=True, slots=True)
class _SchemePattern:
    scheme: VersionScheme
    pattern: re.Pattern[str]
    """Each group after the prefix is a number. An empty group is zero; a group that did not match is left out."""


def _build_pattern(scheme: VersionScheme, pattern: str) -> _SchemePattern:
    return _SchemePattern(scheme, re.compile(rf"(?P<prefix>v|V|r|RELEASE\.)?{pattern}{_END}"))


PRE_RELEASE_RANKS = {
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
"""Rank of each pre-release word. A pre-release with a higher rank is later."""
_NUMBERLESS_PRE_RELEASES = "alpha|beta|milestone|ea|preview|pre|snapshot|cr|rc"
"""Words that denote a pre-release even without a number. In contrast, `-dev` or `-b` without a number is a variant."""
_PRE_RELEASE = re.compile(
    rf"(?:({_NUMBERLESS_PRE_RELEASES})(?:[.-]?([0-9]{{1,9}}))?|(m|dev)[.-]?([0-9]{{1,9}})){_END}", re.IGNORECASE
)

SCHEME_PATTERNS = (
    _build_pattern(VersionScheme.DATE, r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2})-([0-9]{2})-([0-9]{2})Z)?"),
    _build_pattern(
        VersionScheme.DATE,
        r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T?([0-9]{2})([0-9]{2})([0-9]{2})?Z?)?"
        r"(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?",
    ),
    _build_pattern(VersionScheme.JAVA_UPDATE, r"([0-9]{1,2})()u([0-9]{1,4})(?:-b([0-9]{1,3}))?"),
)
_NUMBERS = re.compile(
    r"(?P<prefix>v|V|r)?(?P<numbers>[0-9]{1,6}(?:\.[0-9]{1,10})*+)"
    rf"(?:(?P<word>alpha|beta|rc|RC|a|b|c|dev)(?P<number>[0-9]{{1,9}}))?{_END}"
)
"""Numbers of seven or more digits are not releases. Dates have a pattern of their own; others may be commit hashes."""

BUILD_WORDS = ("r", "p", "k3s", "rke2r", "ls", "KB", "CU", "build", "rev", "eksbuild", "gke", "ce", "ee")
"""Words before a number that counts builds. `jdk17` or `pg16` are not among them, because they name a component."""
_BUILD = re.compile(rf"({'|'.join(BUILD_WORDS)})\.?([0-9]{{1,10}}){_END}")
_BUILD_DATE = re.compile(rf"([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})(?:[0-9]{{4}}|[0-9]{{6}})?{_END}")
_BUILD_NUMBER = re.compile(rf"([0-9]{{1,5}})(?:\.([0-9]{{10}}))?{_END}")
"""Matches the build in `17.0.9_9` and `8.0.4-1`, and in Red Hat's `9.3-1610` and `8.9-1107.1705420509`."""
_SECURITY_FIX = re.compile(rf"security-([0-9]{{1,3}}){_END}")

_COMMIT = re.compile(
    r"(?:^|[-_.])(?=[0-9a-f]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,64}(?![A-Za-z0-9])|-[0-9]+-g[0-9a-f]{4,40}(?![A-Za-z0-9])"
)
"""Nearly every hash contains a letter and a digit. A word of digits alone is parsed as a date or ignored."""
_NUMBERED_CHANGE = re.compile(r"(?:sha|git|commit|pr|mr|pull|merge|issue)[-_.]?[0-9]", re.IGNORECASE)

_YEARS = range(1990, 2100)
_YEAR_DIGITS = 4
_MONTHS = range(1, 13)
_DAYS = range(1, 32)
_AMBIGUOUS = range(10, 100)
_FULL_PRECISION = 3


def is_commit_or_change(tag: str) -> bool:
    """Return True if a tag names a commit or an unmerged change, such as `sha-1a2b3c4` or `pr-17`.

    Such a tag has no version, so it is neither updated nor the target of an update.
    """
    return _COMMIT.search(tag) is not None or _NUMBERED_CHANGE.match(tag) is not None


def match_release(tag: str, position: int) -> ReleaseNumbers | None:
    """Return the version numbers that begin at `position` in the tag; None if there are none."""
    for row in SCHEME_PATTERNS:
        match = row.pattern.match(tag, position)
        if match is None:
            continue
        texts = tuple(text or "0" for text in match.groups()[1:] if text is not None)
        if row.scheme is VersionScheme.DATE and not is_date(*texts[:3]):
            continue
        return ReleaseNumbers(row.scheme, texts, len(match[0]), match["prefix"] or "")
    match = _NUMBERS.match(tag, position)
    if match is None:
        return None
    texts = tuple(match["numbers"].split("."))
    pre_release = (PRE_RELEASE_RANKS[match["word"].lower()], int(match["number"])) if match["word"] else None
    return ReleaseNumbers(_determine_scheme(texts[0]), texts, len(match[0]), match["prefix"] or "", pre_release)


def _determine_scheme(first_number: str) -> VersionScheme:
    if len(first_number) > _YEAR_DIGITS:
        return VersionScheme.COUNT
    return (
        VersionScheme.YEAR
        if len(first_number) == _YEAR_DIGITS and int(first_number) in _YEARS
        else VersionScheme.NUMBERS
    )


def match_pre_release(tag: str, position: int) -> tuple[tuple[int, int], int] | None:
    """Return `((rank, number), length)` for the pre-release at `position`: `((6, 1), 3)` for `rc1`.

    The rank puts the words in order, for example `beta` before `rc` (see `PRE_RELEASE_RANKS`). The number is 0 if the
    word has none. The length is a count of characters. Return None if there is no pre-release at `position`.
    """
    match = _PRE_RELEASE.match(tag, position)
    if match is None:
        return None
    word, number = match[1] or match[3], match[2] or match[4] or "0"
    return (PRE_RELEASE_RANKS[word.lower()], int(number)), len(match[0])


def match_security_fix(tag: str, position: int) -> tuple[int, int] | None:
    """Return `(number, length)` for the security fix at `position`: `(1, 11)` for `security-01`.

    The length is a count of characters. Return None if there is no security fix at `position`.
    """
    match = _SECURITY_FIX.match(tag, position)
    return (int(match[1]), len(match[0])) if match else None


def match_build(
    tag: str, position: int, preceding_release: ReleaseNumbers | None, *, allow_ambiguous_builds: bool
) -> tuple[str, tuple[int, ...], int] | None:
    """Return `(word, numbers, length)` for the build at `position`: `("r", (3,), 2)` for `r3`.

    The length is a count of characters. Return None if there is no build at `position`.

    A number without a word can be a build only if it directly follows the version numbers, as in `8.0.4-1`.
    `preceding_release` are these version numbers, or None if the tag has anything else before `position`.
    `allow_ambiguous_builds` has the same meaning as in `parse_tag`.
    """
    if match := _BUILD.match(tag, position):
        return match[1], (int(match[2]),), len(match[0])
    if (match := _BUILD_DATE.match(tag, position)) and is_date(*match.groups()):
        return f"date{len(match[0])}", (int(match[0]),), len(match[0])
    match = _BUILD_NUMBER.match(tag, position)
    if (
        match is None
        or preceding_release is None
        or not _is_build_number(
            tag, position, match.end(), preceding_release, allow_ambiguous_builds=allow_ambiguous_builds
        )
    ):
        return None
    return "number", tuple(int(text) for text in match.groups() if text), len(match[0])


def _is_build_number(
    tag: str, start: int, end: int, preceding_release: ReleaseNumbers, *, allow_ambiguous_builds: bool
) -> bool:
    """Return True if the number `tag[start:end]` is a build number, such as 1 in `8.0.4-1`.

    Return False if it may be the version of another product, such as 22 in `1-22`. `preceding_release` are the version
    numbers before it. `allow_ambiguous_builds` has the same meaning as in `parse_tag`.
    """
    if tag[start - 1] == "_":
        return True
    if len(preceding_release.texts) == 1:
        return False
    if "." in tag[start:end] or int(tag[start:end]) not in _AMBIGUOUS:
        return True
    return end == len(tag) and (allow_ambiguous_builds or len(preceding_release.texts) >= _FULL_PRECISION)


def is_ambiguous_build(number_count: int, build: tuple[int, ...]) -> bool:
    """Return True if a build may also be the version of another product, such as 18 in `3.2-18`.

    `number_count` is the count of version numbers before the build, which is 2 in this example.
    """
    return number_count < _FULL_PRECISION and len(build) == 1 and build[0] in _AMBIGUOUS


def is_date(year: str, month: str, day: str) -> bool:
    """Return True if year, month and day form a plausible date. Day 31 is accepted in every month."""
    return len(year) == _YEAR_DIGITS and int(year) in _YEARS and int(month) in _MONTHS and int(day) in _DAYS
