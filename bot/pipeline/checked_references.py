"""The options of a check, and the result for one image reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.core.choice.unevaluated import find_strict_violation, find_unevaluated_reason
from bot.core.choice.verdict import build_verdict
from bot.core.references.locking import find_folder_reasons
from bot.model.check import CheckedReference, Violation
from bot.model.decision import Decision, RefusedUpdate
from bot.model.exposure import ExposurePeriods
from bot.ports import EarlierRevision


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """The options of a check that are not part of the policy."""

    fix_command: str
    """The command that updates the files, for the text of messages."""
    since: EarlierRevision | None = None
    """A revision; only references that were added or changed since then are checked. None to check all references."""
    max_age: timedelta | None = None
    """The age from which a pinned image with an available update is a violation; None if it never is."""
    exposed: ExposurePeriods | None = None
    """The vulnerabilities of images in use that are violations, in addition to those of the policy; None for none."""
    is_strict: bool = False
    """True if each reference that was not evaluated is a violation."""
    is_gate: bool = False
    """True if nothing in the tree can exclude a reference: no config of the repository, and no ignore comment."""


def build_fix_command(decision: Decision, options: CheckOptions) -> str:
    """Return the command that updates an image reference, for the text of messages.

    A strict check also judges references in folders of tests, which this command updates only if a rule allows it.
    """
    tracked_image = (decision.update if isinstance(decision, RefusedUpdate) else decision).tracked_image
    allowed = tracked_image.policy.allow if tracked_image is not None else ()
    skipped = [each for each in find_folder_reasons(decision.reference.path) if each not in allowed]
    return f"with `allow: [{', '.join(skipped)}]` in a rule, {options.fix_command}" if skipped else options.fix_command


def build_checked_reference(
    decision: Decision,
    violations: Iterable[Violation],
    options: CheckOptions,
    *,
    is_offline: bool,
    notes: Sequence[str] = (),
) -> CheckedReference:
    """Return the result for one image reference.

    If the check is strict and the reference was not evaluated, the result has an additional violation.
    """
    unevaluated_reason = find_unevaluated_reason(decision, is_offline=is_offline)
    strict_violation = find_strict_violation(decision, unevaluated_reason) if options.is_strict else None
    return CheckedReference(
        build_verdict(decision),
        (*violations, *((strict_violation,) if strict_violation is not None else ())),
        tuple(notes),
        unevaluated_reason,
    )
