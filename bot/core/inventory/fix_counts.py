"""Count the vulnerabilities that a pull request fixes, and find the time at which the fixes were published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.evidence.compare import collect_exploited_ids, count_by_severity, count_distinct, filter_exploited
from bot.model.evidence import Evidence, FixDateOrigin
from bot.model.patch_times import FixSeverity


@dataclass(frozen=True, slots=True)
class RequestFixes:
    """The vulnerabilities that a pull request fixes."""

    counts: Mapping[str, int]
    """The number of distinct vulnerabilities by severity.

    The key `exploited` has the number of those that are known to be exploited.
    """
    published_at: datetime | None
    """The time at which the first fix of the most severe of them was published; None if neither an advisory nor the
    state says it. A fix that was there before basebump first looked for it has no such time."""


def summarise_fixes(evidence: Sequence[Evidence]) -> RequestFixes:
    """Return the vulnerabilities that several updates fix. Updates that could not be compared are ignored."""
    fixed = [finding for each in evidence if each.delta is not None for finding in each.delta.fixed]
    exploited = filter_exploited(fixed, collect_exploited_ids(evidence))
    counts = {severity.word: count for severity, count in count_by_severity(fixed).items()}
    counts[FixSeverity.EXPLOITED.value] = count_distinct(exploited)
    worst = max((finding.severity for finding in fixed), default=None)
    most_severe = exploited or [finding for finding in fixed if finding.severity == worst]
    dates = (finding.fix_date for finding in most_severe if finding.fix_date is not None)
    exact = (date.at for date in dates if date.origin is not FixDateOrigin.AT_LEAST)
    return RequestFixes(counts, min(exact, default=None))
