"""How one proposal is handled: what the policies of all its places ask for, met."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.evidence.compare import count_by_severity, distinct, exploited, exploited_in
from bot.model.decision import Cause, Update
from bot.model.evidence import Evidence, Scan, Severity
from bot.model.extras import Extras
from bot.model.modes import OnClose, Rebase
from bot.model.pace import Schedule
from bot.model.proposal import Worth


def slides(update: Update) -> bool:
    """Say whether an update takes what its publisher made some time ago, and had to be older than that."""
    is_old_enough = update.candidates[0].mature is None
    return update.cause is Cause.MOVED and bool(update.selected.policy.min_age) and is_old_enough


def schedules_of(updates: Iterable[Update]) -> tuple[Schedule, ...]:
    """Return every schedule that must allow the proposal."""
    return tuple(sorted({each for update in updates for each in update.selected.policy.schedules}, key=repr))


def on_close_of(updates: Iterable[Update]) -> OnClose:
    """Return what closing declines: all that follows where every place says so."""
    return (
        OnClose.LINE if all(update.selected.policy.on_close is OnClose.LINE for update in updates) else OnClose.DIGEST
    )


def extras_of(updates: Iterable[Update]) -> Extras:
    """Return all that any place asks for; of several milestones the first by name, since there can be only one."""
    policies = [update.selected.policy for update in updates]
    return Extras(
        labels=_union(policy.labels for policy in policies),
        reviewers=_union(policy.reviewers for policy in policies),
        assignees=_union(policy.assignees for policy in policies),
        milestone=min((policy.milestone for policy in policies if policy.milestone is not None), default=None),
    )


def rebase_of(updates: Iterable[Update]) -> Rebase:
    """Return when it is built anew: never where any place says so, then always."""
    said = {update.selected.policy.rebase for update in updates}
    return next((each for each in (Rebase.NEVER, Rebase.ALWAYS) if each in said), Rebase.AUTO)


def worth_of(evidence: Iterable[Evidence]) -> Worth:
    """Return what is gained, as far as scanners and lists say."""
    known = list(evidence)
    fixed = [finding for each in known if each.delta is not None for finding in each.delta.fixed]
    listed = exploited_in(known)
    built = (each.old.created for each in known if isinstance(each.old, Scan) and each.old.created is not None)
    return Worth(
        exploited=distinct(exploited(fixed, listed)),
        critical=count_by_severity(fixed)[Severity.CRITICAL],
        built=min(built, default=None),
    )


def _union(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for each in names for name in each}))
