"""Evaluation of the policy: for each key, the first rule that matches the image reference and sets the key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from bot.core.globs import matches
from bot.model.modes import UpdateMode
from bot.model.policy import Policy, PolicyConfig
from bot.model.source import Occurrence
from bot.model.vocabulary import Role

if TYPE_CHECKING:  # a start pays only for what it uses
    from bot.model.evidence import Severity
    from bot.model.rules import IntroducedLimit, RuleMatch, PolicyRule

Value = TypeVar("Value")


_REACH = (UpdateMode.NONE, UpdateMode.DIGEST, UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR)
"""Update modes by ascending range."""


@dataclass(frozen=True, slots=True)
class Place:
    """The properties of an image reference that rules can match."""

    occurrence: Occurrence
    role: Role
    repository: str
    base_branch: str


def policy_for(rulebook: PolicyConfig, place: Place) -> Policy:
    """Return the policy of an image reference; keys that no rule sets have their defaults.

    The rules in the repository's own file are evaluated the same way, and the two results are merged.
    """
    policy = _evaluated([rule for rule in rulebook.rules if _applies(rule.match, place)], Policy())
    inner = [rule for rule in rulebook.repository_rules if _applies(rule.match, place)]
    return _met(policy, _evaluated(inner, policy)) if inner else policy


def _evaluated(rules: Sequence[PolicyRule], default: Policy) -> Policy:
    return Policy(
        update=_first((rule.update for rule in rules), default.update),
        pin=_first((rule.pin for rule in rules), default.pin),
        tag=_first((rule.tag for rule in rules), default.tag),
        ignore=_first((rule.ignore for rule in rules), default.ignore),
        labels=_first((rule.labels for rule in rules), default.labels),
        require_scan=_first((rule.require_scan for rule in rules), default.require_scan),
        require_signature=_first((rule.require_signature for rule in rules), default.require_signature),
        allow_introduced=_first((rule.allow_introduced for rule in rules), default.allow_introduced),
        open_when=_first((rule.open_when for rule in rules), default.open_when),
        when_unknown=_first((rule.when_unknown for rule in rules), default.when_unknown),
        allow=_first((rule.allow for rule in rules), default.allow),
        accept=_first((rule.accept for rule in rules), default.accept),
        min_age=_first((rule.min_age for rule in rules), default.min_age),
        platforms=_first((rule.platforms for rule in rules), default.platforms),
        os_variants=_first((rule.os_variants for rule in rules), default.os_variants),
        replace_ended=_first((rule.replace_ended for rule in rules), default.replace_ended),
        bypass_min_age_for=_first((rule.bypass_min_age_for for rule in rules), default.bypass_min_age_for),
        group=_first((rule.group for rule in rules), default.group),
        split_by=_first((rule.split_by for rule in rules), default.split_by),
        refresh_every=_first((rule.refresh_every for rule in rules), default.refresh_every),
        paused=_first((rule.paused for rule in rules), default.paused),
        schedules=_first(((rule.schedule,) for rule in rules if rule.schedule is not None), default.schedules),
        on_close=_first((rule.on_close for rule in rules), default.on_close),
        reviewers=_first((rule.reviewers for rule in rules), default.reviewers),
        assignees=_first((rule.assignees for rule in rules), default.assignees),
        milestone=_first((rule.milestone for rule in rules), default.milestone),
        draft=_first((rule.draft for rule in rules), default.draft),
        automerge=_first((rule.automerge for rule in rules), default.automerge),
        rebase=_first((rule.rebase for rule in rules), default.rebase),
        mandatory=_first((rule.mandatory for rule in rules), default.mandatory),
        has_own_role_rule=any(rule.match.role is Role.OWN for rule in rules),
    )


def _met(policy: Policy, inner: Policy) -> Policy:
    """Merge the policy with that of the repository: for each key the stricter value counts.

    If the policy is mandatory, the repository can influence the form of its proposals, but not whether and when they
    are made.
    """
    told = replace(
        policy,
        pin=policy.pin or inner.pin,
        labels=_united(policy.labels, inner.labels),
        reviewers=_united(policy.reviewers, inner.reviewers),
        require_scan=policy.require_scan or inner.require_scan,
        require_signature=policy.require_signature or inner.require_signature,
        allow_introduced=_fewest((*policy.allow_introduced, *inner.allow_introduced)),
        group=inner.group,
        split_by=inner.split_by,
    )
    if policy.mandatory:
        return told
    return replace(
        told,
        update=min(policy.update, inner.update, key=_REACH.index),
        ignore=policy.ignore or inner.ignore,
        paused=policy.paused or inner.paused,
        min_age=max(policy.min_age, inner.min_age),
        schedules=_united(policy.schedules, inner.schedules),
    )


def _united(outer: tuple[Value, ...], inner: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys((*outer, *inner)))


def _fewest(allowances: Iterable[IntroducedLimit]) -> tuple[IntroducedLimit, ...]:
    """Return the lowest allowance for each severity."""
    least: dict[Severity, IntroducedLimit] = {}
    for each in sorted(allowances, key=lambda each: (-each.severity, each.maximum)):
        least.setdefault(each.severity, each)
    return tuple(least.values())


def role_of(rulebook: PolicyConfig, occurrence: Occurrence) -> Role:
    """Return the role of an image reference: that of its format, or own if it matches the operator's `own` globs."""
    if occurrence.role is Role.THIRD_PARTY and _any(rulebook.own_globs or (), occurrence.reference.repository):
        return Role.OWN
    return occurrence.role


def _applies(match: RuleMatch, place: Place) -> bool:
    return (
        (match.role is None or match.role is place.role)
        and _accepts(match.image, place.occurrence.reference.repository)
        and _accepts(match.path, place.occurrence.path)
        and _accepts(match.format, place.occurrence.format)
        and _accepts(match.repository, place.repository)
        and _accepts(match.base_branch, place.base_branch)
    )


def _accepts(globs: tuple[str, ...], value: str) -> bool:
    """Return True if one of the globs matches, or there are none."""
    return not globs or _any(globs, value)


def _any(globs: tuple[str, ...], value: str) -> bool:
    return any(matches(glob, value) for glob in globs)


def _first(values: Iterable[Value | None], default: Value) -> Value:
    return next((value for value in values if value is not None), default)
