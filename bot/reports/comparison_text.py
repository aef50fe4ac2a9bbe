"""Renders `compare` as text, with one function for each section. A section without content is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bot.core.evidence.compare import count_by_severity, count_distinct, filter_exploited, get_scanner
from bot.core.evidence.image_changes import (
    SourceOrigin,
    build_source_comparison,
    determine_origin,
    has_become_root,
    list_aspect_changes,
)
from bot.core.evidence.lookups import NO_TRUST_RULE, ListLookup, get_list_lookup
from bot.core.evidence.rollback import describe_rollback
from bot.core.evidence.trust import describe_signature
from bot.core.markdown import make_console_line
from bot.core.sizes import format_size
from bot.model.advisory import AdvisoryList
from bot.model.comparison import ComparedImage, Comparison
from bot.model.contents import PackageChange, PackageChangeKind, TransitionContents
from bot.model.evidence import Evidence, Finding, NotScanned, Scan, ScanOutcome, Severity
from bot.reports._effect import describe_effect
from bot.reports._failures import render_failures

MAX_ROWS = 200
"""The maximum number of findings that a list shows; `--format json` has all findings."""
MAX_VALUE = 1000
"""The maximum number of characters of a property of an image, such as the error of a scanner."""
_MAX_CELL_WIDTH = 60
"""The maximum width of a column. The last cell of a row may be longer."""

Row = tuple[str, ...]


def render_comparison_text(comparison: Comparison) -> str:
    """Return the text output of `compare`."""
    sections = (
        _render_image("old", comparison.old),
        _render_image("new", comparison.new),
        _render_effect(comparison),
        _render_findings(comparison.evidence),
        _render_suppressed(comparison.new.scan),
        _render_contents(comparison.evidence.contents),
        _render_packages(comparison.evidence.package_changes),
        _render_scan_sources(comparison),
        render_failures(comparison.failed),
    )
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section)))


def _render_image(label: str, image: ComparedImage) -> Iterator[str]:
    """Render the reference, digest, platforms and other properties of one image."""
    facts, built = image.facts, image.built_at
    rows = [
        ("digest", facts.digest),
        ("platforms", ", ".join(facts.platforms)),
        ("built", f"{built:%Y-%m-%d %H:%M} UTC" if built else None),
        ("system", image.scan.os if isinstance(image.scan, Scan) else None),
        ("version", facts.version),
        ("signature", describe_signature(image.signature) if image.signature is not None else NO_TRUST_RULE),
        ("not scanned", describe_not_scanned(image.scan)),
    ]
    yield f"{label}  {make_console_line(str(image.reference))}"
    yield from (f"     {name:<12} {make_console_line(text, MAX_VALUE)}" for name, text in rows if text)


def _render_effect(comparison: Comparison) -> Iterator[str]:
    """Render the effect of the update in one sentence, and the number of vulnerabilities of both images by severity."""
    if comparison.is_same:
        yield "Both references are for the same image."
    delta = comparison.evidence.delta
    if delta is None:
        yield "The effect of the update is not known."
    else:
        yield f"The update {describe_effect(comparison.evidence)}."
    if any(isinstance(image.scan, Scan) for image in (comparison.old, comparison.new)):
        yield f"{'':<8}  {'old':>5}  {'new':>5}"
        for severity in sorted(Severity, reverse=True):
            counts = (_format_count(image.scan, severity) for image in (comparison.old, comparison.new))
            yield f"{severity.word:<8}  {'  '.join(f'{count:>5}' for count in counts)}"
    rollback_sentence = describe_rollback(comparison.evidence)
    if rollback_sentence:
        yield f"This is a rollback, which `run` refuses: {make_console_line(rollback_sentence)}."


def _format_count(outcome: ScanOutcome, severity: Severity) -> str:
    return str(count_by_severity(outcome.findings)[severity]) if isinstance(outcome, Scan) else "?"


def _render_findings(evidence: Evidence) -> Iterator[str]:
    delta = evidence.delta
    if delta is None:
        return
    lists = (("Added", delta.introduced), ("Fixed", delta.fixed), ("Remaining", delta.remaining))
    for index, (title, findings) in enumerate((title, findings) for title, findings in lists if findings):
        if index:
            yield ""
        yield f"{title}: {count_distinct(findings)}"
        yield from _render_table([_build_finding_row(each, evidence) for each in findings])


def _build_finding_row(finding: Finding, evidence: Evidence) -> Row:
    score = evidence.epss_scores.get(finding.id) if evidence.epss_scores is not None else None
    marks = (
        "known exploited" if filter_exploited([finding], evidence.exploited_ids) else "",
        f"EPSS {score:.1%}" if score is not None else "",
    )
    return (
        finding.severity.word,
        finding.id,
        finding.package,
        finding.installed,
        f"fixed in {finding.fixed_in}" if finding.fixed_in else "no fix",
        ", ".join(filter(None, marks)),
        finding.title,
    )


def _render_suppressed(outcome: ScanOutcome) -> Iterator[str]:
    """Render the findings of the new image that a statement (such as a VEX statement) suppresses."""
    suppressed = outcome.set_aside if isinstance(outcome, Scan) else ()
    if suppressed:
        yield f"Suppressed: {count_distinct(each.finding for each in suppressed)} (not counted above)"
        yield from _render_table(
            [
                (each.finding.severity.word, each.finding.id, each.finding.package, each.why, each.by)
                for each in suppressed
            ]
        )


_ORIGIN_SENTENCES: dict[SourceOrigin, str] = {
    SourceOrigin.REBUILT: "rebuilt from the same source revision, according to the labels",
    SourceOrigin.CHANGED: "built from another source revision, according to the labels",
    SourceOrigin.MOVED: "built from another source, according to the labels",
    SourceOrigin.UNKNOWN: "",
}


def _render_contents(contents: TransitionContents | None) -> Iterator[str]:
    """Render the differences between the configs of the images, their source revisions, and their sizes.

    Yield nothing if the config of one of the images could not be read.
    """
    changes = list_aspect_changes(contents)
    if changes is None or contents is None or contents.old is None or contents.new is None:
        return
    yield "Contents"
    if has_become_root(contents):
        yield "  The new image starts as root, and the old image does not."
    yield from _render_table(
        [(each.aspect.value, _join_values(each.old), "→", _join_values(each.new)) for each in changes]
    )
    sources, origin_sentence = build_source_comparison(contents), _ORIGIN_SENTENCES[determine_origin(contents)]
    if origin_sentence:
        yield f"  {origin_sentence}" + (f": {sources.url}" if sources is not None else "")
    yield f"  {format_size(contents.old.size)} → {format_size(contents.new.size)} to pull"


def _join_values(values: Sequence[str]) -> str:
    return " ".join(values) or "none"


def _render_packages(changes: Sequence[PackageChange] | None) -> Iterator[str]:
    if changes:
        count_by_change = Counter(each.kind for each in changes)
        counts = (f"{count_by_change[each]} {each}" for each in PackageChangeKind if count_by_change[each])
        yield f"Packages: {', '.join(counts)}"
        rows = ((each.kind.value, each.name, _join_values(each.old), "→", _join_values(each.new)) for each in changes)
        yield from _render_table(list(rows))


def _format_cells(*texts: str) -> Row:
    *first, last = texts
    return (*(make_console_line(text, _MAX_CELL_WIDTH) for text in first), make_console_line(last))


def _render_table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each row, with aligned columns. Control characters are removed, because texts are untrusted."""
    shown_rows = [_format_cells(*row) for row in rows[:MAX_ROWS]]
    widths = [max(map(len, column)) for column in zip(*shown_rows, strict=True)]
    for row in shown_rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
        yield f"  {'  '.join(cells)}".rstrip()
    if len(rows) > MAX_ROWS:
        yield f"  and {len(rows) - MAX_ROWS} more rows"


def _render_scan_sources(comparison: Comparison) -> Iterator[str]:
    scanner = get_scanner(comparison.evidence)
    if scanner is not None:
        by = f"{scanner.name} {scanner.version}"
        of = f" with its database of {scanner.database:%Y-%m-%d %H:%M} UTC" if scanner.database else ""
        yield make_console_line(f"Scanned for {comparison.platform} by {by}{of}.")
    if get_list_lookup(comparison.evidence, AdvisoryList.KEV) is ListLookup.NOT_LOOKED_UP:
        yield "Known exploitation (KEV): not looked up (no `enrichment`)."
    if get_list_lookup(comparison.evidence, AdvisoryList.EPSS) is ListLookup.NOT_LOOKED_UP:
        yield "Probability of exploitation (EPSS): not looked up (no `enrichment`)."
    list_versions = comparison.evidence.list_versions
    if list_versions is not None:
        lists = (
            ("CISA's list of exploited vulnerabilities", list_versions.kev_date),
            ("FIRST's list of EPSS scores", list_versions.epss_date),
        )
        yield from (f"{name} is from {day}." for name, day in lists if day is not None)
        yield from (f"The list `{listing}` could not be read." for listing in sorted(list_versions.unread_lists))


def describe_not_scanned(outcome: ScanOutcome) -> str | None:
    """Return the reason why an image was not scanned; None if it was scanned."""
    match outcome:
        case Scan():
            return None
        case NotScanned(reason=why, detail=detail):
            return f"{why.sentence}: {detail}" if detail else why.sentence
