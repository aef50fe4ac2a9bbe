"""What a template sees of a proposal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.core.evidence.compare import count_by_severity, distinct, exploited, exploited_in
from bot.core.markdown import Text
from bot.core.proposal.handling import on_close_of
from bot.core.proposal.view.scans import day
from bot.core.proposal.view.transitions import TransitionView, notes_of, transition_view
from bot.core.transition import transition_of
from bot.model.advisory import Asked, Listing
from bot.model.decision import Transition, Update
from bot.model.evidence import Evidence, Scan, Severity
from bot.model.modes import OnClose
from bot.model.vocabulary import Role

VERSION = 1
SEVERAL = 2
"""Images from which on there is a sum of what they change."""
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
class FileView:
    """One file that changes."""

    path: Text
    line_numbers: tuple[int, ...]
    """The first MAX_LINES of them."""
    deploys: bool
    """Whether it deploys something, which then restarts; else it builds something."""


@dataclass(frozen=True, slots=True)
class TotalView:
    """What all that moves changes together: each vulnerability counts once, however many images have it."""

    fixed_count: int
    """Distinct vulnerabilities that go away from any image; one may stay in another."""
    fixed_critical: int
    fixed_exploited: int
    """Those that are known to be exploited."""
    introduced_count: int
    introduced_exploited: int
    is_partial: bool
    """Whether that is not known of some image that moves."""


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
    total: TotalView | None
    """None unless it is known of several images what moving changes."""
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
    exploited_list: Text | None
    """The day of the list of what is known to be exploited; None where nobody was asked, or could be."""
    is_exploited_unknown: bool
    """Whether somebody was to be asked what is exploited, and the list could not be read."""
    epss_list: Text | None
    """The day of the list of how likely things are to be exploited; None where it was not read."""


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
    asked = next((each for move in moved if (each := evidence[move].asked) is not None), Asked())
    files = tuple(_files(updates))
    shown = moved[: max(rows, 1)]
    notes = dict(notes_of(moved, by_transition))
    return ProposalView(
        version=VERSION,
        is_first=is_first,
        mutes=on_close_of(updates) is OnClose.LINE,
        update_type=_update_type(moved),
        transitions=tuple(
            transition_view(each, by_transition[each][0], notes[each], evidence[each], rows) for each in shown
        ),
        transitions_cut=len(moved) - len(shown),
        total=_total([evidence[each] for each in moved]),
        files=files[:rows],
        files_cut=max(0, len(files) - rows),
        left_out=tuple(map(Text, left_out[:rows])),
        left_out_cut=max(0, len(left_out) - rows),
        scanner=Text(scanner.name) if scanner else None,
        scanner_version=Text(scanner.version) if scanner else None,
        database=day(scanner.database) if scanner else None,
        exploited_list=Text(f"{asked.exploited}") if asked.exploited else None,
        is_exploited_unknown=Listing.KEV in asked.unread,
        epss_list=Text(f"{asked.scores}") if asked.scores else None,
    )


def _total(evidence: Sequence[Evidence]) -> TotalView | None:
    deltas = [each.delta for each in evidence if each.delta is not None]
    if len(deltas) < SEVERAL:
        return None
    fixed = [finding for delta in deltas for finding in delta.fixed]
    introduced = [finding for delta in deltas for finding in delta.introduced]
    listed = exploited_in(evidence)
    return TotalView(
        fixed_count=distinct(fixed),
        fixed_critical=count_by_severity(fixed)[Severity.CRITICAL],
        fixed_exploited=distinct(exploited(fixed, listed)),
        introduced_count=distinct(introduced),
        introduced_exploited=distinct(exploited(introduced, listed)),
        is_partial=any(each.delta is None and each.old is not None for each in evidence),
    )


def _update_type(moved: Iterable[Transition]) -> UpdateType:
    kinds = {UpdateType.TAG if each.tag else UpdateType.DIGEST if each.old else UpdateType.PIN for each in moved}
    return next(kind for kind in (UpdateType.TAG, UpdateType.DIGEST, UpdateType.PIN) if kind in kinds)


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
