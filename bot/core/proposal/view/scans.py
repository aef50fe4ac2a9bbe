"""What a template sees of scanned images, and of what moving changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.evidence.canonical import Key, key
from bot.core.evidence.compare import count_by_severity, distinct, exploited
from bot.core.evidence.packages import Versions, versions_in
from bot.core.markdown import Link, Plain, Text, vulnerability
from bot.core.proposal.view.contents import latest_of
from bot.model.contents import ImageContents
from bot.model.evidence import Delta, Evidence, Finding, NotScanned, Scan, ScanOutcome, SetAside, Severity, Unscanned


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
    other: tuple[Text | Plain, ...] | None
    """The versions that the other image has of the package, as of a `PackageView`: none where it is not there, None
    where nobody knows."""
    fixed_in: Text | None
    severity: Severity
    title: Text | None
    platforms: tuple[Text, ...]
    """Those of the scanned platforms that have it; none where all do."""
    is_exploited: bool
    """Whether it is known to be exploited; false, too, where nobody was asked."""
    epss: float | None
    """How likely it is to be exploited in thirty days, in per cent; None where that is not known."""


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
    """What moving changes; each list holds what is exploited and then the worst first, and may have been cut to fit."""

    fixed: tuple[FindingView, ...]
    introduced: tuple[FindingView, ...]
    remaining: tuple[FindingView, ...]
    fixed_count: int
    fixed_critical: int
    fixed_exploited: int
    """Those that are known to be exploited."""
    introduced_count: int
    introduced_exploited: int
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
            return ScanView(None, None, why, None, day(said))
        case Scan(findings=findings, os=system, created=created, set_aside=set_aside):
            counts = count_by_severity(findings)
            return ScanView(
                counts=tuple(CountView(severity, count) for severity, count in counts.items()),
                total=distinct(findings),
                why_not=None,
                os=Text(system),
                built=day(created or said),
                set_aside=tuple(map(_set_aside, sorted(set_aside, key=_worst_first)[:rows])),
                set_aside_count=distinct(each.finding for each in set_aside),
                set_aside_cut=max(0, len(set_aside) - rows),
            )


def day(moment: datetime | None) -> Text | None:
    """Return the day of a moment, for those who only look how old something is."""
    return Text(f"{moment:%Y-%m-%d}") if moment is not None else None


def delta_view(delta: Delta, evidence: Evidence, rows: int) -> DeltaView:
    """Return the view of what moves between the two scans of `evidence`, at most `rows` rows of each list."""
    lists = (delta.fixed, delta.introduced, delta.remaining)
    fixed, introduced, remaining = (_exploited_first(each, evidence)[:rows] for each in lists)
    before, after = (_versions(outcome) for outcome in (evidence.old, evidence.new))
    return DeltaView(
        fixed=tuple(_finding(each, after, evidence) for each in fixed),
        introduced=tuple(_finding(each, before, evidence) for each in introduced),
        remaining=tuple(_finding(each, before, evidence) for each in remaining),
        fixed_count=distinct(delta.fixed),
        fixed_critical=count_by_severity(delta.fixed)[Severity.CRITICAL],
        fixed_exploited=distinct(exploited(delta.fixed, evidence.known_exploited)),
        introduced_count=distinct(delta.introduced),
        introduced_exploited=distinct(exploited(delta.introduced, evidence.known_exploited)),
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


def _exploited_first(findings: Sequence[Finding], evidence: Evidence) -> Sequence[Finding]:
    """Return the same findings, which have the worst first already."""
    known = evidence.known_exploited or frozenset()
    return sorted(findings, key=lambda finding: finding.id not in known)


def _versions(outcome: ScanOutcome | None) -> Versions:
    return versions_in(outcome) if isinstance(outcome, Scan) else lambda _: None


def _finding(finding: Finding, versions: Versions, evidence: Evidence) -> FindingView:
    beside = versions(finding)
    score = evidence.epss.get(finding.id) if evidence.epss is not None else None
    return FindingView(
        id=vulnerability(finding.id),
        package=Text(finding.package),
        installed=Text(finding.installed),
        other=latest_of(beside) if beside is not None else None,
        fixed_in=Text(finding.fixed_in) if finding.fixed_in else None,
        severity=finding.severity,
        title=Text(finding.title) if finding.title else None,
        platforms=tuple(map(Text, finding.platforms)),
        is_exploited=bool(exploited([finding], evidence.known_exploited)),
        epss=round(100 * score, 1) if score is not None else None,
    )
