"""Long-term support schedules: an image on a long-term release of these products is updated to the next such release.

Neither tags nor tag lists name the product, so each schedule lists tags by which it is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """The long-term releases of one product."""

    evidence: tuple[frozenset[str], ...]
    """Sets of tags; a repository that has all tags of one set belongs to the product."""
    depth: int
    """How many leading numbers identify a release that has its own support period."""
    is_long_term: Callable[[tuple[int, ...]], bool]
    """Called with `depth` numbers."""

    def allows(self, written: tuple[int, ...], offered: tuple[int, ...]) -> bool:
        """Return True if an image with the `written` numbers may be updated to the `offered` ones."""
        here, there = written[: self.depth], offered[: self.depth]
        if len(here) < self.depth or here == there:
            return True
        return self.is_long_term(there) or not self.is_long_term(here)


def _together(*pairs: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(pair.split()) for pair in pairs)


SCHEDULES = (
    # Node.js: even majors become LTS in the October after their release.
    Schedule(_together("lts current", "hydrogen iron", "iron jod"), 1, lambda numbers: numbers[0] % 2 == 0),
    # Java: 8, 11, 17, and every fourth from there on.
    Schedule(
        _together(
            *("11-jdk 17-jdk", "17-jdk 21-jdk", "21-jdk 25-jdk", "11-jre 17-jre", "17-jre 21-jre", "21-jre 25-jre"),
            *("11-alpine-jdk 17-alpine-jdk", "17-alpine-jdk 21-alpine-jdk", "21-alpine-jdk 25-alpine-jdk"),
        ),
        1,
        lambda numbers: numbers[0] in {8, 11} or (numbers[0] >= 17 and numbers[0] % 4 == 1),  # noqa: PLR2004
    ),
    # nginx: even minors are stable, odd ones are mainline.
    Schedule(_together("mainline stable"), 2, lambda numbers: numbers[1] % 2 == 0),
    # Ubuntu: April of even years.
    Schedule(
        _together("focal 20.04", "jammy 22.04", "noble 24.04", "resolute 26.04"),
        2,
        lambda numbers: numbers[0] % 2 == 0 and numbers[1] == 4,  # noqa: PLR2004
    ),
)


def schedule_of(offered: Collection[str]) -> Schedule | None:
    """Return the schedule of the product that these tags identify, or None."""
    tags = frozenset(offered)
    return next((schedule for schedule in SCHEDULES if any(each <= tags for each in schedule.evidence)), None)
