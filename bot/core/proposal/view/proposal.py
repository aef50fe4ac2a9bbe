"""Template data for a proposal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.core.evidence.compare import collect_exploited_ids, count_by_severity, count_distinct, filter_exploited
from bot.core.markdown import Text
from bot.core.proposal.merged_options import determine_on_close
from bot.core.proposal.view.scans import format_day
from bot.core.proposal.view.transitions import TransitionView, build_transition_view, list_notes
from bot.core.transition import get_first_transition
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.decision import ImageUpdate, Transition
from bot.model.evidence import Evidence, Scan, Severity
from bot.model.modes import OnClose
from bot.model.vocabulary import Role

VERSION = 1
MIN_IMAGES_FOR_TOTAL = 2
"""Minimum number of compared images for a total."""
MAX_LINE_NUMBERS = 20
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


def build_proposal_view(
    updates: Sequence[ImageUpdate],
    evidence: Mapping[Transition, Evidence],
    rows: int,
    *,
    is_first: bool = False,
    protected_files: Sequence[str] = (),
) -> ProposalView:
    """Return the view of one proposal; each list has at most `rows` rows."""
    by_transition: dict[Transition, list[ImageUpdate]] = {}
    for update in updates:
        by_transition.setdefault(get_first_transition(update), []).append(update)
    transitions = sorted(by_transition, key=lambda each: each.sort_key)
    scans = [
        scan for each in transitions for scan in (evidence[each].old, evidence[each].new) if isinstance(scan, Scan)
    ]
    scanner = scans[0].scanner if scans else None
    list_versions = next(
        (each for move in transitions if (each := evidence[move].list_versions) is not None), ListVersions()
    )
    files = tuple(_list_files(updates))
    shown = transitions[: max(rows, 1)]
    notes = dict(list_notes(transitions, by_transition))
    return ProposalView(
        version=VERSION,
        is_first=is_first,
        mutes=determine_on_close(updates) is OnClose.LINE,
        update_type=_determine_update_type(transitions),
        transitions=tuple(
            build_transition_view(each, by_transition[each][0], notes[each], evidence[each], rows) for each in shown
        ),
        transitions_cut=len(transitions) - len(shown),
        total=_build_total([evidence[each] for each in transitions]),
        files=files[:rows],
        files_cut=max(0, len(files) - rows),
        left_out=tuple(map(Text, protected_files[:rows])),
        left_out_cut=max(0, len(protected_files) - rows),
        scanner=Text(scanner.name) if scanner else None,
        scanner_version=Text(scanner.version) if scanner else None,
        database=format_day(scanner.database) if scanner else None,
        exploited_list=Text(f"{list_versions.kev_date}") if list_versions.kev_date else None,
        is_exploited_unknown=AdvisoryList.KEV in list_versions.unread_lists,
        epss_list=Text(f"{list_versions.epss_date}") if list_versions.epss_date else None,
    )


def _build_total(evidence: Sequence[Evidence]) -> TotalView | None:
    deltas = [each.delta for each in evidence if each.delta is not None]
    if len(deltas) < MIN_IMAGES_FOR_TOTAL:
        return None
    fixed = [finding for delta in deltas for finding in delta.fixed]
    introduced = [finding for delta in deltas for finding in delta.introduced]
    listed = collect_exploited_ids(evidence)
    return TotalView(
        fixed_count=count_distinct(fixed),
        fixed_critical=count_by_severity(fixed)[Severity.CRITICAL],
        fixed_exploited=count_distinct(filter_exploited(fixed, listed)),
        introduced_count=count_distinct(introduced),
        introduced_exploited=count_distinct(filter_exploited(introduced, listed)),
        is_partial=any(each.delta is None and each.old is not None for each in evidence),
    )


def _determine_update_type(transitions: Iterable[Transition]) -> UpdateType:
    kinds = {
        UpdateType.TAG if each.new_tag else UpdateType.DIGEST if each.old else UpdateType.PIN for each in transitions
    }
    return next(kind for kind in (UpdateType.TAG, UpdateType.DIGEST, UpdateType.PIN) if kind in kinds)


def _list_files(updates: Iterable[ImageUpdate]) -> Iterable[FileView]:
    lines: dict[str, set[int]] = {}
    deploying: set[str] = set()
    for update in updates:
        occurrence = update.occurrence
        lines.setdefault(occurrence.path, set()).add(occurrence.line_number)
        if occurrence.role is not Role.BASE:
            deploying.add(occurrence.path)
    for path in sorted(lines):
        yield FileView(Text(path), tuple(sorted(lines[path])[:MAX_LINE_NUMBERS]), path in deploying)
