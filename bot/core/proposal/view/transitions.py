"""Template data for the update of one image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.markdown import Plain, Text, truncate_list
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.proposal.view.contents import ContentsView, PackagesView, build_contents_view, build_packages_view
from bot.core.proposal.view.scans import DeltaView, ScanView, build_delta_view, build_scan_view
from bot.core.proposal.view.trust import TrustView, build_trust_view
from bot.core.transition import shorten_digest
from bot.model.decision import ImageUpdate, Transition, UpdateCause
from bot.model.evidence import Evidence
from bot.model.reference import TagRef


@dataclass(frozen=True, slots=True)
class PlatformView:
    """The scans of both images on one of several platforms."""

    platform: Text
    before: ScanView | None
    after: ScanView


@dataclass(frozen=True, slots=True)
class TransitionView:
    """The update of one image from one digest to another."""

    reference: Text
    new_tag: Text | None
    """The new tag, if the tag changes."""
    cause: UpdateCause
    """Why it is updated: its tag `moved`, the pinned digest was `withdrawn`, or is `gone`."""
    doubt: Text | None
    """Why a maintainer has to review the request before merging."""
    notes: tuple[Text, ...]
    """Further notes: on an outdated base image, or on an accepted hold; each is shown once for a tag."""
    notes_cut: int
    """Number of omitted notes."""
    old: Text | None
    """Twelve hexadecimal digits; None if the file has no digest."""
    new: Text
    old_digest: Text | None
    new_digest: Text
    platform: Text
    """The first platform on which it was scanned."""
    scanned_on: tuple[Text, ...]
    """All platforms on which it was scanned; the evidence combines all of them."""
    platforms: tuple[Text | Plain, ...]
    """The platforms of the new index; a long list is cut and ends with the count of the others."""
    on_platforms: tuple[PlatformView, ...]
    """Scans by platform, if there are several; `before`, `after` and `delta` combine all of them."""
    before: ScanView | None
    after: ScanView
    delta: DeltaView | None
    packages: PackagesView | None
    """None if the packages of either image are not known."""
    contents: ContentsView | None
    """None if the contents of either image are not known."""
    trust: TrustView | None
    """None if no `trust` entry matches the image."""


def list_notes(
    transitions: Iterable[Transition], updates: Mapping[Transition, Iterable[ImageUpdate]]
) -> Iterator[tuple[Transition, Sequence[str]]]:
    """Yield the notes of each transition from all its references; a note is not repeated for the same tag."""
    said: set[tuple[TagRef, str]] = set()
    for each in transitions:
        known = [
            note for update in updates[each] for note in (*update.tracked_image.notes, *update.candidates[0].notes)
        ]
        yield each, [note for note in dict.fromkeys(known) if (each.tag_ref, note) not in said]
        said |= {(each.tag_ref, note) for note in known}


def build_transition_view(
    transition: Transition, update: ImageUpdate, notes: Sequence[str], evidence: Evidence, rows: int
) -> TransitionView:
    old, new, contents = transition.old, transition.new, evidence.contents
    return TransitionView(
        reference=Text(f"{update.occurrence.reference.name}:{transition.tag_ref.tag}"),
        new_tag=Text(transition.new_tag) if transition.new_tag else None,
        cause=update.cause,
        doubt=Text(update.review_reason, MAX_NOTE_LENGTH) if update.review_reason else None,
        notes=tuple(Text(note, MAX_NOTE_LENGTH) for note in notes[:rows]),
        notes_cut=max(0, len(notes) - rows),
        old=Text(shorten_digest(old)) if old else None,
        new=Text(shorten_digest(new)),
        old_digest=Text(old) if old else None,
        new_digest=Text(new),
        platform=Text(transition.platforms[0]),
        scanned_on=tuple(map(Text, transition.platforms)),
        platforms=truncate_list(update.candidates[0].platforms, rows),
        on_platforms=tuple(
            _build_platform_view(platform, found, rows) for platform, found in evidence.by_platform.items()
        ),
        before=build_scan_view(evidence.old, contents.old if contents else None, rows)
        if evidence.old is not None
        else None,
        after=build_scan_view(evidence.new, contents.new if contents else None, rows),
        delta=build_delta_view(evidence.delta, evidence, rows) if evidence.delta is not None else None,
        packages=build_packages_view(evidence.package_changes, rows) if evidence.package_changes is not None else None,
        contents=build_contents_view(contents, rows),
        trust=build_trust_view(evidence.signatures) if evidence.signatures is not None else None,
    )


def _build_platform_view(platform: str, evidence: Evidence, rows: int) -> PlatformView:
    before = build_scan_view(evidence.old, None, rows) if evidence.old is not None else None
    return PlatformView(Text(platform), before, build_scan_view(evidence.new, None, rows))
