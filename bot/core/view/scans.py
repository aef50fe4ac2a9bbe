"""What a template sees of scanned images, and of what moving changes."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.canonical import Key, key
from bot.core.compare import count_by_severity, distinct
from bot.core.markdown import Link, Text, vulnerability
from bot.model.evidence import Delta, Finding, NotScanned, Scan, ScanOutcome, SetAside, Severity, Unscanned


@dataclass(frozen=True, slots=True)
class CountView:
    """Distinct vulnerabilities of one severity."""

    severity: Severity
    count: int


@dataclass(frozen=True, slots=True)
class FindingView:
    """One vulnerability in one package."""

    id: Text | Link
    package: Text
    installed: Text
    fixed_in: Text | None
    severity: Severity
    title: Text | None


@dataclass(frozen=True, slots=True)
class SetAsideView:
    """One vulnerability that somebody answers for, so that it counts nowhere."""

    id: Text | Link
    package: Text
    installed: Text
    severity: Severity
    why: Text
    by: Text
    """Who says so."""


@dataclass(frozen=True, slots=True)
class ScanView:
    """One scanned image: counts, or why there are none."""

    counts: tuple[CountView, ...] | None
    """None is unknown, never zero."""
    total: int | None
    why_not: Unscanned | None
    os: Text | None
    built: Text | None
    """The day it was built, as the image says."""
    set_aside: tuple[SetAsideView, ...] = ()
    """What somebody answers for, the worst first; may have been cut to fit."""
    set_aside_count: int = 0
    """Distinct vulnerabilities of that list before it was cut."""
    set_aside_cut: int = 0
    """How many rows were left out."""


@dataclass(frozen=True, slots=True)
class DeltaView:
    """What moving changes; each list holds the worst first, and may have been cut to fit."""

    fixed: tuple[FindingView, ...]
    introduced: tuple[FindingView, ...]
    remaining: tuple[FindingView, ...]
    fixed_count: int
    fixed_critical: int
    introduced_count: int
    remaining_count: int
    cut: int
    """How many rows were left out of the three lists."""


def scan_view(outcome: ScanOutcome, rows: int) -> ScanView:
    match outcome:
        case NotScanned(why=why):
            return ScanView(None, None, why, None, None)
        case Scan(findings=findings, os=system, created=created, set_aside=set_aside):
            counts = count_by_severity(findings)
            return ScanView(
                counts=tuple(CountView(severity, count) for severity, count in counts.items()),
                total=distinct(findings),
                why_not=None,
                os=Text(system),
                built=Text(f"{created:%Y-%m-%d}") if created else None,
                set_aside=tuple(map(_set_aside, sorted(set_aside, key=_worst_first)[:rows])),
                set_aside_count=distinct(each.finding for each in set_aside),
                set_aside_cut=max(0, len(set_aside) - rows),
            )


def delta_view(delta: Delta, rows: int) -> DeltaView:
    lists = (delta.fixed, delta.introduced, delta.remaining)
    fixed, introduced, remaining = (tuple(_finding(finding) for finding in findings[:rows]) for findings in lists)
    return DeltaView(
        fixed=fixed,
        introduced=introduced,
        remaining=remaining,
        fixed_count=distinct(delta.fixed),
        fixed_critical=count_by_severity(delta.fixed)[Severity.CRITICAL],
        introduced_count=distinct(delta.introduced),
        remaining_count=distinct(delta.remaining),
        cut=sum(max(0, len(findings) - rows) for findings in lists),
    )


def _worst_first(aside: SetAside) -> tuple[int, Key]:
    return -aside.finding.severity, key(aside.finding)


def _set_aside(aside: SetAside) -> SetAsideView:
    found = aside.finding
    return SetAsideView(
        id=vulnerability(found.id),
        package=Text(found.package),
        installed=Text(found.installed),
        severity=found.severity,
        why=Text(aside.why),
        by=Text(aside.by),
    )


def _finding(finding: Finding) -> FindingView:
    return FindingView(
        id=vulnerability(finding.id),
        package=Text(finding.package),
        installed=Text(finding.installed),
        fixed_in=Text(finding.fixed_in) if finding.fixed_in else None,
        severity=finding.severity,
        title=Text(finding.title) if finding.title else None,
    )
