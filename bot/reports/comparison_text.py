"""Renders `compare` as text: one function for each section; a section without content is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bot.core.evidence.compare import count_by_severity, distinct, exploited, scanner_of
from bot.core.evidence.contents import Origin, aspect_changes, becomes_root, origin, source_comparison
from bot.core.evidence.rollback import rollback
from bot.core.evidence.trust import spoken
from bot.core.markdown import console_line
from bot.core.sizes import spoken_size
from bot.model.comparison import ComparedImage, Comparison
from bot.model.contents import PackageChange, PackageChangeKind, TransitionContents
from bot.model.evidence import Evidence, Finding, NotScanned, Scan, ScanOutcome, Severity
from bot.reports._effect import effect
from bot.reports._failures import failure_lines

MAX_ROWS = 200
"""Findings of one list that are shown; `--format json` has all of them."""
_WIDE = 60
"""Characters of a cell that widen its column; the last cell of a row may be longer."""

Row = tuple[str, ...]


def comparison_text(comparison: Comparison) -> str:
    """Return the text output of `compare`."""
    sections = (
        _image("old", comparison.old),
        _image("new", comparison.new),
        _effect(comparison),
        _findings(comparison.evidence),
        _set_aside(comparison.new.scan),
        _contents(comparison.evidence.contents),
        _packages(comparison.evidence.package_changes),
        _scanned(comparison),
        failure_lines(comparison.failed),
    )
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section)))


def _image(label: str, image: ComparedImage) -> Iterator[str]:
    """Render reference, digest, platforms and other properties of one image."""
    facts, built = image.facts, image.built_at
    rows = [
        ("digest", facts.digest),
        ("platforms", ", ".join(facts.platforms)),
        ("built", f"{built:%Y-%m-%d %H:%M} UTC" if built else None),
        ("system", image.scan.os if isinstance(image.scan, Scan) else None),
        ("version", facts.version),
        ("signature", spoken(image.signature) if image.signature is not None else None),
        ("not scanned", why_not(image.scan)),
    ]
    yield f"{label}  {console_line(str(image.reference))}"
    yield from (f"     {name:<12} {console_line(text)}" for name, text in rows if text)


def _effect(comparison: Comparison) -> Iterator[str]:
    """Render the effect of the update in one sentence, and the vulnerabilities of both images by severity."""
    if comparison.is_same:
        yield "Both are the same image."
    delta = comparison.evidence.delta
    if delta is None:
        yield "The effect of the update is not known."
    else:
        yield f"The update {effect(comparison.evidence)}."
    if any(isinstance(image.scan, Scan) for image in (comparison.old, comparison.new)):
        yield f"{'':<8}  {'old':>5}  {'new':>5}"
        for severity in sorted(Severity, reverse=True):
            counts = (_count(image.scan, severity) for image in (comparison.old, comparison.new))
            yield f"{severity.word:<8}  {'  '.join(f'{count:>5}' for count in counts)}"
    back = rollback(comparison.evidence)
    if back:
        yield f"This is a rollback, which `run` refuses: {console_line(back)}."


def _count(outcome: ScanOutcome, severity: Severity) -> str:
    return str(count_by_severity(outcome.findings)[severity]) if isinstance(outcome, Scan) else "?"


def _findings(evidence: Evidence) -> Iterator[str]:
    delta = evidence.delta
    if delta is None:
        return
    lists = (("Fixed", delta.fixed), ("New", delta.introduced), ("Remaining", delta.remaining))
    for index, (title, findings) in enumerate((title, findings) for title, findings in lists if findings):
        if index:
            yield ""
        yield f"{title}: {distinct(findings)}"
        yield from _table([_finding(each, evidence) for each in findings])


def _finding(finding: Finding, evidence: Evidence) -> Row:
    score = evidence.epss_scores.get(finding.id) if evidence.epss_scores is not None else None
    marks = (
        "known exploited" if exploited([finding], evidence.exploited_ids) else "",
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


def _set_aside(outcome: ScanOutcome) -> Iterator[str]:
    """Render the suppressed findings of the new image."""
    aside = outcome.set_aside if isinstance(outcome, Scan) else ()
    if aside:
        yield f"Suppressed: {distinct(each.finding for each in aside)}, counted nowhere"
        yield from _table(
            [(each.finding.severity.word, each.finding.id, each.finding.package, each.why, each.by) for each in aside]
        )


_SAID_OF_ORIGIN: dict[Origin, str] = {
    Origin.REBUILT: "rebuilt from the same state of its source, according to its labels",
    Origin.CHANGED: "built from another state of its source, according to its labels",
    Origin.MOVED: "built from another source, according to its labels",
    Origin.UNKNOWN: "",
}


def _contents(contents: TransitionContents | None) -> Iterator[str]:
    """Render how the images start, what they were built from, and their sizes."""
    changes = aspect_changes(contents)
    if changes is None or contents is None or contents.old is None or contents.new is None:
        return
    yield "Contents"
    if becomes_root(contents):
        yield "  The new image starts as root, which the old one does not."
    yield from _table([(each.aspect.value, _listed(each.old), "→", _listed(each.new)) for each in changes])
    sources, said = source_comparison(contents), _SAID_OF_ORIGIN[origin(contents)]
    if said:
        yield f"  {said}" + (f": {sources.address}" if sources is not None else "")
    yield f"  {spoken_size(contents.old.size)} → {spoken_size(contents.new.size)} to pull"


def _listed(words: Sequence[str]) -> str:
    return " ".join(words) or "none"


def _packages(changes: Sequence[PackageChange] | None) -> Iterator[str]:
    if changes:
        counted = Counter(each.kind for each in changes)
        yield f"Packages: {', '.join(f'{counted[change]} {change}' for change in PackageChangeKind if counted[change])}"
        rows = ((each.kind.value, each.name, _listed(each.old), "→", _listed(each.new)) for each in changes)
        yield from _table(list(rows))


def _cells(*texts: str) -> Row:
    *first, last = texts
    return (*(console_line(text, _WIDE) for text in first), console_line(last))


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield rows with aligned columns; text from outside is made safe for terminals."""
    shown = [_cells(*row) for row in rows[:MAX_ROWS]]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
        yield f"  {'  '.join(cells)}".rstrip()
    if len(rows) > MAX_ROWS:
        yield f"  and {len(rows) - MAX_ROWS} more rows"


def _scanned(comparison: Comparison) -> Iterator[str]:
    scanner = scanner_of(comparison.evidence)
    if scanner is not None:
        by = f"{scanner.name} {scanner.version}"
        of = f" with its database of {scanner.database:%Y-%m-%d %H:%M} UTC" if scanner.database else ""
        yield console_line(f"Scanned for {comparison.platform} by {by}{of}.")
    asked = comparison.evidence.list_versions
    if asked is not None:
        lists = (("CISA's list of exploited vulnerabilities", asked.kev_date), ("FIRST's list of EPSS", asked.epss_date))
        yield from (f"{name} is from {day}." for name, day in lists if day is not None)
        yield from (f"The list `{listing}` could not be read." for listing in sorted(asked.unread_lists))


def why_not(outcome: ScanOutcome) -> str | None:
    """Return the reason why an image was not scanned; None if it was scanned."""
    match outcome:
        case Scan():
            return None
        case NotScanned(reason=why, detail=detail):
            return f"{why.sentence}: {detail}" if detail else why.sentence
