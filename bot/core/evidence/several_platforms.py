"""Merge of the evidence for several platforms: the union keeps each finding of any platform."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bot.core.evidence.canonical import Key, key
from bot.core.evidence.compare import worst_first
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

_Found = Mapping[Key, Finding]


def united(by_platform: Mapping[str, Evidence]) -> Evidence:
    """Merge the evidence of all platforms; if the scan of one platform is missing, the merged scan is, too.

    Platforms that neither image has are left out.
    """
    used = {platform: found for platform, found in by_platform.items() if not _is_missing(found)} or by_platform
    first, *others = used.values()
    if not others:
        return first
    return Evidence(
        old=None if first.old is None else _united_scans({on: found.old for on, found in used.items()}),
        new=_united_scans({on: found.new for on, found in used.items()}),
        delta=_united_deltas(used),
        package_changes=_united_changes(used),
        by_platform=used,
    )


def comparable(evidence: Evidence) -> tuple[Evidence, ...]:
    """Return the evidence that gates check: the merged one and, if parts of it are missing, that of each platform.

    Missing evidence for one platform must not hide the vulnerabilities that an update adds on another.
    """
    is_whole = evidence.delta is not None and evidence.package_changes is not None
    return (evidence,) if is_whole else (evidence, *evidence.by_platform.values())


def _is_missing(found: Evidence) -> bool:
    outcomes = (found.new if found.old is None else found.old, found.new)
    return all(isinstance(each, NotScanned) and each.reason is UnscannedReason.PLATFORM_MISSING for each in outcomes)


def _united_scans(outcomes: Mapping[str, ScanOutcome | None]) -> ScanOutcome:
    """Merge the scans of an image; if a platform was not scanned, return the first such outcome."""
    scans: dict[str, Scan] = {}
    for platform, outcome in outcomes.items():
        if isinstance(outcome, NotScanned):
            return replace(outcome, detail=f"on {platform}" + (f": {outcome.detail}" if outcome.detail else ""))
        if outcome is not None:
            scans[platform] = outcome
    findings = _merged({platform: scan.findings for platform, scan in scans.items()})
    aside = {key(each.finding): each for scan in scans.values() for each in scan.set_aside}
    lists = [scan.packages for scan in scans.values()]
    return replace(
        next(iter(scans.values())),
        os=", ".join(dict.fromkeys(scan.os for scan in scans.values())),
        findings=worst_first(findings.values()),
        set_aside=tuple(each for one, each in aside.items() if one not in findings),
        packages=tuple(sorted({each for listed in lists for each in listed or ()})) if None not in lists else None,
    )


def _united_deltas(used: Mapping[str, Evidence]) -> VulnerabilityDelta | None:
    """Merge the deltas. A finding that is fixed on one platform only remains, unless it is suppressed elsewhere."""
    deltas = {platform: found.delta for platform, found in used.items() if found.delta is not None}
    if len(deltas) < len(used):
        return None
    introduced = _merged({platform: delta.introduced for platform, delta in deltas.items()})
    remaining = _merged({platform: delta.remaining for platform, delta in deltas.items()})
    fixed = _merged({platform: delta.fixed for platform, delta in deltas.items()})
    answered = {key(each.finding) for found in used.values() for each in _set_aside(found.new)}
    still = introduced.keys() | remaining.keys() | answered
    return VulnerabilityDelta(
        fixed=worst_first(found for one, found in fixed.items() if one not in still),
        introduced=worst_first(introduced.values()),
        remaining=worst_first(found for one, found in remaining.items() if one not in introduced),
    )


def _set_aside(outcome: ScanOutcome) -> Sequence[SuppressedFinding]:
    return outcome.set_aside if isinstance(outcome, Scan) else ()


def _merged(findings: Mapping[str, Sequence[Finding]]) -> _Found:
    """Return each finding once, with its platforms unless all of them have it."""
    on: dict[Key, list[str]] = defaultdict(list)
    worst: dict[Key, Finding] = {}
    for platform, listed in findings.items():
        for finding in listed:
            one = key(finding)
            on[one].append(platform)
            worst[one] = max(worst.get(one, finding), finding, key=lambda each: each.severity)
    return {
        one: replace(found, platforms=() if len(on[one]) == len(findings) else tuple(on[one]))
        for one, found in worst.items()
    }


def _united_changes(used: Mapping[str, Evidence]) -> tuple[PackageChange, ...] | None:
    """Return the package changes of all platforms, each once; None if a platform has no list."""
    lists: list[Iterable[PackageChange] | None] = [found.package_changes for found in used.values()]
    if None in lists:
        return None
    return tuple(dict.fromkeys(change for listed in lists for change in listed or ()))
