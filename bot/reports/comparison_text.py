"""What `compare` prints for people: a function for each section, of which some have nothing to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bot.core.compare import count_by_severity, distinct, scanner_of
from bot.core.markdown import console_line
from bot.core.trust import spoken
from bot.model.comparison import ComparedImage, Comparison
from bot.model.evidence import Delta, Finding, NotScanned, Scan, ScanOutcome, Severity
from bot.model.report import Failed

MAX_ROWS = 200
"""Findings of one list that are shown; `--format json` has them all."""
_WIDE = 40
"""Characters of a package's name or version that push the next column to the right."""


def comparison_text(comparison: Comparison) -> str:
    """Return the whole text."""
    sections = (
        _image("old", comparison.old),
        _image("new", comparison.new),
        _effect(comparison),
        _findings(comparison.evidence.delta),
        _scanned(comparison),
        _failed(comparison.failed),
    )
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section)))


def _image(label: str, image: ComparedImage) -> Iterator[str]:
    """Say what was looked at."""
    facts, built = image.facts, image.built
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
    """Say in one sentence what moving changes, and count by severity."""
    delta = comparison.evidence.delta
    if delta is None:
        yield "What moving changes is not known."
    else:
        critical = count_by_severity(delta.fixed)[Severity.CRITICAL]
        yield (
            f"Moving fixes {distinct(delta.fixed)}"
            + (f" ({critical} critical)" if critical else "")
            + f", brings {distinct(delta.introduced)} and leaves {distinct(delta.remaining)}"
            + " known vulnerabilities."
        )
    if any(isinstance(image.scan, Scan) for image in (comparison.old, comparison.new)):
        yield f"{'':<8}  {'old':>5}  {'new':>5}"
        for severity in sorted(Severity, reverse=True):
            counts = (_count(image.scan, severity) for image in (comparison.old, comparison.new))
            yield f"{severity.word:<8}  {'  '.join(f'{count:>5}' for count in counts)}"


def _count(outcome: ScanOutcome, severity: Severity) -> str:
    return str(count_by_severity(outcome.findings)[severity]) if isinstance(outcome, Scan) else "?"


def _findings(delta: Delta | None) -> Iterator[str]:
    if delta is None:
        return
    lists = (("Fixed", delta.fixed), ("New", delta.introduced), ("Remaining", delta.remaining))
    for index, (title, findings) in enumerate((title, findings) for title, findings in lists if findings):
        if index:
            yield ""
        yield f"{title}: {distinct(findings)}"
        yield from _rows(findings[:MAX_ROWS])
        if len(findings) > MAX_ROWS:
            yield f"  and {len(findings) - MAX_ROWS} more rows"


def _rows(findings: Sequence[Finding]) -> Iterator[str]:
    rows = [
        (
            finding.severity.word,
            console_line(finding.id),
            console_line(finding.package, _WIDE),
            console_line(finding.installed, _WIDE),
            f"fixed in {console_line(finding.fixed_in, _WIDE)}" if finding.fixed_in else "no fix",
            console_line(finding.title),
        )
        for finding in findings
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _scanned(comparison: Comparison) -> Iterator[str]:
    scanner = scanner_of(comparison.evidence)
    if scanner is not None:
        by = f"{scanner.name} {scanner.version}"
        of = f" with its database of {scanner.database:%Y-%m-%d %H:%M} UTC" if scanner.database else ""
        yield console_line(f"Scanned for {comparison.platform} by {by}{of}.")


def why_not(outcome: ScanOutcome) -> str | None:
    """Return why there are no numbers, in words; None where there are."""
    match outcome:
        case Scan():
            return None
        case NotScanned(why=why, detail=detail):
            return f"{why.sentence}: {detail}" if detail else why.sentence


def _failed(failed: Iterable[Failed]) -> Iterator[str]:
    lines = [f"  {console_line(each.subject)} ({each.stage}): {console_line(each.error, 400)}" for each in failed]
    if lines:
        yield "basebump could not do its work here:"
        yield from lines
