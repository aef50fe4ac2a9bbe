"""Parser of tags, word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from bot.core.choice.tags.schemes import Release, build_at, fix_at, names_work, pre_release_at, release_at
from bot.core.choice.tags.systems import WINDOWS_BUILD, system_at
from bot.core.choice.tags.version import RELEASED, Scheme, System, Version
from bot.model.reference import is_tag

MAX_KEPT = 16_384
"""Parsed tags to cache, because several tags of one repository are looked up one after the other."""

_SEPARATOR = re.compile(r"[-_.]*")
_WORD = re.compile(r"[^-_]+")


@lru_cache(maxsize=MAX_KEPT)
def read(tag: str, *, counts: bool = True) -> Version | None:
    """Parse a tag; return None if it has no version, like `latest`, `edge`, a commit's hash or an invalid tag.

    `counts_builds` says whether 18 in `3.2-18` is a build number and not the version of another product; only other
    tags of the repository can show this.
    """
    if not is_tag(tag) or names_work(tag):
        return None
    return _Reader(tag, counts).read()


@dataclass(slots=True)
class _Reader:
    tag: str
    counts: bool
    skeleton: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    release: Release | None = None
    behind: Release | None = None
    """The release, until another word follows it."""
    systems: list[System] = field(default_factory=list)
    pre_release: tuple[int, int] = RELEASED
    fix: int = 0
    builds: list[tuple[int, ...]] = field(default_factory=list)
    is_stream: bool = False

    def read(self) -> Version | None:
        position = 0
        while position < len(self.tag):
            separator = _SEPARATOR.match(self.tag, position)
            start = separator.end() if separator else position
            position = start + self._word(start, self.tag[position:start])
        if self.release is None and not self.systems:
            return None
        texts = self.release.texts if self.release else ()
        return Version(
            tag=self.tag,
            skeleton="".join(self.skeleton),
            bare="".join(self.bare),
            scheme=self.release.scheme if self.release else None,
            numbers=tuple(int(text) for text in texts),
            widths=tuple(len(text) for text in texts),
            systems=tuple(self.systems),
            pre_release=self.pre_release,
            fix=self.fix,
            builds=tuple(self.builds),
            is_stream=self.is_stream,
        )

    def _word(self, start: int, separator: str) -> int:
        """Parse the word at `start`; return its length."""
        behind, self.behind = self.behind, None
        if system := system_at(self.tag, start):
            self.systems.append(system)
            return self._keep(separator, f"<{system.line}>", len(system.word))
        if self.release is None and (release := release_at(self.tag, start)):
            return self._take_release(separator, release)
        if self.release is not None:
            if self.pre_release == RELEASED and (pre_release := pre_release_at(self.tag, start)):
                self.pre_release, length = pre_release
                return length
            if fix := fix_at(self.tag, start):
                self.fix, length = fix
                return length
        may_count = self.release is not None or self.systems
        if may_count and (build := build_at(self.tag, start, behind, counts=self.counts)):
            word, numbers, length = build
            self.builds.append(numbers)
            self.skeleton += (separator, f"<{word}{len(numbers)}>")
            return length
        word_found = _WORD.match(self.tag, start)
        length = len(word_found[0]) if word_found else 0
        return self._keep(separator, self.tag[start : start + length], length)

    def _take_release(self, separator: str, release: Release) -> int:
        self.release = self.behind = release
        if release.pre_release is not None:
            self.pre_release = release.pre_release
        if self.systems:
            self.is_stream = release.scheme is Scheme.DATE or self.systems[-1].line == WINDOWS_BUILD
        return self._keep(separator, f"{release.prefix}<{release.scheme}>", release.length)

    def _keep(self, separator: str, text: str, length: int) -> int:
        self.skeleton += (separator, text)
        self.bare += (separator, text)
        return length
