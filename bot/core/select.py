"""Which places follow a line, and why the others do not: all that can be said without asking anybody."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.core.policy import Place, policy_for, role_of
from bot.model.decision import Selected, Skip
from bot.model.hosts import PUBLIC_HOSTS
from bot.model.policy import Policy, Rulebook, UpdateMode
from bot.model.reference import parse_sha256
from bot.model.source import Closed, Occurrence
from bot.model.vocabulary import Reason, Role


@dataclass(frozen=True, slots=True)
class Home:
    """The repository and branch that places are in."""

    repository: str
    base_branch: str


def select(rulebook: Rulebook, home: Home, occurrence: Occurrence) -> Selected | Skip:
    """Return the line that a place follows and the policy it is under, or the first reason why it is left alone.

    Whether its registry may be asked is another question: `may_ask`.
    """
    role = role_of(rulebook, occurrence)
    occurrence = replace(occurrence, role=role)
    policy = policy_for(rulebook, Place(occurrence, role, home.repository, home.base_branch))
    line = occurrence.reference.line(policy.tag)
    reason = _why_not(rulebook, policy, occurrence)
    if reason is not None:
        return Skip(occurrence, reason, line)
    if line is None:
        return Skip(occurrence, Reason.NO_TAG)
    return Selected(occurrence, line, policy)


def may_ask(rulebook: Rulebook, host: str) -> bool:
    """Say whether a registry is one that the operator or the world knows."""
    return host in PUBLIC_HOSTS or host in rulebook.hosts


def _why_not(rulebook: Rulebook, policy: Policy, occurrence: Occurrence) -> Reason | None:
    reference = occurrence.reference
    if policy.ignore:
        return Reason.IGNORED
    if occurrence.role is Role.OWN and not policy.names_own:
        return Reason.OWN
    if occurrence.role is Role.THIRD_PARTY and rulebook.own is None and reference.host not in PUBLIC_HOSTS:
        return Reason.MAYBE_OWN
    if policy.update is UpdateMode.NONE:
        return Reason.NO_RULE
    if reference.digest is not None and parse_sha256(reference.digest) is None:
        return Reason.UNSUPPORTED_DIGEST
    if reference.digest is None and not policy.pin:
        return Reason.PIN_OFF
    if isinstance(occurrence.digest, Closed):
        return occurrence.digest.reason
    return None
