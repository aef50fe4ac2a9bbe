"""Packages that are older in the newer image, as a rollback leaves them."""

from __future__ import annotations

from bot.core.versions import SYSTEM_TYPES
from bot.model.contents import Change, PackageChange
from bot.model.evidence import Evidence, Finding


def went_back(evidence: Evidence) -> tuple[PackageChange, ...]:
    """Return the packages that went back, those that bring the worst first.

    Of a distribution all of them: its repositories never go back. Of libraries those that bring a vulnerability: what
    an image has of them is chosen anew with every build.
    """
    downgraded = [change for change in evidence.packages or () if change.change is Change.DOWNGRADED]
    alarming = [change for change in downgraded if change.type in SYSTEM_TYPES or _brings(change, evidence)]
    return tuple(sorted(alarming, key=lambda change: (-_worst(change, evidence), change.name)))


def rollback(evidence: Evidence) -> str:
    """Say that packages went back, and what that brings; empty where none did."""
    back = went_back(evidence)
    if not back:
        return ""
    first, *others = back
    brings = _brings(first, evidence)
    what = f", which brings {brings[0].id}" if brings else ""
    what += f" and {len(brings) - 1} more" if len(brings) > 1 else ""
    more = f", and {len(others)} other package{'' if len(others) == 1 else 's'}" if others else ""
    return f"{first.name} goes back from {first.old[-1]} to {first.new[-1]}{what}{more}"


def _worst(change: PackageChange, evidence: Evidence) -> int:
    return max((each.severity + 1 for each in _brings(change, evidence)), default=0)


def _brings(change: PackageChange, evidence: Evidence) -> list[Finding]:
    introduced = evidence.delta.introduced if evidence.delta is not None else ()
    package = (change.type, change.source or change.name)
    return [each for each in introduced if (each.package_type, each.package) == package]
