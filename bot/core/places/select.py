"""Selection: which image references are looked up, and why the others are skipped, without any network access."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

from bot.core.places.closing import allow
from bot.core.places.policy import Place, policy_for, role_of
from bot.model.decision import SkippedReference, TrackedImage
from bot.model.hosts import PUBLIC_HOSTS
from bot.model.modes import UpdateMode
from bot.model.policy import Policy, PolicyConfig
from bot.model.reference import parse_sha256
from bot.model.source import IgnoreComment, NotEditable, Occurrence
from bot.model.vocabulary import Reason, Role

_OF_OTHERS = frozenset({Reason.NOT_AN_IMAGE, Reason.REPLACED_BY_KUSTOMIZE, Reason.OTHER_WRITER})
"""The written image does not run, or another tool writes it; these reasons precede all others."""
_UNREAD_DATE = re.compile(r"\buntil\s*[=:]", re.IGNORECASE)
"""An `until` in a comment that could not be parsed as a date."""


@dataclass(frozen=True, slots=True)
class Home:
    """The repository and base branch that contain image references."""

    repository: str
    base_branch: str


def select(rulebook: PolicyConfig, home: Home, occurrence: Occurrence, today: date) -> TrackedImage | SkippedReference:
    """Return the tag and policy of an image reference, or the first reason to skip it.

    `skip_unknown_registry` checks separately whether its registry may be contacted.
    """
    role = role_of(rulebook, occurrence)
    policy = policy_for(rulebook, Place(occurrence, role, home.repository, home.base_branch))
    occurrence = allow(replace(occurrence, role=role), policy.allow)
    line = occurrence.reference.to_tag_ref(policy.tag)
    selected = TrackedImage(occurrence, line, policy) if line is not None else None
    comment = occurrence.ignore_comment
    if comment is not None:
        is_over = comment.until is not None and comment.until < today
        if not policy.mandatory and not is_over:
            return SkippedReference(occurrence, Reason.IGNORED, selected, _says(comment))
        why = f"held until {comment.until}" if is_over else "does not hold: the policy makes its updates mandatory"
        expired = f"The comment on line {comment.line_number} to ignore it {why}."
        occurrence = replace(occurrence, notes=(*occurrence.notes, expired))
        selected = replace(selected, occurrence=occurrence) if selected is not None else None
    reason = _why_not(rulebook, policy, occurrence)
    if reason is not None:
        return SkippedReference(occurrence, reason, selected)
    return selected or SkippedReference(occurrence, Reason.NO_TAG)


def may_ask(rulebook: PolicyConfig, host: str) -> bool:
    """Return True if a registry is a built-in public one or is listed by the operator."""
    return host in PUBLIC_HOSTS or host in rulebook.listed_hosts


def unless_unknown(rulebook: PolicyConfig, place: TrackedImage | SkippedReference) -> TrackedImage | SkippedReference:
    """Skip a selected reference if its registry is unknown, and so must not be contacted."""
    if isinstance(place, TrackedImage) and not may_ask(rulebook, place.tag_ref.host):
        return SkippedReference(place.occurrence, Reason.UNKNOWN_REGISTRY, place)
    return place


def _says(comment: IgnoreComment) -> str:
    until = f" until {comment.until}" if comment.until else ""
    reason = f": {comment.reason}" if comment.reason else "."
    if comment.until is None and _UNREAD_DATE.search(comment.reason):
        until = " for good, as it does not begin with a date like until=2027-01-31"
    return f"The comment on line {comment.line_number} says so{until}{reason}"


def _why_not(rulebook: PolicyConfig, policy: Policy, occurrence: Occurrence) -> Reason | None:
    reference = occurrence.reference
    if policy.ignore:
        return Reason.IGNORED
    closed = occurrence.digest_slot if isinstance(occurrence.digest_slot, NotEditable) else None
    if closed is not None and closed.reason in _OF_OTHERS:
        return closed.reason
    if occurrence.role is Role.OWN and not policy.has_own_role_rule:
        return Reason.OWN
    if occurrence.role is Role.THIRD_PARTY and rulebook.own_globs is None and reference.host not in PUBLIC_HOSTS:
        return Reason.MAYBE_OWN
    if policy.update is UpdateMode.NONE:
        return Reason.NO_RULE
    if reference.digest is not None and parse_sha256(reference.digest) is None:
        return Reason.UNSUPPORTED_DIGEST
    if reference.digest is None and not policy.pin:
        return Reason.PIN_OFF
    if closed is not None:
        return closed.reason
    return Reason.PAUSED if policy.paused else None
