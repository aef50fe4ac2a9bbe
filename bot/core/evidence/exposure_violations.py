"""Violations that `check` reports for images in use that lack published fixes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.core.choice.violations import describe_remedy, format_short_reference
from bot.core.evidence.exposure import find_overdue
from bot.model.check import Violation
from bot.model.decision import Decision, ImageUpdate, RefusedUpdate
from bot.model.evidence import NotScanned
from bot.model.exposure import ExposedFinding, Exposure, ExposurePeriods, FixPlace
from bot.model.vocabulary import ViolationKind

MAX_NAMED_FIXES = 3
"""The maximum number of vulnerabilities that a message names."""


def find_exposure_violations(
    decision: Decision, exposure: Exposure, periods: ExposurePeriods, now: datetime, fix_command: str
) -> Iterator[Violation]:
    """Yield a violation for the fixes that a newer digest contains, and one for those that no digest contains.

    Only fixes count that the image in use lacks for longer than `periods` allows. The messages contain `fix_command`,
    the command line that applies an available update.
    """
    overdue = find_overdue(exposure, periods, now).overdue
    name = format_short_reference(decision.reference.image)
    for place in dict.fromkeys(each.fix or FixPlace.IN_DISTRIBUTION for each in overdue):
        found = [each for each in overdue if (each.fix or FixPlace.IN_DISTRIBUTION) is place]
        where, remedy = "which a newer digest of its tag contains", "a rule holds this digest back"
        if place is FixPlace.IN_DISTRIBUTION:
            where, remedy = "which no digest of its tag contains", "build on an image that contains them"
        elif isinstance(decision, ImageUpdate | RefusedUpdate):
            remedy = describe_remedy(decision, fix_command)
        problem = f"{name} lacks {_describe_fixes(found)}, {where}"
        yield Violation(ViolationKind.EXPOSED, problem, remedy=remedy, fix=place)


def _describe_fixes(found: Sequence[ExposedFinding]) -> str:
    """Return the number of fixes and the first vulnerabilities: `2 fixes (critical CVE-2026-1 in openssl, …)`."""
    counted = list({each.finding.id: each.finding for each in found}.values())
    named = [f"{each.severity.word} {each.id} in {each.package}" for each in counted[:MAX_NAMED_FIXES]]
    rest = ["…"] if len(counted) > MAX_NAMED_FIXES else []
    return f"{len(counted)} fix{'' if len(counted) == 1 else 'es'} ({', '.join([*named, *rest])})"


def describe_unknown_exposure(decision: Decision, exposure: Exposure, periods: ExposurePeriods, now: datetime) -> str:
    """Return a sentence that says which fixes of the image in use could not be compared with `periods`.

    Return an empty string if all could be compared. The image may not have been scanned, or the date of a fix may be
    unknown.
    """
    name = format_short_reference(decision.reference.image)
    if isinstance(exposure.in_use, NotScanned):
        return f"the vulnerabilities of {name} are unknown: {exposure.in_use.reason.sentence}"
    undated = find_overdue(exposure, periods, now).undated
    return f"since when {name} lacks {_describe_fixes(undated)} is unknown" if undated else ""
