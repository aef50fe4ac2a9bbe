"""Renders the output of `history`: the digests that base branches contained, and who changed them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from bot.core.markdown import make_console_line
from bot.core.transition import shorten_digest
from bot.model.ci import FleetOutcome
from bot.model.fleet_history import DigestMove, MoveOrigin
from bot.model.history import TagObservation
from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey, StoredRequest
from bot.model.proposal import Target
from bot.model.report import SCHEMA
from bot.model.update_stages import UpdateProgress
from bot.model.usage import InventoryCoverage
from bot.reports.fleet.stage_documents import build_uses
from bot.reports.fleet.stage_lines import describe_progress, list_cluster_sentences
from bot.reports.parts.csv_text import render_records
from bot.reports.parts.evidence_document import render_fleet_outcome
from bot.reports.parts.inventory_document import (
    BRANCH_COLUMNS,
    build_branch,
    build_coverage,
    count_seconds,
    describe_coverage,
    describe_duration,
)
from bot.reports.parts.json_text import JsonValue, format_time, render_json
from bot.reports.parts.styled_lines import Line, Style, StyledLine, indent_line, join_blocks

if TYPE_CHECKING:
    from bot.reports.parts.stage_section import StageReport

_STAGE_INDENT = " " * 28
"""As many blanks as the date and the digest of a digest change are wide."""
_COLUMNS = (
    *BRANCH_COLUMNS,
    *("canonical", "tag", "digest", "since", "since_first_visit"),
    *("until", "moved_by", "request_number", "request_url", "first_seen", "seconds_since_first_seen"),
    "seconds_since_opened",
)
_HeldKey = tuple[BranchKey, str, str | None, Digest | None]
"""A base branch, the canonical name of the repository of an image, its tag and its digest."""


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """The history of a repository or of an image."""

    name: str
    """The name on the command line."""
    moves: Sequence[DigestMove]
    """The digest changes, newest first."""
    observations: Sequence[TagObservation]
    """The digests that the tags of an image pointed to; empty for the history of a repository."""
    coverage: InventoryCoverage
    outcomes: Mapping[Target, FleetOutcome] = field(default_factory=dict)
    """The outcomes of CI on the pull requests that proposed the digests in `observations`."""
    stages: StageReport | None = None
    """How far the updates to the current digests of base branches got; None if this was not read."""

    def group_updates(self) -> Mapping[_HeldKey, Sequence[UpdateProgress]]:
        """Return how far the updates to the digests in files got, for each use of a digest."""
        updates: dict[_HeldKey, list[UpdateProgress]] = defaultdict(list)
        for each in self.stages.stages.updates if self.stages is not None else ():
            use = each.use
            if each.digest == use.digest:
                updates[use.key, use.repository, use.tag, use.digest].append(each)
        return updates

    def get_outcome(self, observation: TagObservation) -> FleetOutcome | None:
        """Return the outcome of CI with a digest; None if no pull request proposed the digest."""
        return self.outcomes.get(f"{observation.tag_ref}@{observation.digest}")


def render_history_document(answer: HistoryAnswer) -> str:
    """Return the output of `history --format json`."""
    return render_json(
        {
            "schema": SCHEMA,
            "name": answer.name,
            "coverage": build_coverage(answer.coverage),
            "observations": [_build_observation(each, answer.get_outcome(each)) for each in answer.observations],
            "moves": _build_moves(answer),
        }
    )


def _build_moves(answer: HistoryAnswer) -> JsonValue:
    if answer.stages is None:
        return [{**_build_move(each), "uses": None} for each in answer.moves]
    updates = answer.group_updates()
    return [
        {**_build_move(each), "uses": build_uses(_list_updates(each, updates), answer.stages)} for each in answer.moves
    ]


def _list_updates(move: DigestMove, updates: Mapping[_HeldKey, Sequence[UpdateProgress]]) -> Sequence[UpdateProgress]:
    """Return how far an update got in each file that uses its digest.

    Return an empty list if the base branch has another digest now.
    """
    held = move.held
    return updates.get((held.key, held.repository, held.tag, held.digest), ()) if held.ended_at is None else ()


def render_history_csv(answer: HistoryAnswer) -> str:
    """Return the output of `history --format csv`, with a line for each digest change."""
    return render_records(_COLUMNS, map(_build_move, answer.moves))


def render_history_lines(answer: HistoryAnswer, now: datetime) -> list[Line]:
    """Return the text output of `history`: the digests of each tag in each base branch, newest first."""
    coverage = list(describe_coverage(answer.coverage, now))
    if not answer.moves:
        return [
            f"The state contains neither a repository nor an image named {make_console_line(answer.name)}.",
            "",
            *coverage,
        ]
    if answer.stages is not None:
        coverage += list_cluster_sentences(answer.stages.stages, now)
    return join_blocks(*_list_registry_blocks(answer), *_list_branch_blocks(answer), coverage)


def _list_registry_blocks(answer: HistoryAnswer) -> Iterator[list[Line]]:
    """Yield the digests that each tag pointed to, newest first, and the outcome of CI with each digest."""
    by_tag: dict[TagRef, list[TagObservation]] = {}
    for each in answer.observations:
        by_tag.setdefault(each.tag_ref, []).append(each)
    for tag_ref, of_tag in by_tag.items():
        rows = [
            f"  {each.first_seen:%Y-%m-%d}  {shorten_digest(each.digest)}{_describe_outcome(answer.get_outcome(each))}"
            for each in reversed(of_tag)
        ]
        yield [StyledLine("", f"{make_console_line(str(tag_ref))} in the registry", Style.UPDATE), *rows]


def _describe_outcome(outcome: FleetOutcome | None) -> str:
    """Return the outcome of CI with a digest, for the end of a line; empty if nothing is known."""
    if outcome is None or not (outcome.finished or outcome.merged):
        return ""
    tested = f"CI passed in {outcome.passed} of {outcome.finished}, " if outcome.finished else ""
    return f"  {tested}merged in {outcome.merged}{', paused' if outcome.is_failing else ''}"


def _list_branch_blocks(answer: HistoryAnswer) -> Iterator[list[Line]]:
    """Yield the digest changes of each tag in each base branch, newest first."""
    updates = answer.group_updates()
    by_place: dict[tuple[BranchKey, str], list[DigestMove]] = {}
    for move in answer.moves:
        by_place.setdefault((move.held.key, move.held.name), []).append(move)
    for (key, name), of_place in sorted(by_place.items()):
        title = f"{name} in {key.repository} ({key.base_branch})"
        ends = [move.held.ended_at for move in of_place if move.held.ended_at is not None]
        is_unused = len(ends) == len(of_place)
        yield [
            StyledLine("", make_console_line(title), Style.UPDATE),
            *([f"  {max(ends):%Y-%m-%d}  no longer used"] if is_unused else []),
            *(line for move in of_place for line in _render_place(move, _list_updates(move, updates), answer.stages)),
        ]


def _render_place(move: DigestMove, updates: Sequence[UpdateProgress], report: StageReport | None) -> Iterator[Line]:
    """Yield a digest change, and how far the update got in each file."""
    yield from _render_move(move)
    if report is None:
        return
    for each in updates:
        lines = list(describe_progress(each, report.stages, report.now, _STAGE_INDENT))
        if lines and len(updates) > 1:
            yield f"{_STAGE_INDENT}{make_console_line(f'{each.use.path}:{each.use.line_number}')}"
            lines = [indent_line(line) for line in lines]
        yield from lines


def _render_move(move: DigestMove) -> Iterator[Line]:
    digest = shorten_digest(move.held.digest) if move.held.digest is not None else "not pinned"
    head = f"  {move.moved_at:%Y-%m-%d}  {digest:<12}  "
    match move.origin:
        case MoveOrigin.BASEBUMP:
            yield StyledLine(head, _describe_request(move.request), Style.GOOD)
        case MoveOrigin.OTHER:
            yield StyledLine(head, "not by basebump", Style.EXPLANATION)
        case MoveOrigin.FIRST_VISIT:
            yield StyledLine(head, "found by the first run", Style.FAINT)
        case _:
            assert_never(move.origin)
    if waits := _describe_waits(move):
        yield StyledLine(" " * len(head), waits, Style.EXPLANATION)


def _describe_request(request: StoredRequest | None) -> str:
    if request is None or not request.number:
        return "a pull request of basebump"
    return f"pull request #{request.number}" + (f": {make_console_line(request.url)}" if request.url else "")


def _describe_waits(move: DigestMove) -> str:
    """Return how long the digest and its pull request waited; empty if neither time is known."""
    waits = (("first seen {} before", move.wait_since_first_seen), ("open for {}", move.wait_since_opened))
    return ", ".join(text.format(describe_duration(wait.total_seconds())) for text, wait in waits if wait is not None)


def _build_observation(observation: TagObservation, outcome: FleetOutcome | None) -> JsonValue:
    return {
        "canonical": observation.tag_ref.repository,
        "tag": observation.tag_ref.tag,
        "digest": observation.digest,
        "first_seen": format_time(observation.first_seen),
        "last_seen": format_time(observation.last_seen),
        "fleet": render_fleet_outcome(outcome) if outcome is not None else None,
    }


def _build_move(move: DigestMove) -> dict[str, JsonValue]:
    held, request = move.held, move.request
    return {
        **build_branch(held.key),
        "canonical": held.repository,
        "tag": held.tag,
        "digest": held.digest,
        "since": format_time(held.since),
        "since_first_visit": held.is_since_first_visit,
        "until": format_time(held.ended_at),
        "moved_by": move.origin.value,
        "request": _build_request(request) if request is not None else None,
        "first_seen": format_time(move.first_seen),
        "seconds_since_first_seen": count_seconds(move.wait_since_first_seen),
        "seconds_since_opened": count_seconds(move.wait_since_opened),
    }


def _build_request(request: StoredRequest) -> JsonValue:
    return {
        "number": request.number,
        "url": request.url,
        "opened_at": format_time(request.opened_at),
        "merged_at": format_time(request.ended_at),
    }
