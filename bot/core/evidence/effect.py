"""The effect of updates in a few words, which titles, statuses, summaries and the terminal share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from bot.core.evidence.compare import collect_exploited_ids, count_by_severity, count_distinct, filter_exploited
from bot.core.evidence.private_evidence import WITHHELD_SCAN
from bot.model.evidence import Evidence, Finding, NotScanned, Scan, Severity, UnscannedReason


@dataclass(frozen=True, slots=True)
class FindingSummary:
    """The number of distinct vulnerabilities in a list, and how bad the worst of them are."""

    count: int
    worst: Severity
    """The worst severity; `UNKNOWN` if there are no vulnerabilities."""
    worst_count: int
    """The number of vulnerabilities of the worst severity."""
    critical: int
    exploited: int
    """The number of vulnerabilities that are known to be exploited."""

    def __str__(self) -> str:
        """Return the number with the worst severity, such as `252 (16 critical, 2 exploited)`; `none` for zero."""
        return f"{self.count} ({self.detail})" if self.count else "none"

    @property
    def detail(self) -> str:
        """The worst severity, such as `16 critical, 2 exploited`. Empty if there are no vulnerabilities."""
        worst = self.worst.word if self.worst is not Severity.UNKNOWN else "of unknown severity"
        exploited = [f"{self.exploited} exploited"] if self.exploited else []
        return ", ".join([f"{self.worst_count} {worst}", *exploited]) if self.count else ""


def summarise_findings(findings: Iterable[Finding], exploited_ids: Collection[str] | None) -> FindingSummary:
    """Return the summary of a list. `exploited_ids` is None if the list of exploited vulnerabilities was not read."""
    found = list(findings)
    counts = count_by_severity(found)
    worst = next((severity for severity, count in counts.items() if count), Severity.UNKNOWN)
    exploited = count_distinct(filter_exploited(found, exploited_ids))
    return FindingSummary(count_distinct(found), worst, counts[worst], counts[Severity.CRITICAL], exploited)


_NOT_SCANNED, _PRIVATE = "not scanned", "with private findings"
NO_FINDINGS = summarise_findings((), None)


@dataclass(frozen=True, slots=True)
class UpdateEffect:
    """The vulnerabilities that the compared updates fix and add."""

    fixed: FindingSummary
    added: FindingSummary
    compared_count: int
    """The number of updates whose images could be compared."""
    is_partial: bool
    """True if an update replaces an image, and the old and the new image could not be compared."""

    def __str__(self) -> str:
        return f"fixes {self.fixed}, adds {self.added}"


def summarise_effect(evidence: Iterable[Evidence]) -> UpdateEffect | None:
    """Return the combined effect of several updates; None if the images of none could be compared.

    A vulnerability that several updates fix or add counts once.
    """
    found = list(evidence)
    deltas = [each.delta for each in found if each.delta is not None]
    if not deltas:
        return None
    exploited_ids = collect_exploited_ids(found)
    return UpdateEffect(
        summarise_findings((finding for delta in deltas for finding in delta.fixed), exploited_ids),
        summarise_findings((finding for delta in deltas for finding in delta.introduced), exploited_ids),
        len(deltas),
        any(each.delta is None and each.old is not None for each in found),
    )


def count_kept_fixes(evidence: Sequence[Evidence]) -> int:
    """Count the vulnerabilities that one update fixes, but that the new image of another update still has."""
    fixed = {finding.id for each in evidence if each.delta is not None for finding in each.delta.fixed}
    return len(fixed & {finding.id for each in evidence if isinstance(each.new, Scan) for finding in each.new.findings})


def describe_unknown_effects(evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Return remarks on updates whose effect is unknown because an image was not scanned; empty if there are none.

    Remarks are `not scanned` and `with private findings`. A remark about only some of the updates begins with
    their number, such as `2 of 10 not scanned`. Old images that the registry no longer has are left out.
    """
    reasons = [_find_unknown_reason(each) for each in evidence]
    return tuple(
        words if count == len(evidence) else f"{count} of {len(evidence)} {words}"
        for words in (_PRIVATE, _NOT_SCANNED)
        if (count := reasons.count(words))
    )


def _find_unknown_reason(evidence: Evidence) -> str | None:
    if evidence.delta is not None:
        return None
    if WITHHELD_SCAN in (evidence.old, evidence.new):
        return _PRIVATE
    is_old_gone = isinstance(evidence.old, NotScanned) and evidence.old.reason is UnscannedReason.IMAGE_GONE
    is_old_unknown = isinstance(evidence.old, NotScanned) and not is_old_gone
    return _NOT_SCANNED if isinstance(evidence.new, NotScanned) or is_old_unknown else None
