"""Limits on opening proposals: how many at once, and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProposalLimits:
    """How many proposals may be opened; None means no limit."""

    new_per_repository: int | None = None
    """The limit for one repository in one run."""
    new_per_run: int | None = None
    """The limit for all repositories of a run together."""
    open_per_repository: int | None = None
    """The limit of proposals open at the same time in a repository, including those of earlier runs."""


DEFAULT_FLEET_LIMITS = ProposalLimits(new_per_repository=2, new_per_run=50, open_per_repository=5)
"""The default for repositories that the config selects by owner or topic."""


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """How repositories that the config does not name are onboarded.

    None means the default for those repositories, and no effect on repositories that the config names.
    """

    repositories_per_run: int | None = None
    """How many repositories receive their first proposal in one run."""
    first_proposal: bool | None = None
    """Whether a repository starts with one proposal for all updates; others follow after users answered it."""
    needs_own_file: bool = False
    """Whether only repositories that contain their own config file are processed, even if the config names them."""


DEFAULT_REPOSITORIES_PER_RUN = 20
"""The default: as many repositories as a team can handle in a day."""


@dataclass(frozen=True, slots=True)
class ProposalSchedule:
    """The times at which proposals may be opened."""

    cron: str
    """Five fields, of which the first is `*`: hours and days only, because runs do not start at exact minutes."""
    timezone: str = "UTC"
    """A name from the IANA time zone database."""
