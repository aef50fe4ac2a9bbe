"""Long-term support schedules: an image on a long-term release of these products is updated to the next such release.

Neither tags nor tag lists name the product, so each schedule lists tags by which it is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LongTermSchedule:
    """The long-term releases of one product."""

    identifying_tags: tuple[frozenset[str], ...]
    """Sets of tags; a repository that has all tags of one set belongs to the product."""
    depth: int
    """How many leading numbers identify a release that has its own support period."""
    is_long_term: Callable[[tuple[int, ...]], bool]
    """Called with `depth` numbers."""

    def can_update(self, written: tuple[int, ...], candidate: tuple[int, ...]) -> bool:
        """Return True if an image with the `written` numbers may be updated to the `candidate` ones."""
        written_release, candidate_release = written[: self.depth], candidate[: self.depth]
        if len(written_release) < self.depth or written_release == candidate_release:
            return True
        return self.is_long_term(candidate_release) or not self.is_long_term(written_release)


def _build_tag_sets(*pairs: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(pair.split()) for pair in pairs)


LONG_TERM_SCHEDULES = (
    # Node.js: even majors become LTS in the October after their release.
    LongTermSchedule(
        _build_tag_sets("lts current", "hydrogen iron", "iron jod"), 1, lambda numbers: numbers[0] % 2 == 0
    ),
    # Java: 8, 11, 17, and every fourth from there on.
    LongTermSchedule(
        _build_tag_sets(
            *("11-jdk 17-jdk", "17-jdk 21-jdk", "21-jdk 25-jdk", "11-jre 17-jre", "17-jre 21-jre", "21-jre 25-jre"),
            *("11-alpine-jdk 17-alpine-jdk", "17-alpine-jdk 21-alpine-jdk", "21-alpine-jdk 25-alpine-jdk"),
        ),
        1,
        lambda numbers: numbers[0] in {8, 11} or (numbers[0] >= 17 and numbers[0] % 4 == 1),  # noqa: PLR2004
    ),
    # nginx: even minors are stable, odd ones are mainline.
    LongTermSchedule(_build_tag_sets("mainline stable"), 2, lambda numbers: numbers[1] % 2 == 0),
    # Ubuntu: April of even years.
    LongTermSchedule(
        _build_tag_sets("focal 20.04", "jammy 22.04", "noble 24.04", "resolute 26.04"),
        2,
        lambda numbers: numbers[0] % 2 == 0 and numbers[1] == 4,  # noqa: PLR2004
    ),
)


def find_schedule(available_tags: Collection[str]) -> LongTermSchedule | None:
    """Return the schedule of the product that these tags identify, or None."""
    tags = frozenset(available_tags)
    return next(
        (schedule for schedule in LONG_TERM_SCHEDULES if any(each <= tags for each in schedule.identifying_tags)), None
    )
