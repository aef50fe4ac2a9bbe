"""Merge of the evidence for several platforms of the same images.

The merged evidence contains every finding that exists on at least one platform.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bot.core.evidence.compare import sort_worst_first
from bot.core.evidence.finding_keys import FindingKey, get_finding_key, set_earliest_fix_date
from bot.model.contents import PackageChange
from bot.model.evidence import (
    Evidence,
    Finding,
    NotScanned,
    Scan,
    ScanOutcome,
    SuppressedFinding,
    UnscannedReason,
    VulnerabilityDelta,
)

_FindingsByKey = Mapping[FindingKey, Finding]


def merge_platforms(by_platform: Mapping[str, Evidence]) -> Evidence:
    """Merge the evidence for several platforms of the same images. The keys of `by_platform` are the platforms.

    Platforms that neither image has are left out. If an image was not scanned for one of the remaining platforms, the
    merged evidence contains the reason instead of a scan of this image. Evidence for a single platform is returned
    unchanged.
    """
    evidence_in_use = {
        platform: found for platform, found in by_platform.items() if not _is_platform_missing(found)
    } or by_platform
    first, *others = evidence_in_use.values()
    if not others:
        return first
    return Evidence(
        old=None if first.old is None else _merge_scans({on: found.old for on, found in evidence_in_use.items()}),
        new=_merge_scans({on: found.new for on, found in evidence_in_use.items()}),
        delta=_merge_deltas(evidence_in_use),
        package_changes=_merge_package_changes(evidence_in_use),
        by_platform=evidence_in_use,
    )


def list_checked_evidence(evidence: Evidence) -> tuple[Evidence, ...]:
    """Return the evidence that gates have to check: the merged evidence, or this and the evidence for each platform.

    If the images could not be compared on one platform, the merged evidence contains no comparison at all. The evidence
    for each platform is therefore added, because it shows which vulnerabilities the update introduces on the other
    platforms.
    """
    is_whole = evidence.delta is not None and evidence.package_changes is not None
    return (evidence,) if is_whole else (evidence, *evidence.by_platform.values())


def _is_platform_missing(evidence: Evidence) -> bool:
    outcomes = (evidence.new if evidence.old is None else evidence.old, evidence.new)
    return all(isinstance(each, NotScanned) and each.reason is UnscannedReason.PLATFORM_MISSING for each in outcomes)


def _merge_scans(outcomes: Mapping[str, ScanOutcome | None]) -> ScanOutcome:
    """Merge the scans of one image for several platforms. The keys of `outcomes` are the platforms.

    If the image was not scanned for a platform, return the reason, together with the name of this platform.
    """
    scans: dict[str, Scan] = {}
    for platform, outcome in outcomes.items():
        if isinstance(outcome, NotScanned):
            return replace(outcome, detail=f"on {platform}" + (f": {outcome.detail}" if outcome.detail else ""))
        if outcome is not None:
            scans[platform] = outcome
    findings = _merge_findings({platform: scan.findings for platform, scan in scans.items()})
    suppressed = {get_finding_key(each.finding): each for scan in scans.values() for each in scan.suppressed}
    package_lists = [scan.packages for scan in scans.values()]
    return replace(
        next(iter(scans.values())),
        os=", ".join(dict.fromkeys(scan.os for scan in scans.values())),
        findings=sort_worst_first(findings.values()),
        suppressed=tuple(each for one, each in suppressed.items() if one not in findings),
        packages=tuple(sorted({each for listed in package_lists for each in listed or ()}))
        if None not in package_lists
        else None,
    )


def _merge_deltas(by_platform: Mapping[str, Evidence]) -> VulnerabilityDelta | None:
    """Merge the vulnerability changes on several platforms; None if they are unknown for one of the platforms.

    A finding counts as fixed only if the new image does not have it on any platform, not even as a suppressed finding.
    """
    deltas = {platform: found.delta for platform, found in by_platform.items() if found.delta is not None}
    if len(deltas) < len(by_platform):
        return None
    introduced = _merge_findings({platform: delta.introduced for platform, delta in deltas.items()})
    remaining = _merge_findings({platform: delta.remaining for platform, delta in deltas.items()})
    fixed = _merge_findings({platform: delta.fixed for platform, delta in deltas.items()})
    suppressed_keys = {
        get_finding_key(each.finding) for found in by_platform.values() for each in _get_suppressed(found.new)
    }
    remaining_keys = introduced.keys() | remaining.keys() | suppressed_keys
    return VulnerabilityDelta(
        fixed=sort_worst_first(found for one, found in fixed.items() if one not in remaining_keys),
        introduced=sort_worst_first(introduced.values()),
        remaining=sort_worst_first(found for one, found in remaining.items() if one not in introduced),
    )


def _get_suppressed(outcome: ScanOutcome) -> Sequence[SuppressedFinding]:
    return outcome.suppressed if isinstance(outcome, Scan) else ()


def _merge_findings(findings: Mapping[str, Sequence[Finding]]) -> _FindingsByKey:
    """Return the findings on several platforms without duplicates.

    Each finding lists the platforms that have it. The list is empty if all of the given platforms have it.
    """
    platforms_by_key = defaultdict[FindingKey, list[str]](list)
    duplicates = defaultdict[FindingKey, list[Finding]](list)
    for platform, platform_findings in findings.items():
        for finding in platform_findings:
            platforms_by_key[get_finding_key(finding)].append(platform)
            duplicates[get_finding_key(finding)].append(finding)
    return {
        one: replace(
            set_earliest_fix_date(sorted(found, key=lambda each: -each.severity)),
            platforms=() if len(platforms_by_key[one]) == len(findings) else tuple(platforms_by_key[one]),
        )
        for one, found in duplicates.items()
    }


def _merge_package_changes(by_platform: Mapping[str, Evidence]) -> tuple[PackageChange, ...] | None:
    """Return the package changes on several platforms without duplicates; None if they are unknown for one of them."""
    lists: list[Iterable[PackageChange] | None] = [found.package_changes for found in by_platform.values()]
    if None in lists:
        return None
    return tuple(dict.fromkeys(change for listed in lists for change in listed or ()))
