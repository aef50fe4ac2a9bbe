"""Limits on the number of proposals, the onboarding of repositories, and the times at which proposals are opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from bot.model.config_types.markers import Example, Flag
from bot.model.config_types.texts import Count
from bot.model.config_types.times import Cron, PositiveDuration, Timezone

LIMIT_WINDOW = timedelta(hours=1)
"""The default of `ProposalLimits.window`. The parts of a run (shards) that start together usually end within it."""


@dataclass(frozen=True, slots=True)
class ProposalLimits:
    """How many proposals may be opened.

    If the config has this section, its limits apply to all repositories, and a key that is left out means no limit.
    """

    new_per_repository: Annotated[Count | None, Example(2)] = None
    """How many proposals one run may open in one repository. Default without this section: 2 in repositories selected
    by owner, no limit in others.
    """
    new_per_window: Annotated[Count | None, Example(50)] = None
    """How many proposals may be opened in total within `window`. Default without this section: 50 in repositories
    selected by owner, no limit in others.
    """
    open_per_repository: Annotated[Count | None, Example(5)] = None
    """How many proposals may be open at the same time in one repository. Default without this section: 5 in
    repositories selected by owner, no limit in others.
    """
    window: PositiveDuration = LIMIT_WINDOW
    """All runs that use the same `state` count together what they opened within this time, for `new_per_window`,
    `new_per_repository` and `rollout.repositories_per_run`. Set it to the time that all parts of a run take. Without a
    `state`, each run counts alone.
    """


@dataclass(frozen=True, slots=True)
class Opening:
    """A proposal that a run opens, or opened within the window of the limits."""

    repository: tuple[str, str, str]
    """The kind of the forge, its host (empty for a local folder), and the name of the repository."""
    branch: str
    counts_in_window: bool
    """True if it counts towards `new_per_window`."""
    is_first_of_repository: bool
    """True if it counts towards `repositories_per_run`."""


DEFAULT_FLEET_LIMITS = ProposalLimits(new_per_repository=2, new_per_window=50, open_per_repository=5)
"""The default for repositories that the config selects by owner or topic."""


class RolloutMode(StrEnum):
    """Whether basebump handles all selected repositories, or only those that have a config file of their own."""

    OPT_OUT = "opt-out"
    OPT_IN = "opt-in"


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """How repositories are onboarded."""

    mode: RolloutMode = RolloutMode.OPT_OUT
    """Which of the selected repositories are included: all of them (`opt-out`), or only those with a basebump file of
    their own (`opt-in`).
    """
    first_proposal: Flag | None = None
    """Whether a repository starts with one proposal for all its updates. Default: true for repositories selected by
    owner, false for others.
    """
    repositories_per_run: Annotated[Count | None, Example(20)] = None
    """How many repositories get their first proposal in one run. Default: 20 of the repositories selected by owner, no
    limit for others.
    """

    @property
    def needs_own_file(self) -> bool:
        """True if only repositories with a config file of their own are processed, even if the config names others."""
        return self.mode is RolloutMode.OPT_IN


DEFAULT_REPOSITORIES_PER_RUN = 20
"""The default of `repositories_per_run`, which is the number of repositories that a team can handle in a day."""


@dataclass(frozen=True, slots=True)
class ProposalSchedule:
    """When basebump may open proposals. Schedules do not affect open proposals."""

    cron: Annotated[Cron, Example("* 6-9 * * MON")]
    """A crontab expression of five fields, the first of which must be `*`. For example, `* 6-9 * * MON` means every
    Monday from 6:00 to 9:59.
    """
    timezone: Timezone = "UTC"
    """The time zone of the schedule: a name from the IANA time zone database, such as `Europe/Berlin`."""
