"""Reading: a tag as a version with a family, or as none, which then never moves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from bot.core.tags.distributions import Distribution, read_words

MAX_BUILD_DIGITS = 4
"""Of a tag that is a number alone; a longer one counts builds, or is a day."""

_NEVER = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?=.*[a-f])(?=.*\d)[0-9a-f]{7,64}",  # a commit
        r"(?:.*[-_.])?(?:sha|git|commit|build|ci|pr|sha256)-?[0-9a-f]{6,64}(?:[-_.].*)?",
        r".*-g[0-9a-f]{7,40}(?:[-_.].*)?",  # git describe
        r"(?i:.*\bkb\d+.*)",  # a patch of Windows, which is in no order
        r"(?:.*\D)?(?:19|20)\d\d(?P<between>[-.]?)(?:0[1-9]|1[0-2])(?P=between)(?:0[1-9]|[12]\d|3[01])(?:\D.*|\d{4,6}.*)?",
        r"(?:.*\D)?\d{10,}(?:\D.*)?",  # a moment, a run of CI
    )
)
"""What is in no order that anybody could rely on: commits, days, moments, builds."""

_PRE = r"(?:alpha|beta|preview|pre|rc|cr|dev|snapshot|nightly|canary|unstable|edge|test|ea|milestone|m|a|b|c)"
_VERSION = re.compile(
    rf"(?P<prefix>(?:[A-Za-z][A-Za-z0-9]*?[-_.])*?[A-Za-z]*?)"
    rf"(?P<numbers>\d{{1,9}}(?:\.\d{{1,9}}){{0,4}})"
    rf"(?P<pre>[-.]?{_PRE}(?:[-.]?\d{{1,9}}(?:\.\d{{1,9}})*)?(?=$|[-_+]))?"
    rf"(?P<build>[_+]\d{{1,9}}(?:\.\d{{1,9}})?(?=$|-))?"
    rf"(?P<suffix>(?:-[A-Za-z0-9_.]+)*)",
    re.ASCII,
)
_PRE_WORD = re.compile(rf"{_PRE}\.?\d*(?:\.\d+)*")
_REVISION = re.compile(r"(?P<mark>r?)(?P<number>\d{1,9})")


@dataclass(frozen=True, slots=True)
class Family:
    """What two tags must have in common for one to come after the other."""

    prefix: str
    precision: int
    """How many numbers there are: `1.27` never becomes `1.27.3`."""
    words: tuple[str, ...]
    """The suffix without what counts in it: `-slim`, `-jdk-<ubuntu>`."""
    counts_builds: bool
    counts_revisions: str | None
    """How a counter at the end is marked: `r` of `-r4`, nothing of `-4`; None where there is none."""


@dataclass(frozen=True, slots=True)
class Version:
    """A tag that is in an order."""

    tag: str
    family: Family
    numbers: tuple[int, ...]
    pre: tuple[str, tuple[int, ...]] | None
    """Of a release that is not out yet."""
    counters: tuple[int, ...]
    """Builds and revisions, which only count where all else is equal."""
    distributions: tuple[Distribution, ...]

    @property
    def order(self) -> tuple[tuple[int, ...], bool, tuple[str, tuple[int, ...]], tuple[int, ...]]:
        """By age; a release comes after what led to it."""
        return self.numbers, self.pre is None, self.pre or ("", ()), self.counters


@lru_cache(maxsize=65536)
def read(tag: str) -> Version | None:
    """Return the version that a tag is, or None where it is in no order: a name, a commit, a day."""
    if any(pattern.fullmatch(tag) for pattern in _NEVER):
        return None
    found = _VERSION.fullmatch(tag)
    if found is None or (tag.isdigit() and len(tag) > MAX_BUILD_DIGITS):
        return None
    if read_words((tag,))[1]:
        return None  # a distribution alone, whose next release is another world
    pre = _pre(found["pre"])
    words = tuple(found["suffix"].split("-")[1:])
    left, distributions = read_words(words)
    if any(_PRE_WORD.fullmatch(word) and len(word) > 1 for word in left):
        pre = pre or ("".join(left), ())
    left, mark, revision = _revision(left)
    build = tuple(map(int, found["build"][1:].split("."))) if found["build"] else ()
    numbers = tuple(map(int, found["numbers"].split(".")))
    family = Family(found["prefix"], len(numbers), left, bool(build), mark)
    return Version(tag, family, numbers, pre, (*build, *revision), distributions)


def _pre(text: str | None) -> tuple[str, tuple[int, ...]] | None:
    """Return the word and the numbers of `-rc.2`."""
    if not text:
        return None
    word = "".join(re.findall(r"[a-z]+", text))
    return word, tuple(map(int, re.findall(r"\d+", text)))


def _revision(words: tuple[str, ...]) -> tuple[tuple[str, ...], str | None, tuple[int, ...]]:
    """Take a counter off the end of a suffix."""
    found = _REVISION.fullmatch(words[-1]) if words else None
    if found is None:
        return words, None, ()
    return words[:-1], found["mark"], (int(found["number"]),)
