"""One evidence of the same move on several platforms: the union, in which nothing that holds on any of them is lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bot.core.evidence.canonical import Key, key
from bot.core.evidence.compare import worst_first
from bot.model.contents import PackageChange
from bot.model.evidence import Delta, Evidence, Finding, NotScanned, Scan, ScanOutcome, SetAside, Unscanned

_Found = Mapping[Key, Finding]


def united(by_platform: Mapping[str, Evidence]) -> Evidence:
    """Return the union of what is known on each platform; where it is unknown on one of them, all is.

    A platform that neither image has is none that is in use.
    """
    used = {platform: found for platform, found in by_platform.items() if not _is_missing(found)} or by_platform
    first, *others = used.values()
    if not others:
        return first
    return Evidence(
        old=None if first.old is None else _united_scans({on: found.old for on, found in used.items()}),
        new=_united_scans({on: found.new for on, found in used.items()}),
        delta=_united_deltas(used),
        packages=_united_changes(used),
        by_platform=used,
    )


def comparable(evidence: Evidence) -> tuple[Evidence, ...]:
    """Return what gates judge a move by: the union, and where part of that is unknown each platform by itself, too.

    That one platform is unknown takes nothing back of what another is known to bring.
    """
    is_whole = evidence.delta is not None and evidence.packages is not None
    return (evidence,) if is_whole else (evidence, *evidence.by_platform.values())


def _is_missing(found: Evidence) -> bool:
    outcomes = (found.new if found.old is None else found.old, found.new)
    return all(isinstance(each, NotScanned) and each.why is Unscanned.PLATFORM_MISSING for each in outcomes)


def _united_scans(outcomes: Mapping[str, ScanOutcome | None]) -> ScanOutcome:
    """Return one outcome; the first that is unknown says why nothing is known."""
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


def _united_deltas(used: Mapping[str, Evidence]) -> Delta | None:
    """Return one delta; what is fixed on one platform and not on another remains, or somebody answers for it there."""
    deltas = {platform: found.delta for platform, found in used.items() if found.delta is not None}
    if len(deltas) < len(used):
        return None
    introduced = _merged({platform: delta.introduced for platform, delta in deltas.items()})
    remaining = _merged({platform: delta.remaining for platform, delta in deltas.items()})
    fixed = _merged({platform: delta.fixed for platform, delta in deltas.items()})
    answered = {key(each.finding) for found in used.values() for each in _set_aside(found.new)}
    still = introduced.keys() | remaining.keys() | answered
    return Delta(
        fixed=worst_first(found for one, found in fixed.items() if one not in still),
        introduced=worst_first(introduced.values()),
        remaining=worst_first(found for one, found in remaining.items() if one not in introduced),
    )


def _set_aside(outcome: ScanOutcome) -> Sequence[SetAside]:
    return outcome.set_aside if isinstance(outcome, Scan) else ()


def _merged(findings: Mapping[str, Sequence[Finding]]) -> _Found:
    """Return each finding once, with the platforms that have it where not all do."""
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
    """Return the changes of packages on any of the platforms, each once."""
    lists: list[Iterable[PackageChange] | None] = [found.packages for found in used.values()]
    if None in lists:
        return None
    return tuple(dict.fromkeys(change for listed in lists for change in listed or ()))
