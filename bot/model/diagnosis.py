"""The results of `basebump doctor`: checks of each part of a config."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.vocabulary import RunLevel

TRIAL_ACTION = "create a branch with a commit"
"""The first action of a trial of all writes."""


class CheckStatus(StrEnum):
    """The status of one check."""

    OK = "ok"
    PROBLEM = "problem"
    """A run at the requested level needs the action, and the action does not work."""
    UNKNOWN = "cannot-tell"
    """The result is unknown, because only a write could show whether the action works."""
    INCOMPLETE = "incomplete"
    """The check could not be completed, for example because a server could not be reached."""


class ConfigArea(StrEnum):
    """The part of a config that a check is about."""

    CONFIG = "config"
    FORGES = "forges"
    REGISTRIES = "registries"
    SCANNERS = "scanners"
    TRUST = "trust"
    BLOCKED = "blocked"
    ENRICHMENT = "enrichment"
    CLUSTERS = "clusters"
    STATE = "state"
    SERVE = "serve"


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result."""

    subject: str
    """The component that was checked, such as a repository, a registry or a program."""
    action: str
    """The action of a run that was checked, such as `push branches`."""
    status: CheckStatus
    result: str
    """The outcome and, for a problem, the next step. It may contain untrusted text, such as an error of a server."""


@dataclass(frozen=True, slots=True)
class DiagnosisTarget:
    """The kind of run for which `basebump doctor` tests the config.

    It determines which requirements are tested. A run that only reports, for example, needs no permission to push.
    """

    level: RunLevel
    branch_prefix: str
    sets_commit_status: bool = False
    """True if the run sets commit statuses."""
    has_dashboards: bool = False
    reads_ci: bool = False
    """True if the run reads how CI ended on pull requests."""
    trial_repository: str | None = None
    """The name of a repository on which all writes are tried; None to write nothing."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The results of all checks for one kind of run."""

    level: RunLevel
    checks: tuple[tuple[ConfigArea, Check], ...]

    @property
    def is_healthy(self) -> bool:
        """True if no check found a problem, and all checks were completed.

        A check that only a write could complete does not count.
        """
        return self.count(CheckStatus.PROBLEM) == self.count(CheckStatus.INCOMPLETE) == 0

    @property
    def has_trial(self) -> bool:
        """True if writes were tried on a repository."""
        return any(check.action == TRIAL_ACTION for _, check in self.checks)

    def count(self, status: CheckStatus) -> int:
        return sum(check.status is status for _, check in self.checks)


def report_ok(subject: str, action: str, result: str) -> Check:
    return Check(subject, action, CheckStatus.OK, result)


def report_problem(subject: str, action: str, result: str) -> Check:
    return Check(subject, action, CheckStatus.PROBLEM, result)


def report_unknown(subject: str, action: str, result: str) -> Check:
    return Check(subject, action, CheckStatus.UNKNOWN, result)


def report_incomplete(subject: str, action: str, result: str) -> Check:
    return Check(subject, action, CheckStatus.INCOMPLETE, result)
