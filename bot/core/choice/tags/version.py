"""The version in a tag. Some parts can be ordered, and the other parts are equal in all tags of a family."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RELEASED = (99, 0)
"""Rank and number of a version that is not a pre-release. The rank is above that of every pre-release."""


class VersionScheme(StrEnum):
    """The kind of numbers in a tag, such as a version or a date. Numbers of different schemes cannot be compared."""

    NUMBERS = "numbers"
    YEAR = "year"
    """Numbers that begin with a year: `2024.5.1`."""
    COUNT = "count"
    """Numbers of which the first has more than four digits: a build count, or a month (`202405`)."""
    DATE = "date"
    JAVA_UPDATE = "java-update"
    """Java's notation for updates: `8u402-b06`."""


@dataclass(frozen=True, slots=True)
class TagOperatingSystem:
    """The operating system in a tag: `bookworm`, `alpine3.19`, `nanoserver-ltsc2022`."""

    series: str
    """The distribution and the notation of its version. Only releases of the same series can be compared."""
    word: str
    """The operating system as written in the tag."""
    order: tuple[int, ...]
    is_long_term: bool = True

    def can_be_replaced_by(self, other: TagOperatingSystem) -> bool:
        """Return True if an image on this operating system is allowed to be updated to an image on `other`.

        The release of `other` must be the same or later. A long-term release may be replaced only by a long-term
        release. The caller has to check that both have the same `series`.
        """
        if other.order == self.order:
            return True
        return other.order > self.order and (other.is_long_term or not self.is_long_term)


@dataclass(frozen=True, slots=True)
class TagVersion:
    """A parsed tag that contains a version or an operating system."""

    tag: str
    skeleton: str
    """The tag with placeholders for the parts that can be ordered. Equal for all tags of a family, at any precision."""
    skeleton_without_builds: str
    """The skeleton without placeholders for builds."""
    scheme: VersionScheme | None = None
    """None if the tag has no release numbers, but an operating system or a build: `bookworm-slim`,
    `ltsc2019-KB5034127`."""
    numbers: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    """The number of digits of each number, because `04` differs from `4`."""
    systems: tuple[TagOperatingSystem, ...] = ()
    pre_release: tuple[int, int] = RELEASED
    """The rank of the pre-release word, and the number after the word."""
    security_fix: int = 0
    """The number of the security fix. It is 1 for `10.2.3-security-01`, which is between `10.2.3` and `10.2.4`."""
    builds: tuple[tuple[int, ...], ...] = ()
    is_stream: bool = False
    """True if the numbers count rebuilds of an operating system, as in `jammy-20240530`."""

    @property
    def is_pre_release(self) -> bool:
        return self.pre_release != RELEASED

    @property
    def system_words(self) -> tuple[str, ...]:
        return tuple(system.word for system in self.systems)

    @property
    def sort_key(self) -> tuple[object, ...]:
        """The key by which versions of one tag family are sorted.

        The operating systems are compared before the builds, because the build numbers start again for each operating
        system.
        """
        orders = tuple(system.order for system in self.systems)
        return (self.numbers, self.pre_release, self.security_fix, orders, self.builds)

    def is_related(self, other: TagVersion) -> bool:
        """Return True if two tags have the same prefix, suffix, scheme and count of numbers."""
        return self.skeleton == other.skeleton and len(self.numbers) == len(other.numbers)

    def has_leading_numbers(self, numbers: tuple[int, ...]) -> bool:
        """Return True if the version begins with `numbers`."""
        return self.numbers[: len(numbers)] == numbers
