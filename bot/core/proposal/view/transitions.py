"""What a template sees of one image that moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.markdown import Plain, Text, first_of
from bot.core.notes import MAX_NOTE
from bot.core.proposal.view.contents import ContentsView, PackagesView, contents_view, packages_view
from bot.core.proposal.view.scans import DeltaView, ScanView, delta_view, scan_view
from bot.core.proposal.view.trust import TrustView, trust_view
from bot.core.transition import short
from bot.model.decision import Cause, Transition, Update
from bot.model.evidence import Evidence
from bot.model.reference import Line


@dataclass(frozen=True, slots=True)
class PlatformView:
    """The scans of both images on one of several platforms."""

    platform: Text
    before: ScanView | None
    after: ScanView


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
    """The first of those on which it was scanned."""
    scanned_on: tuple[Text, ...]
    """All platforms on which it was scanned; what holds on any of them is shown."""
    platforms: tuple[Text | Plain, ...]
    """Of the new image, where it is an index; of very many the first, and how many more there are."""
    on_platforms: tuple[PlatformView, ...]
    """What each platform has, where there are several; `before`, `after` and `delta` are of all of them together."""
    before: ScanView | None
    after: ScanView
    delta: DeltaView | None
    packages: PackagesView | None
    """None where nobody lists what is in both images."""
    contents: ContentsView | None
    """None where nobody looked into both images."""
    trust: TrustView | None
    """None where no entry of `trust` is about the image."""


def notes_of(
    moved: Iterable[Transition], updates: Mapping[Transition, Iterable[Update]]
) -> Iterator[tuple[Transition, Sequence[str]]]:
    """Yield what there is to say of each image, as any of its places knows it; of a line nothing is said twice."""
    said: set[tuple[Line, str]] = set()
    for each in moved:
        known = [note for update in updates[each] for note in (*update.selected.notes, *update.candidates[0].notes)]
        yield each, [note for note in dict.fromkeys(known) if (each.line, note) not in said]
        said |= {(each.line, note) for note in known}


def transition_view(
    transition: Transition, update: Update, notes: Sequence[str], evidence: Evidence, rows: int
) -> TransitionView:
    old, new, contents = transition.old, transition.new, evidence.contents
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
        platform=Text(transition.platforms[0]),
        scanned_on=tuple(map(Text, transition.platforms)),
        platforms=first_of(update.candidates[0].platforms, rows),
        on_platforms=tuple(_on(platform, found, rows) for platform, found in evidence.by_platform.items()),
        before=scan_view(evidence.old, contents.old if contents else None, rows) if evidence.old is not None else None,
        after=scan_view(evidence.new, contents.new if contents else None, rows),
        delta=delta_view(evidence.delta, evidence, rows) if evidence.delta is not None else None,
        packages=packages_view(evidence.packages, rows) if evidence.packages is not None else None,
        contents=contents_view(contents, rows),
        trust=trust_view(evidence.signatures) if evidence.signatures is not None else None,
    )


def _on(platform: str, evidence: Evidence, rows: int) -> PlatformView:
    before = scan_view(evidence.old, None, rows) if evidence.old is not None else None
    return PlatformView(Text(platform), before, scan_view(evidence.new, None, rows))
