"""The policy for one image reference, and the rules of a run from which it is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from bot.model.blocklist import Blocklist
from bot.model.config_types.markers import Flag
from bot.model.hosts import PURGING_HOSTS
from bot.model.modes import REFRESH_EVERY, OnClose, Rebase, SplitBy, UpdateMode, WhenUnknown
from bot.model.vocabulary import Reason, Role

if TYPE_CHECKING:  # only annotations need these imports, so they do not slow down the start
    from bot.model.config_types.markers import NonEmptyList
    from bot.model.config_types.names import GroupName, Label, LoginName, ReviewerName
    from bot.model.config_types.texts import AllowableReason, Platform, Tag, Text
    from bot.model.config_types.times import Age
    from bot.model.due_date import DueDurations, DuePeriods
    from bot.model.exposure import ExposureDurations
    from bot.model.rules import (
        AcceptedHold,
        AutomergeConditions,
        ConfiguredEndOfLife,
        IntroducedLimits,
        OpenCondition,
        RefreshPeriod,
        Schedules,
        UrgencyName,
    )
    from bot.model.trust import TrustEntry

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """The condition of a rule. A field that is None or empty matches everything. A glob must match the whole value."""

    image: tuple[str, ...] = ()
    """Globs for canonical repository names, such as `docker.io/library/*`."""
    path: tuple[str, ...] = ()
    folder: str = ""
    """The folder in which `path` is searched, as seen from where the rule was written. It ends with `/`, or is empty if
    the rule was written for the scanned folder itself."""
    format: tuple[str, ...] = ()
    role: Role | None = None
    repository: tuple[str, ...] = ()
    """Globs for names of git repositories."""
    base_branch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequiredEvidence:
    """The evidence that is required before an update is proposed."""

    scan: Flag = False
    """Whether basebump refuses an update if the new image could not be scanned."""
    signature: Flag = False
    """Whether basebump refuses an update if the new image is not signed by a signer that is listed under `trust`."""


class CombineMode(Enum):
    """How the value of a key in the operator's policy is combined with the value in a repository's own file."""

    EITHER = auto()
    """True if the key is true in one of the two."""
    UNION = auto()
    """The operator's items, followed by the items that the repository adds."""
    LONGER = auto()
    """The longer duration."""
    SHORTER = auto()
    """The shorter duration of each class of fixes, and the stricter of all other options."""
    NEARER = auto()
    """The more restrictive update mode."""
    STRICTER = auto()
    """All evidence that one of the two requires."""
    FEWER = auto()
    """The lower limit for each severity."""
    REPOSITORY = auto()
    """The repository's value. Such a key determines how updates are grouped, and not which updates are proposed."""


@dataclass(frozen=True, slots=True)
class PolicyKey:
    """A key that a policy rule can set: its names, its documentation, and how values from two files are combined."""

    name: str
    """The name in the config file."""
    field: str
    """The name of the key's field in `Policy`."""
    description: str
    """The documentation of the key in the operator's config, with its default."""
    combine_mode: CombineMode | None
    """None if only the operator can set the key."""
    repository_description: str
    """The documentation of the key in a repository's own file."""
    can_stop: bool
    """True if the key can skip or delay an update. A repository cannot set such a key for mandatory updates."""
    example: Any
    """A value as the file writes it; None if the type or the default shows how to write a value."""


def _key(
    default: Value,
    description: str,
    *,
    name: str = "",
    combine_mode: CombineMode | None = None,
    repository: str = "",
    can_stop: bool = False,
    example: Any = None,
) -> Value:
    """Declare a field of `Policy` as a policy key, and return its default value.

    Args:
        default: The value if no rule sets the key.
        description: The documentation of the key in the operator's config.
        name: The name in the config file, if it differs from the name of the field.
        combine_mode: How the operator's value is combined with the value in a repository's own config file. None if the
            key is not allowed in such a file.
        repository: The documentation of the key in a repository's own file, if it differs from `description`.
        can_stop: True if the key can skip or delay an update.
        example: A value as the file writes it, for `config/default.yaml`. A key needs it if the file cannot write its
            default, and if its type does not show how to write a value.
    """
    key = {
        "name": name,
        "description": description,
        "combine_mode": combine_mode,
        "can_stop": can_stop,
        "example": example,
    }
    declared: Value = field(default=default, metadata=key | {"repository_description": repository or description})
    return declared


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy for one image reference, which results from all rules that match the reference.

    Each field that is declared with `_key` is a key that a rule can set. Its annotation also states which values a
    config file can have.
    """

    update: UpdateMode = _key(
        UpdateMode.DIGEST,
        (
            "How far an image may be updated: to the newest digest of its tag (`digest`), or to newer tags of the "
            "same family (`patch`, `minor`, `major`). Default: `digest`."
        ),
        combine_mode=CombineMode.NEARER,
        repository=(
            "How far an image may be updated. If the operator's policy has a different value, the more "
            "restrictive of the two applies."
        ),
        can_stop=True,
    )
    pin: Flag = _key(
        True,  # noqa: FBT003 - the value of a key
        "Whether basebump adds a digest to a reference that has none. Default: `true`.",
        combine_mode=CombineMode.EITHER,
        repository=(
            "Whether basebump adds a digest to a reference that has none. `true` applies even if the operator's "
            "policy says `false`."
        ),
    )
    tag: Tag | None = _key(
        None,
        "The tag that a reference without a tag follows. Default: none; such a reference is then left unchanged.",
        example="latest",
    )
    ignore: Flag = _key(
        False,  # noqa: FBT003 - the value of a key
        "Whether the image reference is left unchanged. Default: `false`.",
        combine_mode=CombineMode.EITHER,
        repository="Whether the image reference is left unchanged.",
        can_stop=True,
    )
    labels: tuple[Label, ...] = _key(
        (),
        "Labels of the proposal. Default: none.",
        combine_mode=CombineMode.UNION,
        repository="Labels of the proposal, in addition to the operator's. At most 20 in the whole file.",
    )
    reviewers: tuple[ReviewerName, ...] = _key(
        (),
        "Reviewers of the proposal: logins, or teams as `team:NAME`. Default: none.",
        combine_mode=CombineMode.UNION,
        repository="Reviewers of the proposal, in addition to the operator's. At most 20 in the whole file.",
    )
    assignees: tuple[LoginName, ...] = _key((), "The logins of the proposal's assignees. Default: none.")
    milestone: Text | None = _key(None, "The title of the proposal's milestone. Default: none.", example="Next release")
    draft: Flag = _key(
        False,  # noqa: FBT003 - the value of a key
        "Whether the proposal is opened as a draft. Default: `false`.",
    )
    automerge: AutomergeConditions | None = _key(
        None, "When the forge may merge the proposal automatically. Default: never."
    )
    rebase: Rebase = _key(
        Rebase.AUTO,
        (
            "When an open proposal is rebuilt on a newer base branch: only if that is necessary (`auto`), "
            "`never`, or `always`. Default: `auto`."
        ),
    )
    allow: tuple[AllowableReason, ...] = _key(
        (),
        "Reasons to ignore: a reference that would be skipped for one of these reasons is updated. Default: none.",
    )
    accept: NonEmptyList[AcceptedHold] = _key(
        (), "Holds and refusals that a named owner accepts for a limited time. Default: none."
    )
    min_age: Age = _key(
        timedelta(),
        (
            "The minimum age of a digest before it is proposed, according to its registry or to `state`. "
            "Default: no minimum."
        ),
        combine_mode=CombineMode.LONGER,
        repository=(
            "The minimum age of a digest before it is proposed. If the operator's policy has a "
            "different value, the longer of the two applies."
        ),
        can_stop=True,
    )
    bypass_min_age_for: NonEmptyList[UrgencyName] = _key(
        (),
        (
            "A digest younger than `min_age` is proposed if it fixes a vulnerability of one of these severities. "
            "`kev` stands for vulnerabilities that are known to be exploited. Default: none."
        ),
        example=["kev", "critical"],
    )
    platforms: NonEmptyList[Platform] = _key(
        (),
        (
            "The platforms that you use. Default: the platforms that the reference names. If it names none, all "
            "platforms of the image in the file."
        ),
        example=["linux/amd64", "linux/arm64"],
    )
    os_variants: Flag = _key(
        False,  # noqa: FBT003 - the value of a key
        "Whether a tag may be updated to a newer release of the distribution that it names. Default: `false`.",
    )
    replace_ended: Flag = _key(
        False,  # noqa: FBT003 - the value of a key
        (
            "Whether the successor of a superseded tag is proposed. Default: `false`, which means that it is only "
            "reported."
        ),
    )
    group: GroupName | None = _key(
        None,
        "The name of a group. One proposal has all updates of the group. Default: each tag has a proposal of its own.",
        combine_mode=CombineMode.REPOSITORY,
        repository="The name of a group. One proposal has all updates of the group.",
        example="weekly",
    )
    split_by: SplitBy = _key(
        SplitBy.NOTHING,
        (
            "How updates are split into proposals: with `folder`, each folder has a proposal of its own. "
            "Default: `nothing`."
        ),
        combine_mode=CombineMode.REPOSITORY,
        repository="How updates are split into proposals: with `folder`, each folder has a proposal of its own.",
    )
    refresh_every: RefreshPeriod = _key(
        REFRESH_EVERY, "How often an open proposal may change. Default: `{every: 7d}`.", name="refresh"
    )
    schedules: Schedules = _key(
        (),
        "When basebump may open proposals. Default: always.",
        name="schedule",
        combine_mode=CombineMode.UNION,
        repository="When basebump may open proposals. The operator's schedule must also allow it.",
        can_stop=True,
    )
    on_close: OnClose = _key(
        OnClose.DIGEST,
        (
            "What people decline when they close a proposal: only its digests (`digest`), or also all later "
            "digests of its tags (`line`). Default: `digest`."
        ),
    )
    paused: Flag = _key(
        False,  # noqa: FBT003 - the value of a key
        (
            "Whether proposals are paused for now: nothing is proposed, and open proposals stay as they are. "
            "Default: `false`."
        ),
        combine_mode=CombineMode.EITHER,
        repository="Whether proposals are paused for now: nothing is proposed, and open proposals stay as they are.",
        can_stop=True,
    )
    require: RequiredEvidence = _key(
        RequiredEvidence(),
        "The evidence that is required before an update is proposed. Default: none.",
        combine_mode=CombineMode.STRICTER,
        repository=(
            "The evidence that is required before an update is proposed, in addition to what the operator's "
            "policy requires."
        ),
    )
    allow_introduced: IntroducedLimits = _key(
        (),
        "How many new vulnerabilities an update may introduce. Default: any number.",
        combine_mode=CombineMode.FEWER,
        repository=(
            "How many new vulnerabilities an update may introduce. If the operator's policy has limits, too, the "
            "lower limit of each severity applies."
        ),
    )
    open_when: OpenCondition | None = _key(
        None, "Conditions for opening a proposal. Default: none; a proposal is then opened for every update."
    )
    when_unknown: WhenUnknown | None = _key(
        None,
        (
            "Whether a proposal without scan results is opened (`open`), or waits until there are results "
            "(`hold`). Default: it waits only if the next run may get results."
        ),
    )
    due: DueDurations | None = _key(
        None,
        "How long a fix may take until it is merged or runs. Afterwards, it is overdue. Default: no due dates.",
        combine_mode=CombineMode.SHORTER,
        repository=(
            "How long a fix may take until it is merged or runs. Afterwards, it is overdue. If the operator's policy "
            "has a different duration, the shorter of the two applies. `until: running` in one of them applies."
        ),
    )
    exposed: ExposureDurations | None = _key(
        None,
        (
            "How long `check` accepts that an image in use lacks a published fix. Default: always. A fix counts if a "
            "newer digest of the tag contains it."
        ),
        combine_mode=CombineMode.SHORTER,
        repository=(
            "How long `check` accepts that an image in use lacks a published fix. If the operator's policy has a "
            "different duration, the shorter of the two applies."
        ),
    )
    mandatory: Flag = _key(
        False,  # noqa: FBT003 - the value of a key
        (
            "Whether updates are mandatory: neither a repository's own file nor a comment can skip or delay them. "
            "Default: `false`."
        ),
    )
    has_own_role_rule: bool = False
    """True if a matching rule has `role: own`.

    Otherwise the operator's own images are skipped. Rules cannot set this field.
    """
    operator_due: DuePeriods | None = None
    """The value of `due` in the operator's policy alone.

    Only these durations lift limits and schedules, because a repository must not lift them with its own file. Rules
    cannot set this field.
    """


@cache
def policy_keys() -> Mapping[str, PolicyKey]:
    """Return all keys that a rule can set, by the names of their fields in `Policy`.

    Their order is that of the documentation.
    """
    return {
        each.name: PolicyKey(**{**each.metadata, "name": each.metadata["name"] or each.name}, field=each.name)
        for each in fields(Policy)
        if each.metadata
    }


@dataclass(frozen=True, slots=True, init=False)
class PolicyRule:
    """A rule of the policy: the keys that it sets for the image references that `match` matches.

    Several rules can match the same reference. Each key that a rule does not set can be set by a later rule.
    """

    match: RuleMatch
    keys: Mapping[str, Any]
    """The value of each key, by the name of its field in `Policy`."""

    def __init__(self, match: RuleMatch | None = None, **keys: Any) -> None:
        """Create a rule that sets `keys`. Raises TypeError if an item of `keys` is not a policy key."""
        if unknown := keys.keys() - policy_keys().keys():
            raise TypeError(f"unknown policy keys: {', '.join(sorted(unknown))}")
        object.__setattr__(self, "match", match or RuleMatch())
        object.__setattr__(self, "keys", keys)


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """The part of the operator's config that determines which references are updated, and to which digest."""

    rules: tuple[PolicyRule, ...] = ()
    repository_rules: tuple[PolicyRule, ...] = ()
    """Rules of the repository's own config file, which can only make the policy stricter."""
    allow: tuple[Reason, ...] = ()
    """Reasons that are ignored whatever the rules allow."""
    own_globs: tuple[str, ...] | None = None
    """Globs of the operator's own images; None if `own` is not set."""
    listed_hosts: frozenset[str] = frozenset()
    """Registries listed in the config."""
    purging_hosts: frozenset[str] = PURGING_HOSTS
    """Registries that delete untagged digests: those known to basebump, and those declared in the config."""
    end_of_life: tuple[ConfiguredEndOfLife, ...] = ()
    trust: tuple[TrustEntry, ...] = ()
    """The trusted signers of images; the first entry that matches an image applies."""
    blocklist: Blocklist = field(default_factory=Blocklist)
    """The digests that must not be used."""
