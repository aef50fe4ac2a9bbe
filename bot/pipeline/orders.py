"""What the operator wants of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.model.forge import ForgeLimits, GitRepository
from bot.model.pace import Limits, Rollout
from bot.model.policy import Rulebook
from bot.model.scope import Scope
from bot.model.vocabulary import Level
from bot.pipeline.plan import Templates, Wording


@dataclass(frozen=True, slots=True)
class Orders:
    """What the operator wants of a run."""

    rulebook: Rulebook
    branch_prefix: str
    templates: Templates
    level: Level = Level.REPORT
    scope: Scope = field(default_factory=Scope)
    has_dashboards: bool = False
    """Whether each repository has an issue that shows everything."""
    has_status: bool = True
    """Whether what is known of a proposal is a status of its commit, too."""
    trailers: tuple[str, ...] = ()
    """Of every commit: `Signed-off-by: …`."""
    rollout: Rollout = field(default_factory=Rollout)
    limits: Limits | None = None
    """None where the operator says nothing."""

    def wording(self, limits: ForgeLimits, repository: GitRepository) -> Wording:
        """Return how proposals to a repository read, on a forge with such limits."""
        return Wording(
            self.branch_prefix, self.templates, self.trailers, limits, self.has_status, repository.may_be_public
        )
