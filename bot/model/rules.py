"""The types of values that policy keys can have. The keys are declared in `bot.model.policy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.model.config_types.texts import Glob, ImageGlob, Tag
from bot.model.config_types.times import Day

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
    """An entry of the file that `end_of_life` names. It states when the support for some tags of an image ends."""

    image: ImageGlob
    """A glob for the canonical repository, such as `docker.io/library/python`."""
    tag: Glob
    """A glob for the tag, such as `3.8*`."""
    date: Day
    """The last day of support."""
    successor: Tag | None = None
    """The tag to update to. Default: none; the report then names no successor."""
