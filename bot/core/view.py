"""What a template sees of a proposal: public, frozen, versioned; every text from outside is a `Text`.

Templates of other people build on these names: they are added to, and never renamed within one `version`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.core.compare import count_by_severity, distinct
from bot.core.handling import on_close_of
from bot.core.markdown import Link, Text, vulnerability
from bot.core.notes import MAX_NOTE
from bot.core.transition import short, transition_of
from bot.model.decision import Cause, Transition, Update
from bot.model.evidence import Delta, Evidence, Finding, NotScanned, Scan, ScanOutcome, Severity, Unscanned
from bot.model.modes import OnClose
from bot.model.reference import Line
from bot.model.vocabulary import Role

VERSION = 1
MAX_LINES = 20
"""Line numbers that are shown of one file."""


class UpdateType(StrEnum):
    """How far something moves."""

    PIN = "pin"
    """It gets the digest that its tag points to."""
    DIGEST = "digest"
    """Its tag stays."""
    TAG = "tag"
    """It moves to another tag."""


@dataclass(frozen=True, slots=True)
class CountView:
    """Distinct vulnerabilities of one severity."""

    severity: Severity
    count: int


@dataclass(frozen=True, slots=True)
class FindingView:
    """One vulnerability in one package."""

    id: Text | Link
    package: Text
    installed: Text
    fixed_in: Text | None
    severity: Severity
    title: Text | None


@dataclass(frozen=True, slots=True)
class ScanView:
    """One scanned image: counts, or why there are none."""

    counts: tuple[CountView, ...] | None
    """None is unknown, never zero."""
    total: int | None
    why_not: Unscanned | None
    os: Text | None
    built: Text | None
    """The day it was built, as the image says."""


@dataclass(frozen=True, slots=True)
class DeltaView:
    """What moving changes; each list holds the worst first, and may have been cut to fit."""

    fixed: tuple[FindingView, ...]
    introduced: tuple[FindingView, ...]
    remaining: tuple[FindingView, ...]
    fixed_count: int
    fixed_critical: int
    introduced_count: int
    remaining_count: int
    cut: int
    """How many rows were left out of the three lists."""


@dataclass(frozen=True, slots=True)
class TransitionView:
    """One image, from one digest to another."""

    reference: Text
    new_tag: Text | None
    """The tag that it moves to, where that is another."""
    cause: Cause
    """Why it is to move: its tag `moved`, what the file holds was `withdrawn`, or is `gone`."""
    doubt: Text | None
    """Why a person must look before it is merged."""
    notes: tuple[Text, ...]
    """What else there is to say of the image: it is behind its base, somebody answers for a hold; for a line once."""
    notes_cut: int
    """How many were left out."""
    old: Text | None
    """Twelve hexadecimal digits; None where there was no digest."""
    new: Text
    old_digest: Text | None
    new_digest: Text
    platform: Text
    platforms: tuple[Text, ...]
    """Of the new image, where it is an index."""
    before: ScanView | None
    after: ScanView
    delta: DeltaView | None


@dataclass(frozen=True, slots=True)
class FileView:
    """One file that changes."""

    path: Text
    line_numbers: tuple[int, ...]
    """The first MAX_LINES of them."""
    deploys: bool
    """Whether it deploys something, which then restarts; else it builds something."""


@dataclass(frozen=True, slots=True)
class ProposalView:
    """Everything that a body is made of."""

    version: int
    is_first: bool
    """Whether it is what the repository begins with: everything at once, with a word on what this is."""
    mutes: bool
    """Whether closing it is about what comes after it, too."""
    update_type: UpdateType
    """The farthest that any image of it moves."""
    transitions: tuple[TransitionView, ...]
    transitions_cut: int
    """How many were left out."""
    files: tuple[FileView, ...]
    files_cut: int
    """How many were left out."""
    left_out: tuple[Text, ...]
    """Files that stay as they are since the forge keeps them from the token: GitHub its workflows."""
    left_out_cut: int
    """How many were left out of that list."""
    scanner: Text | None
    scanner_version: Text | None
    database: Text | None
    """The day the scanner's database was built."""


def build_view(
    updates: Sequence[Update],
    evidence: Mapping[Transition, Evidence],
    rows: int,
    *,
    is_first: bool = False,
    left_out: Sequence[str] = (),
) -> ProposalView:
    """Return the view of one proposal; each list has at most `rows` rows."""
    by_transition: dict[Transition, list[Update]] = {}
    for update in updates:
        by_transition.setdefault(transition_of(update), []).append(update)
    moved = sorted(by_transition, key=lambda each: each.order)
    scans = [scan for each in moved for scan in (evidence[each].old, evidence[each].new) if isinstance(scan, Scan)]
    scanner = scans[0].scanner if scans else None
    files = tuple(_files(updates))
    shown = moved[: max(rows, 1)]
    notes = dict(_notes(moved, by_transition))
    return ProposalView(
        version=VERSION,
        is_first=is_first,
        mutes=on_close_of(updates) is OnClose.LINE,
        update_type=_update_type(moved),
        transitions=tuple(
            _transition(each, by_transition[each][0], notes[each], evidence[each], rows) for each in shown
        ),
        transitions_cut=len(moved) - len(shown),
        files=files[:rows],
        files_cut=max(0, len(files) - rows),
        left_out=tuple(map(Text, left_out[:rows])),
        left_out_cut=max(0, len(left_out) - rows),
        scanner=Text(scanner.name) if scanner else None,
        scanner_version=Text(scanner.version) if scanner else None,
        database=Text(f"{scanner.database:%Y-%m-%d}") if scanner and scanner.database else None,
    )


def _update_type(moved: Iterable[Transition]) -> UpdateType:
    kinds = {UpdateType.TAG if each.tag else UpdateType.DIGEST if each.old else UpdateType.PIN for each in moved}
    return next(kind for kind in (UpdateType.TAG, UpdateType.DIGEST, UpdateType.PIN) if kind in kinds)


def _notes(
    moved: Iterable[Transition], updates: Mapping[Transition, Iterable[Update]]
) -> Iterator[tuple[Transition, Sequence[str]]]:
    """Yield what there is to say of each image, as any of its places knows it; of a line nothing is said twice."""
    said: set[tuple[Line, str]] = set()
    for each in moved:
        known = [note for update in updates[each] for note in (*update.selected.notes, *update.candidates[0].notes)]
        yield each, [note for note in dict.fromkeys(known) if (each.line, note) not in said]
        said |= {(each.line, note) for note in known}


def _transition(
    transition: Transition, update: Update, notes: Sequence[str], evidence: Evidence, rows: int
) -> TransitionView:
    old, new = transition.old, transition.new
    return TransitionView(
        reference=Text(f"{update.occurrence.reference.name}:{transition.line.tag}"),
        new_tag=Text(transition.tag) if transition.tag else None,
        cause=update.cause,
        doubt=Text(update.doubt, MAX_NOTE) if update.doubt else None,
        notes=tuple(Text(note, MAX_NOTE) for note in notes[:rows]),
        notes_cut=max(0, len(notes) - rows),
        old=Text(short(old)) if old else None,
        new=Text(short(new)),
        old_digest=Text(old) if old else None,
        new_digest=Text(new),
        platform=Text(transition.platform),
        platforms=tuple(Text(platform) for platform in update.candidates[0].platforms),
        before=_scan(evidence.old) if evidence.old is not None else None,
        after=_scan(evidence.new),
        delta=_delta(evidence.delta, rows) if evidence.delta is not None else None,
    )


def _scan(outcome: ScanOutcome) -> ScanView:
    match outcome:
        case NotScanned(why=why):
            return ScanView(None, None, why, None, None)
        case Scan(findings=findings, os=system, created=created):
            counts = count_by_severity(findings)
            return ScanView(
                counts=tuple(CountView(severity, count) for severity, count in counts.items()),
                total=distinct(findings),
                why_not=None,
                os=Text(system),
                built=Text(f"{created:%Y-%m-%d}") if created else None,
            )


def _delta(delta: Delta, rows: int) -> DeltaView:
    lists = (delta.fixed, delta.introduced, delta.remaining)
    fixed, introduced, remaining = (tuple(_finding(finding) for finding in findings[:rows]) for findings in lists)
    return DeltaView(
        fixed=fixed,
        introduced=introduced,
        remaining=remaining,
        fixed_count=distinct(delta.fixed),
        fixed_critical=count_by_severity(delta.fixed)[Severity.CRITICAL],
        introduced_count=distinct(delta.introduced),
        remaining_count=distinct(delta.remaining),
        cut=sum(max(0, len(findings) - rows) for findings in lists),
    )


def _finding(finding: Finding) -> FindingView:
    return FindingView(
        id=vulnerability(finding.id),
        package=Text(finding.package),
        installed=Text(finding.installed),
        fixed_in=Text(finding.fixed_in) if finding.fixed_in else None,
        severity=finding.severity,
        title=Text(finding.title) if finding.title else None,
    )


def _files(updates: Iterable[Update]) -> Iterable[FileView]:
    lines: dict[str, set[int]] = {}
    deploying: set[str] = set()
    for update in updates:
        occurrence = update.occurrence
        lines.setdefault(occurrence.path, set()).add(occurrence.line_number)
        if occurrence.role is not Role.BASE:
            deploying.add(occurrence.path)
    for path in sorted(lines):
        yield FileView(Text(path), tuple(sorted(lines[path])[:MAX_LINES]), path in deploying)
