"""Renders `compare` as text, with one function for each section. Empty sections are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bot.core.evidence.compare import count_by_severity, count_distinct, filter_exploited, get_scanner, sort_for_readers
from bot.core.evidence.effect import summarise_effect, summarise_findings
from bot.core.evidence.exposure import find_place_outside
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
from bot.model.exposure import FixPlace
from bot.reports.parts.effect_lines import describe_effect
from bot.reports.parts.failure_lines import render_failures
from bot.reports.parts.styled_lines import Line, Style, StyledLine, join_blocks, join_lines
from bot.reports.parts.text_table import Column, Row, render_changes, render_table

MAX_VALUE = 1000
"""The maximum number of characters of a property of an image, such as the error of a scanner."""
_FINDING_COLUMNS = (
    Column("severity"),
    Column("exploited"),
    Column("identifier"),
    Column("package"),
    Column("EPSS", 3),
    Column("installed", 2),
    Column("fixed in"),
    Column("title", 1, is_text=True),
)
_SUPPRESSED_COLUMNS = (
    Column("severity"),
    Column("identifier"),
    Column("package", 2),
    Column("reason"),
    Column("author", 1, is_text=True),
)


def render_comparison_text(comparison: Comparison) -> str:
    """Return the text output of `compare` without styles."""
    return join_lines(render_comparison_lines(comparison))


def render_comparison_lines(comparison: Comparison, screen_width: int | None = None) -> list[Line]:
    """Return the text output of `compare`.

    Tables leave out columns that do not fit a terminal with `screen_width` characters in a line. If `screen_width` is
    None, tables have all columns.
    """
    sections: tuple[Iterable[Line], ...] = (
        _render_image("old", comparison.old),
        _render_image("new", comparison.new),
        _render_effect(comparison),
        _render_findings(comparison.evidence, screen_width),
        _render_suppressed(comparison.new.scan, screen_width),
        _render_contents(comparison.evidence.contents, screen_width),
        _render_packages(comparison.evidence.package_changes, screen_width),
        _render_scan_sources(comparison),
        render_failures(comparison.failed),
        _render_verdict(comparison),
    )
    return join_blocks(*map(list, sections))


def _render_image(label: str, image: ComparedImage) -> Iterator[Line]:
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
    yield StyledLine(f"{label}  ", make_console_line(str(image.image)), Style.EXPLANATION)
    for name, text in rows:
        if text:
            yield StyledLine(f"     {name:<12} ", make_console_line(text, MAX_VALUE), Style.EXPLANATION)


def _render_effect(comparison: Comparison) -> Iterator[Line]:
    """Render a sentence about the effect of the update, and a table with the vulnerabilities of both images."""
    if comparison.is_same:
        yield "Both references are for the same image."
    delta = comparison.evidence.delta
    if delta is None:
        yield "The effect of the update is not known."
    else:
        yield f"The update {describe_effect(comparison.evidence)}."
    if any(isinstance(image.scan, Scan) for image in (comparison.old, comparison.new)):
        yield from _render_counts(comparison)
    if isinstance(comparison.new.scan, Scan):
        yield from _render_missing_fixes(comparison.new.scan, comparison.evidence)
    rollback_sentence = describe_rollback(comparison.evidence)
    if rollback_sentence:
        yield f"This is a rollback, which `run` refuses: {make_console_line(rollback_sentence)}."


def _render_missing_fixes(new: Scan, evidence: Evidence) -> Iterator[Line]:
    """Render a sentence about the published fixes that the new image does not contain; nothing if there are none."""
    missing = [each for each in new.findings if find_place_outside(each) is FixPlace.IN_DISTRIBUTION]
    if missing:
        summary = summarise_findings(missing, evidence.exploited_ids)
        yield f"The new image lacks published fixes: {summary}."


def _render_counts(comparison: Comparison) -> Iterator[Line]:
    """Render the numbers of vulnerabilities in the old image, in the new image, and added by the update."""
    evidence = comparison.evidence
    outcomes = [image.scan for image in (comparison.old, comparison.new)]
    lists = [outcome.findings if isinstance(outcome, Scan) else None for outcome in outcomes]
    lists += [evidence.delta.introduced] if evidence.delta is not None else []
    heads = ("old", "new", "added")[: len(lists)]
    yield _format_counts("", heads)
    if evidence.exploited_ids is not None:
        exploited = [filter_exploited(each, evidence.exploited_ids) if each is not None else None for each in lists]
        counts = ["?" if each is None else str(count_distinct(each)) for each in exploited]
        yield _format_counts("exploited", counts)
    for severity in sorted(Severity, reverse=True):
        counts = ["?" if each is None else str(count_by_severity(each)[severity]) for each in lists]
        yield _format_counts(severity.word, counts)


def _format_counts(label: str, cells: Sequence[str]) -> str:
    return f"{label:<9}{''.join(f'{cell:>7}' for cell in cells)}"


def _render_findings(evidence: Evidence, screen_width: int | None) -> Iterator[Line]:
    delta = evidence.delta
    if delta is None:
        return
    lists = (("Added", delta.introduced), ("Fixed", delta.fixed), ("Remaining", delta.remaining))
    for index, (title, findings) in enumerate((title, findings) for title, findings in lists if findings):
        if index:
            yield ""
        yield f"{title}: {count_distinct(findings)}"
        rows = [_build_finding_row(each, evidence) for each in sort_for_readers(findings, evidence)]
        yield from render_table(_FINDING_COLUMNS, rows, screen_width)


def _build_finding_row(finding: Finding, evidence: Evidence) -> Row:
    score = evidence.epss_scores.get(finding.id) if evidence.epss_scores is not None else None
    return (
        finding.severity.word,
        "exploited" if filter_exploited([finding], evidence.exploited_ids) else "",
        finding.id,
        finding.package,
        f"{score:.1%}" if score is not None else "",
        finding.installed,
        finding.fixed_in or "no fix",
        finding.title,
    )


def _render_suppressed(outcome: ScanOutcome, screen_width: int | None) -> Iterator[Line]:
    """Render the findings of the new image that a statement (such as a VEX statement) suppresses."""
    suppressed = outcome.suppressed if isinstance(outcome, Scan) else ()
    if suppressed:
        yield f"Suppressed: {count_distinct(each.finding for each in suppressed)} (not counted above)"
        rows = [
            (each.finding.severity.word, each.finding.id, each.finding.package, each.reason, each.author)
            for each in suppressed
        ]
        yield from render_table(_SUPPRESSED_COLUMNS, rows, screen_width)


_ORIGIN_SENTENCES: dict[SourceOrigin, str] = {
    SourceOrigin.REBUILT: "rebuilt from the same source revision, according to the labels",
    SourceOrigin.CHANGED: "built from another source revision, according to the labels",
    SourceOrigin.MOVED: "built from another source, according to the labels",
    SourceOrigin.UNKNOWN: "",
}


def _render_contents(contents: TransitionContents | None, screen_width: int | None) -> Iterator[Line]:
    """Render the differences between the configs of the images, their source revisions, and their sizes.

    Yield nothing if the config of one of the images could not be read.
    """
    changes = list_aspect_changes(contents)
    if changes is None or contents is None or contents.old is None or contents.new is None:
        return
    yield "Contents"
    if has_become_root(contents):
        yield "  The new image starts as root, and the old image does not."
    rows = [(each.aspect.value, _join_values(each.old), _join_values(each.new)) for each in changes]
    yield from render_changes(rows, screen_width)
    sources, origin_sentence = build_source_comparison(contents), _ORIGIN_SENTENCES[determine_origin(contents)]
    if origin_sentence:
        yield f"  {origin_sentence}" + (f": {sources.url}" if sources is not None else "")
    yield f"  {format_size(contents.old.size)} → {format_size(contents.new.size)} to pull"


def _join_values(values: Sequence[str]) -> str:
    return " ".join(values) or "none"


def _render_packages(changes: Sequence[PackageChange] | None, screen_width: int | None) -> Iterator[Line]:
    if changes:
        count_by_change = Counter(each.kind for each in changes)
        counts = (f"{count_by_change[each]} {each}" for each in PackageChangeKind if count_by_change[each])
        yield f"Packages: {', '.join(counts)}"
        rows = [(each.kind.value, each.name, _join_values(each.old), _join_values(each.new)) for each in changes]
        yield from render_changes(rows, screen_width)


def _render_verdict(comparison: Comparison) -> Iterator[Line]:
    """Render the sentence that ends the output: whether the update is worth it, and what speaks against it."""
    evidence, delta = comparison.evidence, comparison.evidence.delta
    effect = summarise_effect([evidence])
    cautions: list[str] = []
    if describe_rollback(evidence):
        cautions.append("it is a rollback, which `run` refuses")
    if effect is not None and (effect.added.critical or effect.added.exploited):
        cautions.append(f"it adds {effect.added}")
    if evidence.contents is not None and has_become_root(evidence.contents):
        cautions.append("the new image starts as root")
    if comparison.is_same:
        words, style = "nothing to update, because both are the same image", Style.EXPLANATION
    elif cautions:
        words, style = f"look before you merge: {', and '.join(cautions)}", Style.BAD
    elif effect is None or delta is None:
        words, style = "not known, because the images could not be compared", Style.WARNING
    elif effect.fixed.count:
        words, style = f"worth it: {effect}", Style.GOOD
    else:
        words, style = f"nothing to gain: {effect}", Style.EXPLANATION
    yield StyledLine("Verdict: ", f"{words}.", style)


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
