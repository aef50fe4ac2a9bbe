"""The values of the keys of a rule; `bot.model.policy` has the keys."""

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
class ConfiguredEndOfLife:
    """A date from the operator on which support of some tags ends. Texts are globs that must match the whole value."""

    image: str
    tag: str
    date: date
    """The last day of support."""
    successor: str | None = None
    """The tag to update to."""
