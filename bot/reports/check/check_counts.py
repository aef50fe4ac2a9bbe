"""The counts of `check` in its outputs: as JSON, and as sentences for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bot.core.markdown import make_console_line
from bot.model.check import CheckCounts, CheckReport
from bot.model.vocabulary import ViolationKind
from bot.reports.parts.json_text import JsonValue
from bot.reports.parts.unread_lines import summarise_unread_texts


def render_counts(counts: CheckCounts) -> dict[str, JsonValue]:
    """Return the counts as JSON. Scripts depend on the keys."""
    return {
        "found": counts.found,
        "pinned": counts.pinned,
        "unpinned": counts.unpinned,
        "not_evaluated": {reason.value: count for reason, count in counts.not_evaluated.items()},
        "unresolved": counts.unresolved,
        "unreadable": counts.unreadable,
        "unread_texts": counts.unread_texts,
    }


def describe_counts(report: CheckReport, *, lists_unread_texts: bool = False) -> str:
    """Return sentences with the number of image references.

    An example is `2 image references: 1 pinned, 1 unpinned.` References that could not be looked up, and texts that
    contain no readable reference, are not part of this sum. They have separate sentences. `lists_unread_texts` is True
    if the output lists the texts that are not read.
    """
    counts = report.counts
    subject = f"{format_count(counts.found, 'image reference')}"
    if report.since is not None:
        subject += f" added or changed since {make_console_line(report.since)}"
    sentences = [f"{subject}: {counts.pinned} pinned, {counts.unpinned} unpinned{_describe_unevaluated(counts)}."]
    if counts.unresolved:
        sentences.append(f"{counts.unresolved} could not be looked up.")
    if counts.unreadable:
        verb = "contains" if counts.unreadable == 1 else "contain"
        sentences.append(f"{format_count(counts.unreadable, 'text')} {verb} no readable reference.")
    sentences += summarise_unread_texts(report.unread_texts, is_listed=lists_unread_texts)
    return " ".join(sentences)


def describe_result(report: CheckReport) -> str:
    """Return the last line of a check: the number of findings, and whether everything was evaluated."""
    violation_counts = Counter(finding.violation.kind for finding in report.findings)
    kinds = ", ".join(f"{violation_counts[kind]} {kind}" for kind in ViolationKind if violation_counts[kind])
    gaps = ", ".join(_list_gaps(report))
    if kinds:
        total = format_count(violation_counts.total(), "finding")
        return f"{total}: {kinds}." + (f" Not everything was evaluated: {gaps}." if gaps else "")
    return f"No findings, but not everything was evaluated: {gaps}." if gaps else "No findings."


def format_count(count: int, noun: str) -> str:
    """Return a number and its noun, such as `1 finding` or `2 findings`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _describe_unevaluated(counts: CheckCounts) -> str:
    if not counts.not_evaluated:
        return ""
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.not_evaluated.items())
    return f", {counts.total_not_evaluated} not evaluated ({reasons})"


def _list_gaps(report: CheckReport) -> Iterator[str]:
    """Yield a phrase for each kind of image reference, text or failure that is neither evaluated nor a finding."""
    counts = report.counts
    if not report.is_strict:
        if counts.total_not_evaluated:
            yield format_count(counts.total_not_evaluated, "image reference")
        if counts.unreadable:
            yield f"{format_count(counts.unreadable, 'text')} without a readable reference"
    if counts.unresolved:
        yield f"{format_count(counts.unresolved, 'failed lookup')}"
    if report.failed:
        yield format_count(len(report.failed), "failure")
