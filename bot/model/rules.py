"""The types of values that policy keys can have. The keys are declared in `bot.model.policy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.model.advisory import AdvisoryList
from bot.model.config_types.markers import Example, Flag, Parse, WrittenAs
from bot.model.config_types.texts import AcceptableReason, Glob, ImageGlob, MaximumCount, Tag, Text
from bot.model.config_types.times import Age, Day
from bot.model.evidence import Severity, Urgency
from bot.model.limits import ProposalSchedule
from bot.model.modes import AutomergeLimit

_URGENCIES: Mapping[str, Urgency] = {
    AdvisoryList.KEV.value: AdvisoryList.KEV,
    **{each.word: each for each in reversed(Severity)},
}
_FIXES: Mapping[str, Urgency] = {
    **{word: each for word, each in _URGENCIES.items() if each is not Severity.UNKNOWN},
    "any": Severity.UNKNOWN,
}


def _build_choice_parser(choices: Mapping[str, Urgency]) -> Parse:
    def parse(value: object) -> Urgency:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return choices[value]

    return Parse(parse, {"type": "string", "enum": [*choices]})


UrgencyName = Annotated[Urgency, _build_choice_parser(_URGENCIES)]


@dataclass(frozen=True, slots=True)
class AcceptedHold:
    """The config entry for an exception: until the given day, the reason in `hold` does not stop updates.

    `hold` is a reason to hold updates back, or a reason to refuse updates because of their scan results.
    """

    hold: Annotated[AcceptableReason, Example("platform-lost")]
    """The reason for which the updates would be held back or refused."""
    owner: Annotated[Text, Example("platform team")]
    """The person or team that is responsible for this decision."""
    reason: Annotated[Text, Example("nobody runs arm64 any more")]
    """Why that reason does not matter here."""
    until: Annotated[Day, Example("2027-06-30")]
    """The last day on which the exception applies."""


@dataclass(frozen=True, slots=True)
class AutomergeConditions:
    """When the forge may merge a proposal automatically.

    All conditions must hold, and the proposal must not be a draft.
    """

    max_update: Annotated[AutomergeLimit, Example("digest")]
    """How far the images of the proposal may be updated: to the newest digest of their tags (`digest`), or to newer
    tags (`patch`, `minor`, `major`). With `none`, the proposal is never merged automatically.
    """
    require_scan: Flag = True
    """Whether the new image must have been scanned."""
    no_new: Flag = True
    """Whether the update must not introduce vulnerabilities that the old image does not have."""


@dataclass(frozen=True, slots=True)
class IntroducedLimit:
    """How many vulnerabilities of a severity an update may introduce."""

    severity: Severity
    maximum: int


@dataclass(frozen=True, slots=True)
class AllowIntroducedSection:
    """How many new vulnerabilities an update may introduce, by severity.

    A severity that is left out has no limit.
    """

    critical: Annotated[MaximumCount | None, Example(0)] = None
    """The maximum number of new vulnerabilities of severity `critical`."""
    high: Annotated[MaximumCount | None, Example(3)] = None
    """The maximum number of new vulnerabilities of severity `high`."""
    medium: Annotated[MaximumCount | None, Example(20)] = None
    """The maximum number of new vulnerabilities of severity `medium`."""
    low: Annotated[MaximumCount | None, Example(100)] = None
    """The maximum number of new vulnerabilities of severity `low`."""

    def list_limits(self) -> tuple[IntroducedLimit, ...]:
        """Return the limits, the most severe one first."""
        limits = {
            Severity.CRITICAL: self.critical,
            Severity.HIGH: self.high,
            Severity.MEDIUM: self.medium,
            Severity.LOW: self.low,
        }
        return tuple(IntroducedLimit(severity, most) for severity, most in limits.items() if most is not None)


@dataclass(frozen=True, slots=True)
class OpenCondition:
    """Conditions for opening a proposal. A single met condition is sufficient."""

    fixes: Annotated[Urgency, _build_choice_parser(_FIXES), Example("high")]
    """The lowest severity of a vulnerability that the update must fix. `any` means a vulnerability of any severity,
    `kev` one that is known to be exploited.
    """
    or_older_than: Annotated[Age | None, Example("30d")] = None
    """A proposal is also opened if the image in use was built longer ago than this. Default: the age of the image does
    not matter.
    """


@dataclass(frozen=True, slots=True)
class RefreshSection:
    """How often an open proposal may change while people review it."""

    every: Annotated[Age, Example("7d")]
    """How long an accepted proposal stays unchanged after its last commit. The same delay applies if a newer digest has
    merely become as old as `min_age` requires.
    """


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


IntroducedLimits = Annotated[
    tuple[IntroducedLimit, ...], WrittenAs(AllowIntroducedSection, AllowIntroducedSection.list_limits)
]
RefreshPeriod = Annotated[timedelta, WrittenAs(RefreshSection, lambda each: each.every)]
Schedules = Annotated[tuple[ProposalSchedule, ...], WrittenAs(ProposalSchedule, lambda each: (each,))]
"""The schedules of several files. Each file has one."""
