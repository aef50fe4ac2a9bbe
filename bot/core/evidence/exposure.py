"""The exposure of an image in use: which of its vulnerabilities have a fix, and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.evidence.compare import URGENCIES, is_as_urgent, sort_for_readers
from bot.core.evidence.finding_keys import FindingKey, get_finding_key
from bot.model.advisory import AdvisoryList
from bot.model.evidence import Evidence, Finding, FixDate, FixDateOrigin, Scan, ScanOutcome, Severity
from bot.model.exposure import ExposedFinding, Exposure, ExposurePeriods, FixPlace


@dataclass(frozen=True, slots=True)
class OverdueFindings:
    """The vulnerabilities of an image in use whose fixes are missing for too long."""

    overdue: tuple[ExposedFinding, ...]
    undated: tuple[ExposedFinding, ...]
    """Those that may be overdue, because the date of the fix or its place is unknown."""


def find_overdue(exposure: Exposure, periods: ExposurePeriods, now: datetime) -> OverdueFindings:
    """Return the vulnerabilities whose fixes have been published for longer than `periods` allows."""
    overdue, undated = [], []
    for each in exposure.findings:
        period = _find_period(each, exposure, periods)
        if period is None or each.fix is FixPlace.NO_FIX:
            continue
        if each.fix is not FixPlace.IN_UPDATE and not periods.in_distribution:
            if each.fix is None:
                undated.append(each)
            continue
        if not period or (each.finding.fix_date is not None and now - each.finding.fix_date.at > period):
            overdue.append(each)
        elif each.finding.fix_date is None:
            undated.append(each)
    return OverdueFindings(tuple(overdue), tuple(undated))


def _find_period(exposed: ExposedFinding, exposure: Exposure, periods: ExposurePeriods) -> timedelta | None:
    """Return the period of the most urgent class to which a vulnerability belongs; None if it belongs to none."""
    return next(
        (
            period
            for due_class, period in periods.list_periods()
            if is_as_urgent(exposed.finding, URGENCIES[due_class], exposure.exploited_ids)
        ),
        None,
    )


def build_exposure(evidence: Evidence, at: datetime | None = None) -> Exposure:
    """Return the exposure of an image in use at the time `at`.

    `evidence.old` is the scan of the image in use, and `evidence.new` that of the newest digest of its tag. If the
    image in use is the newest one, `evidence.old` is None, and `evidence.new` is its scan.
    """
    in_use = evidence.new if evidence.old is None else evidence.old
    if not isinstance(in_use, Scan):
        return Exposure(in_use, exploited_ids=evidence.exploited_ids, is_private=evidence.is_private, at=at)
    findings = sort_for_readers(in_use.findings, evidence)
    exposed = tuple(map(ExposedFinding, findings, _find_fixes(findings, evidence)))
    return Exposure(in_use, exposed, evidence.exploited_ids, evidence.is_private, at)


def _find_fixes(findings: Iterable[Finding], evidence: Evidence) -> Iterable[FixPlace | None]:
    """Yield the place of the fix of each finding of the image in use."""
    is_newest, delta = evidence.old is None, evidence.delta
    fixed_keys = {get_finding_key(finding) for finding in delta.fixed} if delta is not None else set()
    for finding in findings:
        if get_finding_key(finding) in fixed_keys:
            yield FixPlace.IN_UPDATE
        else:
            place = find_place_outside(finding)
            yield place if place is FixPlace.NO_FIX or is_newest or delta is not None else None


def find_place_outside(finding: Finding) -> FixPlace:
    """Return the place of the fix of a vulnerability that the newest image has."""
    return FixPlace.IN_DISTRIBUTION if finding.fixed_in is not None else FixPlace.NO_FIX


def add_fix_dates(outcome: ScanOutcome, dates: Mapping[FindingKey, FixDate]) -> ScanOutcome:
    """Return a scan whose findings have the dates of the state. A finding without such a date keeps its own."""
    if not isinstance(outcome, Scan) or not dates:
        return outcome
    findings = tuple(
        replace(finding, fix_date=dates[key])
        if finding.fixed_in is not None and (key := get_finding_key(finding)) in dates
        else finding
        for finding in outcome.findings
    )
    return replace(outcome, findings=findings)


def merge_fix_dates(dates: Iterable[Mapping[FindingKey, FixDate]]) -> Mapping[FindingKey, FixDate]:
    """Return the earliest date of each finding, from the dates on several platforms or in several packages."""
    merged: dict[FindingKey, FixDate] = {}
    for each in dates:
        for key, date in each.items():
            merged[key] = min(merged.get(key, date), date, key=lambda fix: fix.at)
    return merged


def choose_fix_date(published_at: datetime | None, seen_at: datetime, origin: FixDateOrigin) -> FixDate:
    """Return the date of a fix, which is never later than the time at which basebump saw the fix.

    Args:
        published_at: The date of the advisory; None if the scanner does not state it.
        seen_at: The time of the first match with the fix.
        origin: The meaning of `seen_at`: `FIRST_SEEN` or `AT_LEAST`.
    """
    if published_at is not None and published_at <= seen_at:
        return FixDate(published_at, FixDateOrigin.ADVISORY)
    return FixDate(seen_at, origin)


def is_exploited(exposed: ExposedFinding, exposure: Exposure) -> bool:
    """Return True if the vulnerability is known to be exploited."""
    return is_as_urgent(exposed.finding, AdvisoryList.KEV, exposure.exploited_ids)


def list_urgent_findings(exposure: Exposure) -> list[ExposedFinding]:
    """Return the findings that are critical or known to be exploited, and have a fix in some place."""
    return [
        each
        for each in exposure.findings
        if each.fix is not FixPlace.NO_FIX
        and (each.finding.severity is Severity.CRITICAL or is_exploited(each, exposure))
    ]
