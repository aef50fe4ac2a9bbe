"""The rules of the config as they are written; `bot.model.policy.Policy` is the result of evaluating them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, timedelta

    from bot.model.evidence import Severity, Urgency
    from bot.model.modes import OnClose, Rebase, SplitBy, UpdateMode, WhenUnknown
    from bot.model.pace import ProposalSchedule
    from bot.model.vocabulary import Reason, Role


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """The condition of a rule; None or empty matches everything. Texts are globs that must match the whole value."""

    image: tuple[str, ...] = ()
    """Globs over canonical repositories: `docker.io/library/*`."""
    path: tuple[str, ...] = ()
    format: tuple[str, ...] = ()
    role: Role | None = None
    repository: tuple[str, ...] = ()
    """Globs over names of git repositories."""
    base_branch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AcceptedHold:
    """A hold that an owner accepts until a date."""

    reason: Reason
    owner: str
    justification: str
    until: date
    """The last day on which the hold is accepted."""


@dataclass(frozen=True, slots=True)
class AutomergeConditions:
    """The conditions under which the forge may merge a proposal automatically; all must be met."""

    max_update: UpdateMode
    """The largest update that any of its images may make."""
    require_scan: bool = True
    """Whether the new images must have been scanned."""
    forbids_introduced: bool = True
    """Whether the update must be known to introduce no vulnerability."""


@dataclass(frozen=True, slots=True)
class IntroducedLimit:
    """How many vulnerabilities of a severity an update may introduce."""

    severity: Severity
    maximum: int


@dataclass(frozen=True, slots=True)
class OpenCondition:
    """The conditions for opening a proposal; one of them is enough."""

    must_fix: Urgency
    """The minimum severity of a vulnerability that it must fix, `UNKNOWN` for any; or KEV for an exploited one."""
    or_older_than: timedelta | None = None
    """The age at which the image in use is replaced regardless of what the update fixes."""


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """Policy keys for the image references that `match` matches; None leaves a key to a later rule."""

    match: RuleMatch = field(default_factory=RuleMatch)
    update: UpdateMode | None = None
    pin: bool | None = None
    tag: str | None = None
    ignore: bool | None = None
    labels: tuple[str, ...] | None = None
    require_scan: bool | None = None
    require_signature: bool | None = None
    allow_introduced: tuple[IntroducedLimit, ...] | None = None
    open_when: OpenCondition | None = None
    when_unknown: WhenUnknown | None = None
    allow: tuple[Reason, ...] | None = None
    accept: tuple[AcceptedHold, ...] | None = None
    min_age: timedelta | None = None
    platforms: tuple[str, ...] | None = None
    os_variants: bool | None = None
    replace_ended: bool | None = None
    bypass_min_age_for: tuple[Urgency, ...] | None = None
    group: str | None = None
    split_by: SplitBy | None = None
    refresh_every: timedelta | None = None
    paused: bool | None = None
    schedule: ProposalSchedule | None = None
    on_close: OnClose | None = None
    reviewers: tuple[str, ...] | None = None
    assignees: tuple[str, ...] | None = None
    milestone: str | None = None
    draft: bool | None = None
    automerge: AutomergeConditions | None = None
    rebase: Rebase | None = None
    mandatory: bool | None = None


@dataclass(frozen=True, slots=True)
class ConfiguredEndOfLife:
    """A date from the operator on which support of some tags ends. Texts are globs that must match the whole value."""

    image: str
    tag: str
    date: date
    """The last day of support."""
    successor: str | None = None
    """The tag to update to."""
