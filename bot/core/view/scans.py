"""What a template sees of scanned images, and of what moving changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.canonical import Key, key
from bot.core.compare import count_by_severity, distinct
from bot.core.markdown import Link, Text, vulnerability
from bot.core.packages import versions_of
from bot.model.contents import ImageContents
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
    other: tuple[Text, ...] | None
    """The versions that the other image has of the package: none where it is not there, None where nobody knows."""
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
    fixable_count: int
    """How many of the remaining have a fix that the newer image does not have yet."""
    cut: int
    """How many rows were left out of the three lists."""


def scan_view(outcome: ScanOutcome, contents: ImageContents | None, rows: int) -> ScanView:
    """Return the view of one image; when it was built it says itself, where its scanner does not."""
    said = contents.created if contents is not None else None
    match outcome:
        case NotScanned(why=why):
            return ScanView(None, None, why, None, _day(said))
        case Scan(findings=findings, os=system, created=created, set_aside=set_aside):
            counts = count_by_severity(findings)
            return ScanView(
                counts=tuple(CountView(severity, count) for severity, count in counts.items()),
                total=distinct(findings),
                why_not=None,
                os=Text(system),
                built=_day(created or said),
                set_aside=tuple(map(_set_aside, sorted(set_aside, key=_worst_first)[:rows])),
                set_aside_count=distinct(each.finding for each in set_aside),
                set_aside_cut=max(0, len(set_aside) - rows),
            )


def _day(moment: datetime | None) -> Text | None:
    return Text(f"{moment:%Y-%m-%d}") if moment is not None else None


def delta_view(delta: Delta, old: ScanOutcome | None, new: ScanOutcome, rows: int) -> DeltaView:
    """Return the view of what moves between two scans, at most `rows` rows of each list."""
    lists = (delta.fixed, delta.introduced, delta.remaining)
    return DeltaView(
        fixed=tuple(_finding(each, new) for each in delta.fixed[:rows]),
        introduced=tuple(_finding(each, old) for each in delta.introduced[:rows]),
        remaining=tuple(_finding(each, old) for each in delta.remaining[:rows]),
        fixed_count=distinct(delta.fixed),
        fixed_critical=count_by_severity(delta.fixed)[Severity.CRITICAL],
        introduced_count=distinct(delta.introduced),
        remaining_count=distinct(delta.remaining),
        fixable_count=distinct(each for each in delta.remaining if each.fixed_in),
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


def _finding(finding: Finding, other: ScanOutcome | None) -> FindingView:
    beside = versions_of(other, finding) if isinstance(other, Scan) else None
    return FindingView(
        id=vulnerability(finding.id),
        package=Text(finding.package),
        installed=Text(finding.installed),
        other=tuple(map(Text, beside)) if beside is not None else None,
        fixed_in=Text(finding.fixed_in) if finding.fixed_in else None,
        severity=finding.severity,
        title=Text(finding.title) if finding.title else None,
    )
