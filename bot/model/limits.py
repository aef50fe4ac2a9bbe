"""Limits on the number of proposals, the onboarding of repositories, and the times at which proposals are opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

LIMIT_WINDOW = timedelta(hours=1)
"""The default of `ProposalLimits.window`. The parts of a run (shards) that start together usually end within it."""


@dataclass(frozen=True, slots=True)
class ProposalLimits:
    """The maximum number of proposals that may be opened. A number is None if there is no limit."""

    new_per_repository: int | None = None
    """The limit for one repository in one run."""
    new_per_window: int | None = None
    """The limit for all repositories combined, within `window`."""
    open_per_repository: int | None = None
    """The limit of proposals that are open in a repository at the same time, including those of earlier runs."""
    window: timedelta = LIMIT_WINDOW
    """All runs that use the same state count together what they opened within this time, for `new_per_window`,
    `new_per_repository` and `RolloutOptions.repositories_per_run`. Without a state, each run counts alone."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A proposal that a run opens, or opened within the window of the limits."""

    repository: tuple[str, str, str]
    """The kind of the forge, its host (empty for a local folder), and the name of the repository."""
    branch: str
    counts_per_run: bool
    """True if it counts towards `new_per_window`."""
    is_first_of_repository: bool
    """True if it counts towards `repositories_per_run`."""


DEFAULT_FLEET_LIMITS = ProposalLimits(new_per_repository=2, new_per_window=50, open_per_repository=5)
"""The default for repositories that the config selects by owner or topic."""


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """The options for onboarding repositories.

    If an option is None, a default applies to the repositories that the config selects by owner or topic, and the
    option has no effect on repositories that the config names one by one. If an option is set, its value applies to all
    repositories.
    """

    repositories_per_run: int | None = None
    """How many repositories may receive their first proposal in one run."""
    first_proposal: bool | None = None
    """True if a repository starts with one proposal for all updates. Other proposals follow after it was merged."""
    needs_own_file: bool = False
    """True if only repositories with a config file of their own are processed, even if the config names others."""


DEFAULT_REPOSITORIES_PER_RUN = 20
"""The default of `repositories_per_run`, which is the number of repositories that a team can handle in a day."""


@dataclass(frozen=True, slots=True)
class ProposalSchedule:
    """The times at which proposals may be opened."""

    cron: str
    """A cron expression with five fields. The first is `*`, because runs do not start at exact minutes."""
    timezone: str = "UTC"
    """A name from the IANA time zone database."""
