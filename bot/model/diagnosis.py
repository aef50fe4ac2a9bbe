"""What trying the parts of a config came to: the values behind `basebump doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.vocabulary import Level


class Mark(StrEnum):
    """What came of one try."""

    OK = "ok"
    PROBLEM = "problem"
    """A run at the level that was asked about needs it, and it does not work."""
    UNKNOWN = "cannot-tell"
    """Nobody says, unless something is written."""


class Area(StrEnum):
    """The part of a config that a check is about."""

    CONFIG = "config"
    FORGES = "forges"
    REGISTRIES = "registries"
    SCANNERS = "scanners"
    TRUST = "trust"
    ENRICHMENT = "enrichment"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Check:
    """One try, and what came of it."""

    subject: str
    """Who or what was tried: a repository, a registry, a program."""
    tried: str
    """What a run would do with it: `push branches`."""
    mark: Mark
    found: str
    """What came of it, and for a problem what to do next; from outside in part."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a run is to do, which says what it needs."""

    level: Level
    branch_prefix: str
    has_status: bool = False
    """Whether it sets the status of commits."""
    has_dashboards: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was tried for runs up to a level."""

    level: Level
    checks: tuple[tuple[Area, Check], ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing is known to be in the way of a run; what nobody could tell is not known."""
        return all(check.mark is not Mark.PROBLEM for _, check in self.checks)

    def count(self, mark: Mark) -> int:
        return sum(check.mark is mark for _, check in self.checks)


def ok(subject: str, tried: str, found: str) -> Check:
    return Check(subject, tried, Mark.OK, found)


def problem(subject: str, tried: str, found: str) -> Check:
    return Check(subject, tried, Mark.PROBLEM, found)


def cannot_tell(subject: str, tried: str, found: str) -> Check:
    return Check(subject, tried, Mark.UNKNOWN, found)
