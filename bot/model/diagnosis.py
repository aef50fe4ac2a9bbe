"""The values behind `basebump doctor`: the checks of the parts of a config and their results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.vocabulary import Level


class Mark(StrEnum):
    """The status of one check."""

    OK = "ok"
    PROBLEM = "problem"
    """A run at the requested level needs this, and it does not work."""
    UNKNOWN = "cannot-tell"
    """The result is unknown, because only a write would show it."""


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
    """One check and its result."""

    subject: str
    """The component that was checked: a repository, a registry, a program."""
    tried: str
    """The action of a run that was checked: `push branches`."""
    mark: Mark
    found: str
    """The outcome and, for a problem, the next step; contains text from outside."""


@dataclass(frozen=True, slots=True)
class Aim:
    """The kind of run that is diagnosed, which determines the requirements to check."""

    level: Level
    branch_prefix: str
    has_status: bool = False
    """True if the run sets commit statuses."""
    has_dashboards: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks for runs up to a level."""

    level: Level
    checks: tuple[tuple[Area, Check], ...]

    @property
    def is_well(self) -> bool:
        """True if no check found a problem; checks with an unknown result do not count."""
        return all(check.mark is not Mark.PROBLEM for _, check in self.checks)

    def count(self, mark: Mark) -> int:
        return sum(check.mark is mark for _, check in self.checks)


def ok(subject: str, tried: str, found: str) -> Check:
    return Check(subject, tried, Mark.OK, found)


def problem(subject: str, tried: str, found: str) -> Check:
    return Check(subject, tried, Mark.PROBLEM, found)


def cannot_tell(subject: str, tried: str, found: str) -> Check:
    return Check(subject, tried, Mark.UNKNOWN, found)
