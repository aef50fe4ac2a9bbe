"""The version that a tag names: the parts that are ordered, and the parts that are equal in the whole tag family."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RELEASED = (99, 0)
"""The pre-release rank of a final release, above all pre-releases."""


class VersionScheme(StrEnum):
    """The meaning of the numbers in a tag; numbers of different schemes are not comparable."""

    NUMBERS = "numbers"
    YEAR = "year"
    """Numbers that begin with a year: `2024.5.1`."""
    COUNT = "count"
    """Numbers that begin with more than four digits: a build count, or a month (`202405`)."""
    DATE = "date"
    JAVA_UPDATE = "java-update"
    """`8u402-b06`."""


@dataclass(frozen=True, slots=True)
class TagOperatingSystem:
    """The operating system in a tag: `bookworm`, `alpine3.19`, `nanoserver-ltsc2022`."""

    series: str
    """The distribution and its version notation; releases of one series are comparable."""
    word: str
    """As written."""
    order: tuple[int, ...]
    is_long_term: bool = True

    def can_be_replaced_by(self, other: TagOperatingSystem) -> bool:
        """Return True if `other`, of the same series, is equal or later, and has support for at least as long."""
        if other.order == self.order:
            return True
        return other.order > self.order and (other.is_long_term or not self.is_long_term)


@dataclass(frozen=True, slots=True)
class TagVersion:
    """The parsed version of a tag that has a version or an operating system."""

    tag: str
    skeleton: str
    """The tag with placeholders for all ordered parts; equal for all tags of a family, at any precision."""
    skeleton_without_builds: str
    """The skeleton without builds."""
    scheme: VersionScheme | None = None
    """None if only an operating system or a build number is ordered: `bookworm-slim`, `ltsc2019-KB5034127`."""
    numbers: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    """Number of digits of each number, because `04` differs from `4`."""
    systems: tuple[TagOperatingSystem, ...] = ()
    pre_release: tuple[int, int] = RELEASED
    """Rank of the pre-release word, and its number."""
    security_fix: int = 0
    """1 for `10.2.3-security-01`, which comes after `10.2.3` and before `10.2.4`."""
    builds: tuple[tuple[int, ...], ...] = ()
    is_stream: bool = False
    """Whether the numbers count rebuilds of an operating system: `jammy-20240530`."""

    @property
    def is_pre_release(self) -> bool:
        return self.pre_release != RELEASED

    @property
    def system_words(self) -> tuple[str, ...]:
        return tuple(system.word for system in self.systems)

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Sort key within a tag family. The operating system precedes the builds, which start again with it."""
        orders = tuple(system.order for system in self.systems)
        return (self.numbers, self.pre_release, self.security_fix, orders, self.builds)

    def is_related(self, other: TagVersion) -> bool:
        """Return True if both have the same prefix, suffix and scheme, and equally many numbers."""
        return self.skeleton == other.skeleton and len(self.numbers) == len(other.numbers)

    def has_leading_numbers(self, numbers: tuple[int, ...]) -> bool:
        """Return True if the version begins with `numbers`."""
        return self.numbers[: len(numbers)] == numbers
