"""A tag, read: what of it counts up, and what must stay as it is for another tag to be of the same family."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RELEASED = (99, 0)
"""Stands where a pre-release has its rank: above all of them."""


class Scheme(StrEnum):
    """How the numbers of a tag are meant; those of different schemes say nothing about each other."""

    NUMBERS = "numbers"
    YEAR = "year"
    """Numbers that begin with a year: `2024.5.1`."""
    COUNT = "count"
    """Numbers that begin with more digits than a year has: of builds, or of a month (`202405`)."""
    DATE = "date"
    JAVA_UPDATE = "java-update"
    """`8u402-b06`."""


@dataclass(frozen=True, slots=True)
class System:
    """The operating system that a tag names: `bookworm`, `alpine3.19`, `nanoserver-ltsc2022`."""

    line: str
    """What it moves within: a distribution, in one way to write its versions."""
    word: str
    """As written."""
    order: tuple[int, ...]
    is_long_term: bool = True

    def leads_to(self, other: System) -> bool:
        """Say whether `other`, of the same line, is this one or a later one that is supported at least as long."""
        if other.order == self.order:
            return True
        return other.order > self.order and (other.is_long_term or not self.is_long_term)


@dataclass(frozen=True, slots=True)
class Version:
    """What a tag says; a tag that says neither a version nor a system has none."""

    tag: str
    skeleton: str
    """The tag with a name in place of everything that may move: equal in all tags of a family, whatever precision."""
    bare: str
    """The same without builds."""
    scheme: Scheme | None = None
    """None where only a system or a build number moves: `bookworm-slim`, `ltsc2019-KB5034127`."""
    numbers: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    """Digits of each number: `04` is not `4`."""
    systems: tuple[System, ...] = ()
    pre_release: tuple[int, int] = RELEASED
    """Rank of the word, and its number."""
    fix: int = 0
    """Of `10.2.3-security-01`, which comes after `10.2.3` and before `10.2.4`."""
    builds: tuple[tuple[int, ...], ...] = ()
    is_stream: bool = False
    """Whether its numbers count the rebuilds of one system, and are not releases: `jammy-20240530`."""

    @property
    def is_pre_release(self) -> bool:
        return self.pre_release != RELEASED

    @property
    def system_words(self) -> tuple[str, ...]:
        return tuple(system.word for system in self.systems)

    @property
    def age(self) -> tuple[object, ...]:
        """Orders the tags of a family. A system counts before builds, which begin anew with it."""
        orders = tuple(system.order for system in self.systems)
        return (self.numbers, self.pre_release, self.fix, orders, self.builds)

    def is_related(self, other: Version) -> bool:
        """Say whether both have the same prefix, suffix and scheme, and the same number of numbers."""
        return self.skeleton == other.skeleton and len(self.numbers) == len(other.numbers)

    def extends(self, numbers: tuple[int, ...]) -> bool:
        """Say whether its numbers begin with `numbers`."""
        return self.numbers[: len(numbers)] == numbers
