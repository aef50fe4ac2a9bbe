"""Rollbacks: packages that are older in the newer image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bot.core.evidence.canonical import merged
from bot.core.evidence.compare import worst_first
from bot.core.evidence.several_platforms import comparable
from bot.core.evidence.versions import SYSTEM_TYPES
from bot.model.contents import PackageChange, PackageChangeKind
from bot.model.evidence import Evidence, Finding

_Brought = Mapping[tuple[str, str], Sequence[Finding]]
"""Introduced findings by type and name of their package."""


def gone_back(evidence: Evidence) -> tuple[PackageChange, ...]:
    """Return the downgraded packages that indicate a rollback, worst introduced vulnerability first.

    Each downgraded package of a Linux distribution counts, because its repositories never return to older versions. A
    downgraded library counts only if it adds a vulnerability, because each build chooses library versions again. A
    downgrade on one platform is enough.
    """
    brought = _brought(evidence)
    changes = dict.fromkeys(change for each in comparable(evidence) for change in each.package_changes or ())
    downgraded = [change for change in changes if change.kind is PackageChangeKind.DOWNGRADED]
    alarming = [change for change in downgraded if change.type in SYSTEM_TYPES or _brings(change, brought)]
    return tuple(sorted(alarming, key=lambda change: (-_worst(change, brought), change.name)))


def rollback(evidence: Evidence) -> str:
    """Return a phrase that names the downgraded packages and their new vulnerabilities; empty without downgrades."""
    back = gone_back(evidence)
    if not back:
        return ""
    first, *others = back
    brings = _brings(first, _brought(evidence))
    what = f", which brings {brings[0].id}" if brings else ""
    what += f" and {len(brings) - 1} more" if len(brings) > 1 else ""
    more = f", and {len(others)} other package{'' if len(others) == 1 else 's'}" if others else ""
    return f"{first.name} goes back from {first.old[-1]} to {first.new[-1]}{what}{more}"


def _worst(change: PackageChange, brought: _Brought) -> int:
    return max((each.severity + 1 for each in _brings(change, brought)), default=0)


def _brings(change: PackageChange, brought: _Brought) -> Sequence[Finding]:
    return brought.get((change.type, change.source or change.name), ())


def _brought(evidence: Evidence) -> _Brought:
    found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    deltas = (each.delta for each in comparable(evidence) if each.delta is not None)
    for each in worst_first(merged(finding for delta in deltas for finding in delta.introduced)):
        found[each.package_type, each.package].append(each)
    return found
