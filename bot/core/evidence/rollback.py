"""Detection of rollbacks: packages that have an older version in the newer image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bot.core.evidence.compare import sort_worst_first
from bot.core.evidence.finding_keys import merge_findings
from bot.core.evidence.package_versions import OS_PACKAGE_TYPES
from bot.core.evidence.several_platforms import list_checked_evidence
from bot.model.contents import PackageChange, PackageChangeKind
from bot.model.evidence import Evidence, Finding

_FindingsByPackage = Mapping[tuple[str, str], Sequence[Finding]]
"""Introduced findings by the type and name of their package."""


def find_downgrades(evidence: Evidence) -> tuple[PackageChange, ...]:
    """Return the downgraded packages that indicate a rollback, the worst introduced vulnerability first.

    A downgraded package of a Linux distribution always counts, because the repositories of distributions never return
    to older versions. A downgraded library counts only if the downgrade introduces a vulnerability, because every build
    selects the versions of libraries again.

    If the images were scanned for several platforms, a downgrade on one of the platforms is enough.
    """
    introduced = _group_introduced_findings(evidence)
    changes = dict.fromkeys(change for each in list_checked_evidence(evidence) for change in each.package_changes or ())
    downgraded = [change for change in changes if change.kind is PackageChangeKind.DOWNGRADED]
    suspicious = [
        change
        for change in downgraded
        if change.type in OS_PACKAGE_TYPES or _get_introduced_findings(change, introduced)
    ]
    return tuple(sorted(suspicious, key=lambda change: (-_get_worst_severity(change, introduced), change.name)))


def describe_rollback(evidence: Evidence) -> str:
    """Return a phrase about the downgraded packages that indicate a rollback; empty if there are none.

    The phrase names the first package and the vulnerabilities that its downgrade introduces, and states the number of
    other packages.
    """
    downgrades = find_downgrades(evidence)
    if not downgrades:
        return ""
    first, *others = downgrades
    introduced = _get_introduced_findings(first, _group_introduced_findings(evidence))
    what = f", which brings {introduced[0].id}" if introduced else ""
    what += f" and {len(introduced) - 1} more" if len(introduced) > 1 else ""
    more = f", and {len(others)} other package{'' if len(others) == 1 else 's'}" if others else ""
    return f"{first.name} goes back from {first.old[-1]} to {first.new[-1]}{what}{more}"


def _get_worst_severity(change: PackageChange, introduced: _FindingsByPackage) -> int:
    return max((each.severity + 1 for each in _get_introduced_findings(change, introduced)), default=0)


def _get_introduced_findings(change: PackageChange, introduced: _FindingsByPackage) -> Sequence[Finding]:
    return introduced.get((change.type, change.source or change.name), ())


def _group_introduced_findings(evidence: Evidence) -> _FindingsByPackage:
    findings: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    deltas = (each.delta for each in list_checked_evidence(evidence) if each.delta is not None)
    for each in sort_worst_first(merge_findings(finding for delta in deltas for finding in delta.introduced)):
        findings[each.package_type, each.package].append(each)
    return findings
