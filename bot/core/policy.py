"""Policy: for every key, the first rule that matches the place and sets it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from bot.core.globs import matches
from bot.model.policy import Match, Policy, Rulebook
from bot.model.source import Occurrence
from bot.model.vocabulary import Role

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an occurrence is, as far as rules can ask."""

    occurrence: Occurrence
    role: Role
    repository: str
    base_branch: str


def policy_for(rulebook: Rulebook, place: Place) -> Policy:
    """Evaluate every key on its own; a key that no rule sets has the default of Policy."""
    rules = [rule for rule in rulebook.rules if _applies(rule.match, place)]
    default = Policy()
    return Policy(
        update=_first((rule.update for rule in rules), default.update),
        pin=_first((rule.pin for rule in rules), default.pin),
        tag=_first((rule.tag for rule in rules), default.tag),
        ignore=_first((rule.ignore for rule in rules), default.ignore),
        labels=_first((rule.labels for rule in rules), default.labels),
        require_scan=_first((rule.require_scan for rule in rules), default.require_scan),
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
        schedule=_first((rule.schedule for rule in rules), default.schedule),
        on_close=_first((rule.on_close for rule in rules), default.on_close),
        names_own=any(rule.match.role is Role.OWN for rule in rules),
    )


def role_of(rulebook: Rulebook, occurrence: Occurrence) -> Role:
    """Return the role of a place: what its format says, or own where the operator's patterns say so."""
    if occurrence.role is Role.THIRD_PARTY and _any(rulebook.own or (), occurrence.reference.repository):
        return Role.OWN
    return occurrence.role


def _applies(match: Match, place: Place) -> bool:
    return (
        (match.role is None or match.role is place.role)
        and _accepts(match.image, place.occurrence.reference.repository)
        and _accepts(match.path, place.occurrence.path)
        and _accepts(match.format, place.occurrence.format)
        and _accepts(match.repository, place.repository)
        and _accepts(match.base_branch, place.base_branch)
    )


def _accepts(globs: tuple[str, ...], value: str) -> bool:
    """Say whether `globs` asks for `value`; none at all asks for everything."""
    return not globs or _any(globs, value)


def _any(globs: tuple[str, ...], value: str) -> bool:
    return any(matches(glob, value) for glob in globs)


def _first(values: Iterable[Value | None], default: Value) -> Value:
    return next((value for value in values if value is not None), default)
