"""What the operator wants of a run."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.pace import Limits
from bot.model.policy import Rulebook
from bot.model.vocabulary import Level
from bot.pipeline.plan import Wording
from bot.ports import ForgeLimits


@dataclass(frozen=True, slots=True)
class Orders:
    """What the operator wants of a run."""

    rulebook: Rulebook
    branch_prefix: str
    body_template: str
    dashboard_template: str
    level: Level = Level.REPORT
    only: frozenset[str] = frozenset()
    """Names of repositories; empty for all."""
    has_dashboards: bool = False
    """Whether each repository has an issue that shows everything."""
    limits: Limits | None = None
    """None where the operator says nothing."""

    def wording(self, limits: ForgeLimits) -> Wording:
        """Return how proposals read on a forge with such limits."""
        return Wording(self.branch_prefix, self.body_template, limits)
