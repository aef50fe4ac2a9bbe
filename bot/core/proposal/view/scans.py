"""Template data for the scans of images, and for the vulnerability changes between two images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.evidence.compare import count_by_severity, count_distinct, filter_exploited, sort_for_readers
from bot.core.evidence.effect import summarise_findings
from bot.core.evidence.finding_keys import FindingKey, get_finding_key
from bot.core.evidence.packages import VersionLookup, build_version_lookup
from bot.core.markdown import Link, Plain, Text, link_vulnerability
from bot.core.proposal.view.contents import list_latest_versions
from bot.core.proposal.view.findings import (
    MAX_NOTABLE,
    MAX_NOTABLE_BESIDE_OTHERS,
    NotableView,
    PackageFindingsView,
    group_by_package,
    list_notable,
)
from bot.model.contents import ImageContents
from bot.model.evidence import (
    Evidence,
    Finding,
    NotScanned,
    Scan,
    ScanOutcome,
    Severity,
    SuppressedFinding,
    UnscannedReason,
    VulnerabilityDelta,
)


@dataclass(frozen=True, slots=True)
class CountView:
    """The number of distinct vulnerabilities with one severity."""

    severity: Severity
    count: int


@dataclass(frozen=True, slots=True)
class FindingView:
    """One vulnerability in one package."""

    id: Text | Link
    package: Text
    installed: Text
    other: tuple[Text | Plain, ...] | None
    """The versions of the package in the other image, in the format of `PackageView`. The list is empty if the other
    image does not have the package. None if the versions are unknown."""
    fixed_in: Text | None
    severity: Severity
    title: Text | None
    platforms: tuple[Text, ...]
    """The scanned platforms on which the finding exists; empty if it exists on all of them."""
    is_exploited: bool
    """True if the vulnerability is known to be exploited; False if it is not, or if no list is configured."""
    epss: float | None
    """The probability of exploitation within thirty days, in per cent (EPSS); None if it is unknown."""


@dataclass(frozen=True, slots=True)
class SuppressedFindingView:
    """One suppressed vulnerability. Suppressed vulnerabilities are not included in any count."""

    id: Text | Link
    package: Text
    installed: Text
    severity: Severity
    reason: Text
    author: Text
    """The person or organisation that suppressed the finding."""


@dataclass(frozen=True, slots=True)
class ScanView:
    """The scan of one image: the counts of its vulnerabilities, or the reason why there are no counts."""

    counts: tuple[CountView, ...] | None
    """The counts for each severity. None means that the counts are unknown, and never that they are zero."""
    total: int | None
    why_not: UnscannedReason | None
    os: Text | None
    built: Plain | None
    """The build date, according to the image."""
    suppressed: tuple[SuppressedFindingView, ...] = ()
    """The suppressed vulnerabilities, worst first. The list may have been truncated."""
    suppressed_count: int = 0
    """The number of distinct suppressed vulnerabilities, before the list was truncated."""
    suppressed_cut: int = 0
    """The number of rows that were left out."""
    exploited: int | None = None
    """The number of vulnerabilities that are known to be exploited; None if this was not looked up."""
    worst: tuple[NotableView, ...] = ()
    """The vulnerabilities that matter most, if the image is not compared with another image."""
    version: Text | None = None
    """The version of the image, according to the image."""


@dataclass(frozen=True, slots=True)
class DeltaView:
    """The vulnerability changes of an update. Lists begin with the worst vulnerabilities, exploited ones first."""

    fixed: tuple[FindingView, ...]
    introduced: tuple[FindingView, ...]
    remaining: tuple[FindingView, ...]
    fixed_count: int
    fixed_critical: int
    fixed_exploited: int
    """The number of fixed vulnerabilities that are known to be exploited."""
    introduced_count: int
    introduced_exploited: int
    remaining_count: int
    fixable_count: int
    """The number of remaining vulnerabilities for which a fix exists that the newer image does not contain yet."""
    cut: int
    """The number of rows that were left out of the three lists."""
    fixed_text: Plain
    """The number of fixed vulnerabilities with the worst severity, such as `252 (16 critical, 2 exploited)`."""
    fixed_detail: Plain | None
    """The worst severity of the fixed vulnerabilities, such as `16 critical, 2 exploited`; None if there are none."""
    introduced_text: Plain
    fixed_counts: tuple[CountView, ...]
    introduced_counts: tuple[CountView, ...]
    remaining_counts: tuple[CountView, ...]
    introduced_critical: int
    remaining_exploited: int
    notable_fixed: tuple[NotableView, ...]
    """The fixed vulnerabilities that matter most: known exploited ones, then critical ones, then ones with a high EPSS.
    """
    notable_introduced: tuple[NotableView, ...]
    fixed_packages: tuple[PackageFindingsView, ...]
    """All fixed vulnerabilities by package. This list and the next two may have been truncated."""
    introduced_packages: tuple[PackageFindingsView, ...]
    remaining_packages: tuple[PackageFindingsView, ...]
    fixed_cut: int
    """The number of distinct vulnerabilities that `fixed_packages` leaves out."""
    introduced_cut: int
    remaining_cut: int


def build_scan_view(
    outcome: ScanOutcome, contents: ImageContents | None, rows: int, evidence: Evidence | None = None
) -> ScanView:
    """Return the data on one scan. Each list has at most `rows` rows.

    `evidence` is the evidence on the update of the image, which contains the public lists. If the evidence compares the
    image with another image, the result has no list of the worst vulnerabilities.

    The build date of the image comes from `contents` if the scan does not contain it.
    """
    stated_time = contents.created if contents is not None else None
    match outcome:
        case NotScanned(reason=why):
            stated_version = _get_version(None, contents)
            return ScanView(None, None, why, None, format_day(stated_time), version=stated_version)
        case Scan(findings=findings, os=system, created=created, suppressed=suppressed):
            return ScanView(
                counts=_build_counts(findings),
                total=count_distinct(findings),
                why_not=None,
                os=Text(system),
                built=format_day(created or stated_time),
                suppressed=tuple(map(_build_suppressed_view, sorted(suppressed, key=_get_severity_key)[:rows])),
                suppressed_count=count_distinct(each.finding for each in suppressed),
                suppressed_cut=max(0, len(suppressed) - rows),
                exploited=_count_exploited(findings, evidence),
                worst=list_notable(findings, evidence, _find_no_version, rows)
                if evidence is not None and evidence.delta is None
                else (),
                version=_get_version(outcome.version, contents),
            )


def _get_version(scanned: str | None, contents: ImageContents | None) -> Text | None:
    version = scanned or (contents.version if contents is not None else None)
    return Text(version) if version else None


def _count_exploited(findings: Sequence[Finding], evidence: Evidence | None) -> int | None:
    if evidence is None or evidence.exploited_ids is None:
        return None
    return count_distinct(filter_exploited(findings, evidence.exploited_ids))


def _find_no_version(_: Finding) -> None:
    return None


def _build_counts(findings: Sequence[Finding]) -> tuple[CountView, ...]:
    return tuple(CountView(severity, count) for severity, count in count_by_severity(findings).items())


def format_day(moment: datetime | None) -> Plain | None:
    """Return the date of `moment` as text: `2027-01-31`. Return None if `moment` is None."""
    return Plain(f"{moment:%Y-%m-%d}") if moment is not None else None


def build_delta_view(delta: VulnerabilityDelta, evidence: Evidence, rows: int) -> DeltaView:
    """Return the data on the vulnerability changes between two scans. Each list has at most `rows` rows.

    `delta` contains the changes, and `evidence` both scans.
    """
    lists = (delta.fixed, delta.introduced, delta.remaining)
    fixed, introduced, remaining = (sort_for_readers(each, evidence)[:rows] for each in lists)
    before, after = (_build_lookup(outcome) for outcome in (evidence.old, evidence.new))
    fixed_summary = summarise_findings(delta.fixed, evidence.exploited_ids)
    fixed_groups = group_by_package(delta.fixed, evidence, after, rows)
    introduced_groups = group_by_package(delta.introduced, evidence, before, rows)
    remaining_groups = group_by_package(delta.remaining, evidence, before, rows)
    limit = MAX_NOTABLE_BESIDE_OTHERS if delta.introduced else MAX_NOTABLE
    return DeltaView(
        fixed=tuple(_build_finding_view(each, after, evidence) for each in fixed),
        introduced=tuple(_build_finding_view(each, before, evidence) for each in introduced),
        remaining=tuple(_build_finding_view(each, before, evidence) for each in remaining),
        fixed_count=count_distinct(delta.fixed),
        fixed_critical=count_by_severity(delta.fixed)[Severity.CRITICAL],
        fixed_exploited=count_distinct(filter_exploited(delta.fixed, evidence.exploited_ids)),
        introduced_count=count_distinct(delta.introduced),
        introduced_exploited=count_distinct(filter_exploited(delta.introduced, evidence.exploited_ids)),
        remaining_count=count_distinct(delta.remaining),
        fixable_count=count_distinct(each for each in delta.remaining if each.fixed_in),
        cut=sum(max(0, len(findings) - rows) for findings in lists),
        fixed_text=Plain(str(fixed_summary)),
        fixed_detail=Plain(fixed_summary.detail) if fixed_summary.detail else None,
        introduced_text=Plain(str(summarise_findings(delta.introduced, evidence.exploited_ids))),
        fixed_counts=_build_counts(delta.fixed),
        introduced_counts=_build_counts(delta.introduced),
        remaining_counts=_build_counts(delta.remaining),
        introduced_critical=count_by_severity(delta.introduced)[Severity.CRITICAL],
        remaining_exploited=count_distinct(filter_exploited(delta.remaining, evidence.exploited_ids)),
        notable_fixed=list_notable(delta.fixed, evidence, after, rows, limit),
        notable_introduced=list_notable(delta.introduced, evidence, before, rows),
        fixed_packages=fixed_groups.groups,
        introduced_packages=introduced_groups.groups,
        remaining_packages=remaining_groups.groups,
        fixed_cut=fixed_groups.cut,
        introduced_cut=introduced_groups.cut,
        remaining_cut=remaining_groups.cut,
    )


def _get_severity_key(suppressed: SuppressedFinding) -> tuple[int, FindingKey]:
    return -suppressed.finding.severity, get_finding_key(suppressed.finding)


def _build_suppressed_view(suppressed: SuppressedFinding) -> SuppressedFindingView:
    found = suppressed.finding
    return SuppressedFindingView(
        id=link_vulnerability(found.id),
        package=Text(found.package),
        installed=Text(found.installed),
        severity=found.severity,
        reason=Text(suppressed.reason),
        author=Text(suppressed.author),
    )


def _build_lookup(outcome: ScanOutcome | None) -> VersionLookup:
    return build_version_lookup(outcome) if isinstance(outcome, Scan) else lambda _: None


def _build_finding_view(finding: Finding, versions: VersionLookup, evidence: Evidence) -> FindingView:
    other_versions = versions(finding)
    score = evidence.epss_scores.get(finding.id) if evidence.epss_scores is not None else None
    return FindingView(
        id=link_vulnerability(finding.id),
        package=Text(finding.package),
        installed=Text(finding.installed),
        other=list_latest_versions(other_versions) if other_versions is not None else None,
        fixed_in=Text(finding.fixed_in) if finding.fixed_in else None,
        severity=finding.severity,
        title=Text(finding.title) if finding.title else None,
        platforms=tuple(map(Text, finding.platforms)),
        is_exploited=bool(filter_exploited([finding], evidence.exploited_ids)),
        epss=round(100 * score, 1) if score is not None else None,
    )
