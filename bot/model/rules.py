"""The types of values that policy keys can have. The keys are declared in `bot.model.policy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, timedelta

    from bot.model.evidence import Severity, Urgency
    from bot.model.modes import UpdateMode
    from bot.model.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class AcceptedHold:
    """An exception in the config. Until the day `until`, updates are neither held nor refused for the reason `reason`.

    `owner` is the person or team that is responsible for this decision.
    """

    reason: Reason
    owner: str
    justification: str
    until: date
    """The last day on which the hold is accepted."""


@dataclass(frozen=True, slots=True)
class AutomergeConditions:
    """The conditions under which the forge may merge a proposal automatically. All of them must be met."""

    max_update: UpdateMode
    """The largest update mode that the update of any image in the proposal may have."""
    require_scan: bool = True
    """True if the new images must have been scanned."""
    forbids_introduced: bool = True
    """True if the update must be known not to introduce vulnerabilities."""


@dataclass(frozen=True, slots=True)
class IntroducedLimit:
    """How many vulnerabilities of a severity an update may introduce."""

    severity: Severity
    maximum: int


@dataclass(frozen=True, slots=True)
class OpenCondition:
    """The conditions for opening a proposal, if the policy sets any. It is enough if one of the conditions is met."""

    must_fix: Urgency
    """The minimum severity of a vulnerability that the update must fix. `UNKNOWN` means any vulnerability, and KEV
    means one that is known to be exploited."""
    or_older_than: timedelta | None = None
    """The age at which the image in use is updated even if the update fixes no such vulnerability; None for no age."""


@dataclass(frozen=True, slots=True)
class ConfiguredEndOfLife:
    """An end-of-life date in the operator's config, for the tags that match two globs.

    `image` and `tag` are these globs, which must match the whole value.
    """

    image: str
    tag: str
    date: date
    """The last day of support."""
    successor: str | None = None
    """The tag to update to; None if the config does not set a tag."""
