"""Template data for a proposal."""

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
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.decision import ImageUpdate, Transition
from bot.model.evidence import Evidence, Scan, Severity
from bot.model.modes import OnClose
from bot.model.vocabulary import Role

VERSION = 1
SEVERAL = 2
"""Minimum number of compared images for a total."""
MAX_LINES = 20
"""Line numbers that are shown for one file."""


class UpdateType(StrEnum):
    """How far an image is updated."""

    PIN = "pin"
    """It gets a digest for its tag."""
    DIGEST = "digest"
    """It gets a new digest, and keeps its tag."""
    TAG = "tag"
    """It gets another tag."""


@dataclass(frozen=True, slots=True)
class FileView:
    """One changed file."""

    path: Text
    line_numbers: tuple[int, ...]
    """At most the first 20."""
    deploys: bool
    """Whether the file deploys something, which then restarts; otherwise it builds something."""


@dataclass(frozen=True, slots=True)
class TotalView:
    """The vulnerability changes of all images together; a vulnerability counts once, even if several images have it."""

    fixed_count: int
    """Distinct vulnerabilities that are fixed in any image; others may still have them."""
    fixed_critical: int
    fixed_exploited: int
    """Fixed vulnerabilities that are known to be exploited."""
    introduced_count: int
    introduced_exploited: int
    is_partial: bool
    """Whether the changes of some images are not known."""


@dataclass(frozen=True, slots=True)
class ProposalView:
    """The content of a body."""

    version: int
    is_first: bool
    """Whether this is the first proposal of the repository, with all its updates and an introduction."""
    mutes: bool
    """Whether closing it also declines later digests."""
    update_type: UpdateType
    """The widest update of its images."""
    transitions: tuple[TransitionView, ...]
    transitions_cut: int
    """Number of omitted transitions."""
    total: TotalView | None
    """None unless the vulnerability changes of several images are known."""
    files: tuple[FileView, ...]
    files_cut: int
    """Number of omitted files."""
    left_out: tuple[Text, ...]
    """Files that are not changed because the forge protects them from this token, like GitHub's workflows."""
    left_out_cut: int
    """Number of omitted files of `left_out`."""
    scanner: Text | None
    scanner_version: Text | None
    database: Text | None
    """The day on which the scanner's database was built."""
    exploited_list: Text | None
    """The day of the list of exploited vulnerabilities; None if the list was not requested or could not be read."""
    is_exploited_unknown: bool
    """Whether the list of exploited vulnerabilities was requested and could not be read."""
    epss_list: Text | None
    """The day of the list of exploit probabilities (EPSS); None if it was not read."""


def build_view(
    updates: Sequence[ImageUpdate],
    evidence: Mapping[Transition, Evidence],
    rows: int,
    *,
    is_first: bool = False,
    left_out: Sequence[str] = (),
) -> ProposalView:
    """Return the view of one proposal; each list has at most `rows` rows."""
    by_transition: dict[Transition, list[ImageUpdate]] = {}
    for update in updates:
        by_transition.setdefault(transition_of(update), []).append(update)
    moved = sorted(by_transition, key=lambda each: each.sort_key)
    scans = [scan for each in moved for scan in (evidence[each].old, evidence[each].new) if isinstance(scan, Scan)]
    scanner = scans[0].scanner if scans else None
    asked = next((each for move in moved if (each := evidence[move].list_versions) is not None), ListVersions())
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
        exploited_list=Text(f"{asked.kev_date}") if asked.kev_date else None,
        is_exploited_unknown=AdvisoryList.KEV in asked.unread_lists,
        epss_list=Text(f"{asked.epss_date}") if asked.epss_date else None,
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
    kinds = {UpdateType.TAG if each.new_tag else UpdateType.DIGEST if each.old else UpdateType.PIN for each in moved}
    return next(kind for kind in (UpdateType.TAG, UpdateType.DIGEST, UpdateType.PIN) if kind in kinds)


def _files(updates: Iterable[ImageUpdate]) -> Iterable[FileView]:
    lines: dict[str, set[int]] = {}
    deploying: set[str] = set()
    for update in updates:
        occurrence = update.occurrence
        lines.setdefault(occurrence.path, set()).add(occurrence.line_number)
        if occurrence.role is not Role.BASE:
            deploying.add(occurrence.path)
    for path in sorted(lines):
        yield FileView(Text(path), tuple(sorted(lines[path])[:MAX_LINES]), path in deploying)
