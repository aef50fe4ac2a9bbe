"""The rules of the config file and of a repository's own file, made from the policy keys of `bot.model.policy`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

from pydantic import BeforeValidator, Field, StrictBool, WithJsonSchema, create_model

from bot.model import rules
from bot.model.advisory import AdvisoryList
from bot.model.evidence import Severity, Urgency
from bot.model.limits import ProposalSchedule
from bot.model.modes import OnClose, Rebase, SplitBy, UpdateMode, WhenUnknown
from bot.model.policy import PolicyRule, RequiredEvidence, RuleMatch, policy_keys
from bot.model.rules import AcceptedHold, IntroducedLimit
from bot.model.vocabulary import Role
from bot.settings import fields, name_fields, time_fields
from bot.settings.section import ConfigSection, NonEmptyList, OneOrMore

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

    every: time_fields.Age
    """How long an accepted proposal stays unchanged, and one for which a newer digest merely became old enough."""

    def to_policy(self) -> timedelta:
        """Return the value of the policy key."""
        return self.every


class OpenWhenSection(ConfigSection):
    """Conditions for opening a proposal; one of them is enough."""

    fixes: Fixes
    """The least severity of a vulnerability that the update fixes; `any` for any, `kev` for an exploited one."""
    or_older_than: time_fields.Age | None = None
    """Also open a proposal if the image in use was built longer ago than this. Default: its age does not count."""

    def to_policy(self) -> rules.OpenCondition:
        """Return the value of the policy key."""
        return rules.OpenCondition(self.fixes, self.or_older_than)


class ScheduleSection(ConfigSection):
    """When proposals may be opened; open ones are updated and closed at any time."""

    cron: time_fields.Cron
    """A crontab expression of five fields, the first of them `*`: `* 6-9 * * MON` is every Monday from 6:00 to 9:59."""
    timezone: time_fields.Timezone = "UTC"
    """The time zone of the schedule: a name of the IANA time zone database."""

    def to_policy(self) -> tuple[ProposalSchedule, ...]:
        """Return the value of the policy key, which has room for several schedules."""
        return (ProposalSchedule(self.cron, self.timezone),)


class AutomergeSection(ConfigSection):
    """When the forge may merge a proposal by itself: all conditions must hold, and it must not be a draft."""

    max_update: UpdateMode
    """How far its images may be updated: only along their tags (`digest`), or to newer tags; `none` means never."""
    require_scan: StrictBool = rules.AutomergeConditions(UpdateMode.NONE).require_scan
    """Whether the new image must have been scanned."""
    no_new: StrictBool = rules.AutomergeConditions(UpdateMode.NONE).forbids_introduced
    """Whether the new image, compared with the old one, must have no new vulnerabilities."""

    def to_policy(self) -> rules.AutomergeConditions:
        """Return the value of the policy key."""
        return rules.AutomergeConditions(self.max_update, self.require_scan, self.no_new)


class MatchSection(ConfigSection):
    """Which image references a rule applies to; all keys must match, and of a list at least one glob."""

    image: OneOrMore[fields.ImageGlob] | None = None
    """Globs over the canonical repository: `docker.io/library/*`."""
    path: OneOrMore[fields.PathGlob] | None = None
    """Globs over the path of the file in its repository: `**/Dockerfile`."""
    format: OneOrMore[fields.FormatGlob] | None = None
    """Globs over the name of the file format: `dockerfile`."""
    role: Role | None = None
    """`base`: used by Dockerfiles and CI; `third-party`: other people's software; `own`: your own builds."""
    repository: OneOrMore[fields.Glob] | None = None
    """Globs over the name of the git repository: `acme/*`."""
    base_branch: OneOrMore[fields.Glob] | None = None
    """Globs over the branch that proposals are made to."""


class RequireSection(ConfigSection):
    """Evidence required before an update is proposed."""

    scan: StrictBool = RequiredEvidence().scan
    """Whether an image that could not be scanned is refused."""
    signature: StrictBool = RequiredEvidence().signature
    """Whether an image is refused unless a signer listed under `trust` signed it."""

    def to_policy(self) -> RequiredEvidence:
        """Return the value of the policy key."""
        return RequiredEvidence(self.scan, self.signature)


class AllowIntroducedSection(ConfigSection):
    """How many new vulnerabilities an update may have, by severity; severities that are left out have no limit."""

    critical: fields.MaximumCount | None = None
    """The limit for critical ones."""
    high: fields.MaximumCount | None = None
    """The limit for high ones."""
    medium: fields.MaximumCount | None = None
    """The limit for medium ones."""
    low: fields.MaximumCount | None = None
    """The limit for low ones."""

    def to_policy(self) -> tuple[IntroducedLimit, ...]:
        """Return the value of the policy key: one limit for each severity that has one."""
        limits = {
            Severity.CRITICAL: self.critical,
            Severity.HIGH: self.high,
            Severity.MEDIUM: self.medium,
            Severity.LOW: self.low,
        }
        return tuple(IntroducedLimit(severity, most) for severity, most in limits.items() if most is not None)


class AcceptEntry(ConfigSection):
    """A hold, or a refusal because of scan results, that is accepted for some time."""

    hold: fields.AcceptableReason
    """The reason that is accepted."""
    owner: fields.Text
    """The person or team that answers for it."""
    reason: fields.Text
    """Why it is acceptable."""
    until: time_fields.Day
    """The last day on which it is accepted."""

    def to_policy(self) -> AcceptedHold:
        """Return one item of the policy key."""
        return AcceptedHold(self.hold, self.owner, self.reason, self.until)


class RepositoryMatchSection(ConfigSection):
    """Which of its image references a rule applies to; all keys must match, and of a list at least one glob."""

    image: OneOrMore[fields.ImageGlob] | None = None
    """Globs over the canonical repository: `docker.io/library/*`."""
    path: OneOrMore[fields.PathGlob] | None = None
    """Globs over the path of the file: `**/Dockerfile`."""
    format: OneOrMore[fields.FormatGlob] | None = None
    """Globs over the name of the file format: `dockerfile`."""


_TYPES: Mapping[str, Any] = {
    "update": UpdateMode,
    "pin": StrictBool,
    "tag": fields.Tag,
    "ignore": StrictBool,
    "labels": tuple[name_fields.Label, ...],
    "reviewers": tuple[name_fields.ReviewerName, ...],
    "assignees": tuple[name_fields.LoginName, ...],
    "milestone": fields.Text,
    "draft": StrictBool,
    "automerge": AutomergeSection,
    "rebase": Rebase,
    "allow": tuple[fields.AllowableReason, ...],
    "accept": NonEmptyList[AcceptEntry],
    "min_age": time_fields.Age,
    "bypass_min_age_for": NonEmptyList[UrgencyName],
    "platforms": NonEmptyList[fields.Platform],
    "os_variants": StrictBool,
    "replace_ended": StrictBool,
    "group": name_fields.GroupName,
    "split_by": SplitBy,
    "refresh_every": RefreshSection,
    "schedules": ScheduleSection,
    "on_close": OnClose,
    "paused": StrictBool,
    "require": RequireSection,
    "allow_introduced": AllowIntroducedSection,
    "open_when": OpenWhenSection,
    "when_unknown": WhenUnknown,
    "mandatory": StrictBool,
}
"""The type of each policy key in a config file; the key itself is declared in `bot.model.policy`."""


@runtime_checkable
class PolicyValue(Protocol):
    """A mapping of the config file that is converted to the value of a policy key."""

    def to_policy(self) -> Any: ...


class RuleSection(ConfigSection):
    """A rule of a config file: policy keys for the references that `match` matches."""

    match: Any

    def to_policy(self) -> PolicyRule:
        """Return the rule with the keys that it sets."""
        named = {key: getattr(self, policy_keys()[key].name, None) for key in policy_keys()}
        keys = {key: _to_policy(value) for key, value in named.items() if value is not None}
        match = {key: value for key, value in self.match if value is not None}
        return PolicyRule(RuleMatch(**match), **keys)


def _to_policy(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_to_policy, value))
    return value.to_policy() if isinstance(value, PolicyValue) else value


def _build_rule(
    name: str, doc: str, match: type[ConfigSection], match_doc: str, descriptions: Mapping[str, str]
) -> Any:
    """Build the section of a rule that can set the policy keys in `descriptions`."""
    keys: dict[str, Any] = {
        policy_keys()[key].name: (_TYPES[key] | None, Field(default=None, description=description))
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
        "What applies to references that `match` matches; each key is that of the first matching rule that sets it.",
        MatchSection,
        "The image references that this rule applies to. Default: all.",
        {name: key.description for name, key in policy_keys().items()},
    )
    RepositoryRuleEntry = _build_rule(
        "InnerRule",
        "What a repository sets where `match` matches: it can make the operator's policy stricter, and never laxer.",
        RepositoryMatchSection,
        "The image references that this rule applies to. Default: all.",
        {name: key.repository_description for name, key in policy_keys().items() if key.meet is not None},
    )
