"""The policy that applies to one image reference, and all policy of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.model.hosts import PURGING_HOSTS
from bot.model.modes import REFRESH_EVERY, OnClose, Rebase, SplitBy, UpdateMode, WhenUnknown
from bot.model.vocabulary import Reason

if TYPE_CHECKING:  # only annotations need these imports, so they do not slow down the start
    from bot.model.evidence import Urgency
    from bot.model.pace import ProposalSchedule
    from bot.model.rules import AcceptedHold, IntroducedLimit, AutomergeConditions, ConfiguredEndOfLife, OpenCondition, PolicyRule
    from bot.model.trust import TrustEntry


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy for one image reference, after all rules were evaluated."""

    update: UpdateMode = UpdateMode.DIGEST
    pin: bool = True
    tag: str | None = None
    """The tag that a reference without a tag tracks."""
    ignore: bool = False
    labels: tuple[str, ...] = ()
    require_scan: bool = False
    require_signature: bool = False
    """Whether the new image must have a signature of a trusted signer."""
    allow_introduced: tuple[IntroducedLimit, ...] = ()
    """How many vulnerabilities an update may introduce; unlimited for severities that are not listed."""
    open_when: OpenCondition | None = None
    """The condition for opening a proposal; None opens one for any newer digest."""
    when_unknown: WhenUnknown | None = None
    """What to do while fixed and introduced vulnerabilities are unknown; None waits while that may still change."""
    allow: tuple[Reason, ...] = ()
    """Reasons for skipping that do not apply: references that are not editable for one of these are updated."""
    accept: tuple[AcceptedHold, ...] = ()
    """Holds that do not apply until a date, because an owner accepts them."""
    min_age: timedelta = timedelta()
    """The minimum age of a digest before it is proposed."""
    platforms: tuple[str, ...] = ()
    """The platforms in use; empty for all platforms of the image in the file."""
    os_variants: bool = False
    """Whether a tag may change to the next release of the distribution that it names."""
    replace_ended: bool = False
    """Whether the successor of a superseded tag is proposed."""
    bypass_min_age_for: tuple[Urgency, ...] = ()
    """A digest that fixes one of these vulnerabilities is exempt from `min_age`."""
    group: str | None = None
    """The name of the group whose updates share one proposal; None for a proposal per tag."""
    split_by: SplitBy = SplitBy.NOTHING
    """Whether each folder gets its own proposal."""
    refresh_every: timedelta = REFRESH_EVERY
    """How often a proposal may be refreshed although a user accepted it, or although the new digest only aged."""
    paused: bool = False
    """Whether no updates are proposed for now; open proposals stay as they are."""
    schedules: tuple[ProposalSchedule, ...] = ()
    """All schedules must allow opening a proposal."""
    on_close: OnClose = OnClose.DIGEST
    """What closing a proposal declines."""
    reviewers: tuple[str, ...] = ()
    """Reviewers to request: login names, and teams as `team:NAME`."""
    assignees: tuple[str, ...] = ()
    milestone: str | None = None
    """Title of the milestone."""
    draft: bool = False
    automerge: AutomergeConditions | None = None
    """The conditions under which the forge may merge automatically; None for never."""
    rebase: Rebase = Rebase.AUTO
    """When the branch is rebuilt because its base branch changed."""
    mandatory: bool = False
    """Whether the repository's own config and ignore comments can neither skip nor delay the update."""
    has_own_role_rule: bool = False
    """True if a matching rule has `role: own`; otherwise own images are skipped."""


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """The policy part of the operator's config, which selecting and deciding depend on."""

    rules: tuple[PolicyRule, ...] = ()
    repository_rules: tuple[PolicyRule, ...] = ()
    """Rules of the repository's own config file, which can only make the policy stricter."""
    own_globs: tuple[str, ...] | None = None
    """Globs of the operator's own images; None if `own` is not set."""
    listed_hosts: frozenset[str] = frozenset()
    """Registries listed in the config."""
    purging_hosts: frozenset[str] = PURGING_HOSTS
    """Registries that delete untagged digests, built-in and declared."""
    end_of_life: tuple[ConfiguredEndOfLife, ...] = ()
    trust: tuple[TrustEntry, ...] = ()
    """The trusted signers of images; the first entry that matches an image applies."""
