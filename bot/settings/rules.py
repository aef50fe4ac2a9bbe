"""The rules of the config file and of a repository's own file, made from the policy keys of `bot.model.policy`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Self, runtime_checkable

from pydantic import BeforeValidator, Field, StrictBool, WithJsonSchema, create_model, model_validator

from bot.model import rules
from bot.model.advisory import AdvisoryList
from bot.model.config_types import names, texts, times
from bot.model.config_types.markers import NonEmptyList, OneOrMore, OneToFew, ShortList
from bot.model.due_date import DuePeriods, DueUntil
from bot.model.evidence import Severity, Urgency
from bot.model.limits import ProposalSchedule
from bot.model.modes import OnClose, Rebase, SplitBy, UpdateMode, WhenUnknown
from bot.model.policy import PolicyRule, RequiredEvidence, RuleMatch, policy_keys
from bot.model.rules import AcceptedHold, IntroducedLimit
from bot.model.vocabulary import Role
from bot.settings.section import ConfigSection
from bot.settings.sections.files import FormatGlob

_URGENCIES: Mapping[str, Urgency] = {
    AdvisoryList.KEV.value: AdvisoryList.KEV,
    **{each.word: each for each in reversed(Severity)},
}
_FIXES: Mapping[str, Urgency] = {
    **{word: each for word, each in _URGENCIES.items() if each is not Severity.UNKNOWN},
    "any": Severity.UNKNOWN,
}


def _build_choice_validator(choices: Mapping[str, Urgency]) -> BeforeValidator:
    def check(value: object) -> object:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return choices[value]

    return BeforeValidator(check)


UrgencyName = Annotated[
    Urgency, _build_choice_validator(_URGENCIES), WithJsonSchema({"type": "string", "enum": [*_URGENCIES]})
]
Fixes = Annotated[Urgency, _build_choice_validator(_FIXES), WithJsonSchema({"type": "string", "enum": [*_FIXES]})]


class RefreshSection(ConfigSection):
    """How often an open proposal may change while people review it."""

    every: times.Age
    """How long an accepted proposal stays unchanged after its last commit. The same delay applies if a newer digest has
    merely become as old as `min_age` requires.
    """

    def to_policy(self) -> timedelta:
        """Convert this section of the config to the value of `PolicyRule.refresh_every`."""
        return self.every


class OpenWhenSection(ConfigSection):
    """Conditions for opening a proposal. A single met condition is sufficient."""

    fixes: Fixes
    """The lowest severity of a vulnerability that the update must fix. `any` means a vulnerability of any severity,
    `kev` one that is known to be exploited.
    """
    or_older_than: times.Age | None = None
    """A proposal is also opened if the image in use was built longer ago than this. Default: the age of the image does
    not matter.
    """

    def to_policy(self) -> rules.OpenCondition:
        """Convert this section of the config to the value of `PolicyRule.open_when`."""
        return rules.OpenCondition(self.fixes, self.or_older_than)


class ScheduleSection(ConfigSection):
    """When basebump may open proposals. Schedules do not affect open proposals."""

    cron: times.Cron
    """A crontab expression of five fields, the first of which must be `*`. For example, `* 6-9 * * MON` means every
    Monday from 6:00 to 9:59.
    """
    timezone: times.Timezone = "UTC"
    """The time zone of the schedule: a name from the IANA time zone database, such as `Europe/Berlin`."""

    def to_policy(self) -> tuple[ProposalSchedule, ...]:
        """Convert this section of the config to the value of `PolicyRule.schedules`, a tuple of one schedule."""
        return (ProposalSchedule(self.cron, self.timezone),)


class AutomergeSection(ConfigSection):
    """When the forge may merge a proposal automatically.

    All conditions must hold, and the proposal must not be a draft.
    """

    max_update: UpdateMode
    """How far the images of the proposal may be updated: to the newest digest of their tags (`digest`), or to newer
    tags (`patch`, `minor`, `major`). With `none`, the proposal is never merged automatically.
    """
    require_scan: StrictBool = rules.AutomergeConditions(UpdateMode.NONE).require_scan
    """Whether the new image must have been scanned."""
    no_new: StrictBool = rules.AutomergeConditions(UpdateMode.NONE).forbids_introduced
    """Whether the update must not introduce vulnerabilities that the old image does not have."""

    def to_policy(self) -> rules.AutomergeConditions:
        """Convert this section of the config to the value of `PolicyRule.automerge`."""
        return rules.AutomergeConditions(self.max_update, self.require_scan, self.no_new)


class MatchSection(ConfigSection):
    """The image references to which a rule applies.

    All keys must match. If a key has a list of globs, at least one of them must match.
    """

    image: OneOrMore[texts.ImageGlob] | None = None
    """Globs for the canonical repository of the image, such as `docker.io/library/*`."""
    path: OneOrMore[texts.PathGlob] | None = None
    """Globs for the path of the file in its git repository, such as `**/Dockerfile`."""
    format: OneOrMore[FormatGlob] | None = None
    """Globs for the name of the file format, such as `dockerfile`."""
    role: Role | None = None
    """The role of the image: `base` (used by Dockerfiles and CI), `third-party` (software of others) or `own` (your own
    builds).
    """
    repository: OneOrMore[texts.Glob] | None = None
    """Globs for the name of the git repository, such as `acme/*`."""
    base_branch: OneOrMore[texts.Glob] | None = None
    """Globs for the branch to which proposals are made."""


class RequireSection(ConfigSection):
    """The evidence that is required before an update is proposed."""

    scan: StrictBool = RequiredEvidence().scan
    """Whether an update is refused if the new image could not be scanned."""
    signature: StrictBool = RequiredEvidence().signature
    """Whether an update is refused if the new image is not signed by a signer that is listed under `trust`."""

    def to_policy(self) -> RequiredEvidence:
        """Convert this section of the config to the value of `PolicyRule.require`."""
        return RequiredEvidence(self.scan, self.signature)


class DueSection(ConfigSection):
    """How long a fix may take to reach a stage, by the most urgent vulnerability that it fixes.

    A vulnerability without a duration of its own gets that of the next lower severity that has one. The duration of a
    more urgent class must not be longer than that of a less urgent one.
    """

    exploited: times.PositiveAge | None = None
    """The duration if the update fixes a vulnerability that is known to be exploited. It needs the list
    `enrichment.kev`.
    """
    critical: times.PositiveAge | None = None
    """The duration if the update fixes a vulnerability of severity `critical`."""
    high: times.PositiveAge | None = None
    """The duration if the update fixes a vulnerability of severity `high`."""
    medium: times.PositiveAge | None = None
    """The duration if the update fixes a vulnerability of severity `medium`."""
    until: DueUntil = DueUntil.MERGED
    """The stage that the fix must reach within its duration. With `running`, a fix that was merged is overdue until it
    runs. This needs `clusters` and `state`.
    """

    @model_validator(mode="after")
    def check_periods(self) -> Self:
        """Raise ValueError if there is no duration, or if a more urgent class has a longer one than a less urgent."""
        periods = list(self.to_policy().list_periods())
        if not periods:
            raise ValueError("must have a duration; hint: write for example `{critical: 7d, high: 30d}`")
        for (urgent, shorter), (other, longer) in pairwise(periods):
            if shorter > longer:
                raise ValueError(f"`{urgent}` must not be longer than `{other}`; hint: swap the durations")
        return self

    def to_policy(self) -> DuePeriods:
        """Convert this section of the config to the value of `PolicyRule.due`."""
        return DuePeriods(self.exploited, self.critical, self.high, self.medium, self.until)


class AllowIntroducedSection(ConfigSection):
    """How many new vulnerabilities an update may introduce, by severity.

    A severity that is left out has no limit.
    """

    critical: texts.MaximumCount | None = None
    """The maximum number of new vulnerabilities of severity `critical`."""
    high: texts.MaximumCount | None = None
    """The maximum number of new vulnerabilities of severity `high`."""
    medium: texts.MaximumCount | None = None
    """The maximum number of new vulnerabilities of severity `medium`."""
    low: texts.MaximumCount | None = None
    """The maximum number of new vulnerabilities of severity `low`."""

    def to_policy(self) -> tuple[IntroducedLimit, ...]:
        """Convert this section of the config to the value of `PolicyRule.allow_introduced`.

        Severities without a limit are left out.
        """
        limits = {
            Severity.CRITICAL: self.critical,
            Severity.HIGH: self.high,
            Severity.MEDIUM: self.medium,
            Severity.LOW: self.low,
        }
        return tuple(IntroducedLimit(severity, most) for severity, most in limits.items() if most is not None)


class AcceptEntry(ConfigSection):
    """The config entry for an exception: until the given day, the reason in `hold` does not stop updates.

    `hold` is a reason to hold updates back, or a reason to refuse updates because of their scan results.
    """

    hold: texts.AcceptableReason
    """The reason for which the updates would be held back or refused."""
    owner: texts.Text
    """The person or team that is responsible for this decision."""
    reason: texts.Text
    """Why that reason does not matter here."""
    until: times.Day
    """The last day on which the exception applies."""

    def to_policy(self) -> AcceptedHold:
        """Convert this entry of the config to an item of `PolicyRule.accept`."""
        return AcceptedHold(self.hold, self.owner, self.reason, self.until)


class RepositoryMatchSection(ConfigSection):
    """The image references of this repository to which a rule in the repository's own config file applies.

    All keys must match. If a key has a list of globs, at least one of them must match.
    """

    image: OneToFew[texts.ImageGlob] | None = None
    """Globs for the canonical repository of the image, such as `docker.io/library/*`. At most 20."""
    path: OneToFew[texts.PathGlob] | None = None
    """Globs for the path of the file, such as `**/Dockerfile`. At most 20."""
    format: OneToFew[FormatGlob] | None = None
    """Globs for the name of the file format, such as `dockerfile`. At most 20."""


_TYPES: Mapping[str, Any] = {
    "update": UpdateMode,
    "pin": StrictBool,
    "tag": texts.Tag,
    "ignore": StrictBool,
    "labels": tuple[names.Label, ...],
    "reviewers": tuple[names.ReviewerName, ...],
    "assignees": tuple[names.LoginName, ...],
    "milestone": texts.Text,
    "draft": StrictBool,
    "automerge": AutomergeSection,
    "rebase": Rebase,
    "allow": tuple[texts.AllowableReason, ...],
    "accept": NonEmptyList[AcceptEntry],
    "min_age": times.Age,
    "bypass_min_age_for": NonEmptyList[UrgencyName],
    "platforms": NonEmptyList[texts.Platform],
    "os_variants": StrictBool,
    "replace_ended": StrictBool,
    "group": names.GroupName,
    "split_by": SplitBy,
    "refresh_every": RefreshSection,
    "schedules": ScheduleSection,
    "on_close": OnClose,
    "paused": StrictBool,
    "require": RequireSection,
    "allow_introduced": AllowIntroducedSection,
    "open_when": OpenWhenSection,
    "when_unknown": WhenUnknown,
    "due": DueSection,
    "mandatory": StrictBool,
}
"""The type of each policy key in a config file. The keys themselves are declared in `bot.model.policy`."""

_REPOSITORY_TYPES: Mapping[str, Any] = {
    **_TYPES,
    "labels": ShortList[names.Label],
    "reviewers": ShortList[names.ReviewerName],
}
"""The type of each policy key in a repository's own config file."""


@runtime_checkable
class PolicyValue(Protocol):
    """A mapping in the config file with a method that returns the corresponding value for `PolicyRule`."""

    def to_policy(self) -> Any: ...


class RuleSection(ConfigSection):
    """A rule of a config file: policy keys for the image references that `match` selects."""

    match: Any

    def to_policy(self) -> PolicyRule:
        """Convert this rule of the config to a `PolicyRule`. Only the keys that the file sets are set in it."""
        named = {key: getattr(self, policy_keys()[key].name, None) for key in policy_keys()}
        keys = {key: _to_policy(value) for key, value in named.items() if value is not None}
        match = {key: value for key, value in self.match if value is not None}
        return PolicyRule(RuleMatch(**match), **keys)


def _to_policy(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_to_policy, value))
    return value.to_policy() if isinstance(value, PolicyValue) else value


def _build_rule(
    name: str,
    doc: str,
    match: type[ConfigSection],
    match_doc: str,
    descriptions: Mapping[str, str],
    types: Mapping[str, Any],
) -> Any:
    """Build the class of a rule in a config file.

    Args:
        name: The name of the class.
        doc: The documentation of the class.
        match: The class of the key `match`.
        match_doc: The documentation of the key `match`.
        descriptions: The documentation of each policy key that the rule can set.
        types: The type of each policy key.
    """
    keys: dict[str, Any] = {
        policy_keys()[key].name: (types[key] | None, Field(default=None, description=description))
        for key, description in descriptions.items()
    }
    matching = (match, Field(default=match(), description=match_doc))
    return create_model(name, __base__=RuleSection, __doc__=doc, match=matching, **keys)


if TYPE_CHECKING:
    RuleEntry = RuleSection
    RepositoryRuleEntry = RuleSection
else:
    RuleEntry = _build_rule(
        "Rule",
        "Policy keys for the image references that `match` selects. For each key, the first matching rule that sets it "
        "decides.",
        MatchSection,
        "The image references to which this rule applies. Default: all.",
        {name: key.description for name, key in policy_keys().items()},
        _TYPES,
    )
    RepositoryRuleEntry = _build_rule(
        "InnerRule",
        "Policy keys for image references of this repository. They can only make the operator's policy stricter.",
        RepositoryMatchSection,
        "The image references to which this rule applies. Default: all.",
        {name: key.repository_description for name, key in policy_keys().items() if key.combine_mode is not None},
        _REPOSITORY_TYPES,
    )
