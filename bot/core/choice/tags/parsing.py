"""Parser of tags. It processes a tag word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from bot.core.choice.tags.operating_systems import WINDOWS_BUILD, match_system
from bot.core.choice.tags.patterns import (
    ReleaseNumbers,
    is_commit_or_change,
    match_build,
    match_pre_release,
    match_release,
    match_security_fix,
)
from bot.core.choice.tags.version import RELEASED, TagOperatingSystem, TagVersion, VersionScheme
from bot.model.image_name import is_tag

MAX_CACHED_TAGS = 16_384
"""Number of parsed tags to cache, because several tags of one repository are looked up one after the other."""

_SEPARATOR = re.compile(r"[-_.]*")
_WORD = re.compile(r"[^-_]+")


@lru_cache(maxsize=MAX_CACHED_TAGS)
def parse_tag(tag: str, *, allow_ambiguous_builds: bool = True) -> TagVersion | None:
    """Parse the version in a tag. Return None if the tag is invalid or has no version.

    `latest`, `edge` and commit hashes are examples of tags without a version.

    The last number of a tag such as `3.2-18` is ambiguous: it may be a build number, or the version of another product.
    If `allow_ambiguous_builds` is True, such a number is parsed as a build number. If it is False, the number is parsed
    as text that an update must not change. Only the other tags of the repository show whether it is a build number (see
    `parse_versions`).
    """
    if not is_tag(tag) or is_commit_or_change(tag):
        return None
    return _TagParser(tag, allow_ambiguous_builds).parse()


@dataclass(slots=True)
class _TagParser:
    tag: str
    allow_ambiguous_builds: bool
    skeleton: list[str] = field(default_factory=list)
    skeleton_without_builds: list[str] = field(default_factory=list)
    release: ReleaseNumbers | None = None
    preceding_release: ReleaseNumbers | None = None
    """The release, if the word before the current position was the release."""
    systems: list[TagOperatingSystem] = field(default_factory=list)
    pre_release: tuple[int, int] = RELEASED
    security_fix: int = 0
    builds: list[tuple[int, ...]] = field(default_factory=list)
    is_stream: bool = False

    def parse(self) -> TagVersion | None:
        position = 0
        while position < len(self.tag):
            separator = _SEPARATOR.match(self.tag, position)
            start = separator.end() if separator else position
            position = start + self._parse_word(start, self.tag[position:start])
        if self.release is None and not self.systems:
            return None
        texts = self.release.texts if self.release else ()
        return TagVersion(
            tag=self.tag,
            skeleton="".join(self.skeleton),
            skeleton_without_builds="".join(self.skeleton_without_builds),
            scheme=self.release.scheme if self.release else None,
            numbers=tuple(int(text) for text in texts),
            widths=tuple(len(text) for text in texts),
            systems=tuple(self.systems),
            pre_release=self.pre_release,
            security_fix=self.security_fix,
            builds=tuple(self.builds),
            is_stream=self.is_stream,
        )

    def _parse_word(self, start: int, separator: str) -> int:
        """Parse the word at `start` into the fields of this parser, and return the count of parsed characters.

        `separator` is the text before the word, such as `-`.
        """
        preceding_release, self.preceding_release = self.preceding_release, None
        if system := match_system(self.tag, start):
            self.systems.append(system)
            return self._add_fixed_text(separator, f"<{system.series}>", len(system.word))
        if self.release is None and (release := match_release(self.tag, start)):
            return self._add_release(separator, release)
        if self.release is not None:
            if self.pre_release == RELEASED and (pre_release := match_pre_release(self.tag, start)):
                self.pre_release, length = pre_release
                return length
            if fix := match_security_fix(self.tag, start):
                self.security_fix, length = fix
                return length
        may_count = self.release is not None or self.systems
        if may_count and (
            build := match_build(self.tag, start, preceding_release, allow_ambiguous_builds=self.allow_ambiguous_builds)
        ):
            word, numbers, length = build
            self.builds.append(numbers)
            self.skeleton += (separator, f"<{word}{len(numbers)}>")
            return length
        word_match = _WORD.match(self.tag, start)
        length = len(word_match[0]) if word_match else 0
        return self._add_fixed_text(separator, self.tag[start : start + length], length)

    def _add_release(self, separator: str, release: ReleaseNumbers) -> int:
        self.release = self.preceding_release = release
        if release.pre_release is not None:
            self.pre_release = release.pre_release
        if self.systems:
            self.is_stream = release.scheme is VersionScheme.DATE or self.systems[-1].series == WINDOWS_BUILD
        return self._add_fixed_text(separator, f"{release.prefix}<{release.scheme}>", release.length)

    def _add_fixed_text(self, separator: str, text: str, length: int) -> int:
        self.skeleton += (separator, text)
        self.skeleton_without_builds += (separator, text)
        return length
