"""The options that the operator sets for a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.model.forge import ForgeLimits, GitRepository
from bot.model.limits import ProposalLimits, RolloutOptions
from bot.model.policy import PolicyConfig
from bot.model.run_scope import RunScope
from bot.model.vocabulary import RunLevel
from bot.pipeline.plan_proposals import ProposalStyle, TemplateSources


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options that the operator sets for a run."""

    policy_config: PolicyConfig
    branch_prefix: str
    templates: TemplateSources
    level: RunLevel = RunLevel.REPORT
    scope: RunScope = field(default_factory=RunScope)
    has_dashboards: bool = False
    """True if each repository has a dashboard issue."""
    has_status: bool = True
    """True if the evidence is also shown as a commit status."""
    trailers: tuple[str, ...] = ()
    """Trailers of every commit: `Signed-off-by: …`."""
    rollout: RolloutOptions = field(default_factory=RolloutOptions)
    limits: ProposalLimits | None = None
    """None if the config sets no limits."""

    def build_style(self, limits: ForgeLimits, repository: GitRepository) -> ProposalStyle:
        """Return how proposals to a repository are rendered on a forge with the given limits."""
        return ProposalStyle(
            self.branch_prefix, self.templates, self.trailers, limits, self.has_status, repository.may_be_public
        )
