"""Collects the references and texts that `check` did not evaluate: as notes at single positions, and as groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from bot.model.check import CheckReport
from bot.model.vocabulary import Reason


def list_notes(report: CheckReport) -> Iterator[tuple[str, int, str]]:
    """Yield every note with its position: the path, the line number, and the text.

    A note belongs to an image reference, or to a file that could not be read or parsed. In a strict check, such a file
    is a finding, so it has no note.
    """
    for checked in report.references:
        reference = checked.verdict.reference
        yield from ((reference.path, reference.line_number, text) for text in checked.notes)
    for each in report.unsupported:
        if each.reason.facts.is_whole_file and not report.is_strict:
            yield each.path, each.line_number, f"not checked: {each.reason.sentence}"


@dataclass(frozen=True, slots=True)
class UnevaluatedGroup:
    """All positions in files that were not evaluated for the same reason."""

    reason: Reason
    positions: tuple[tuple[str, int, str], ...]
    """The path, the line number and the text at each position, sorted; never empty."""


def list_unevaluated(report: CheckReport) -> list[UnevaluatedGroup]:
    """Return the image references and the texts that were not evaluated, grouped by reason.

    If the check is strict, the result is empty, because each such reference or text is a finding. Files that could not
    be read at all are left out, because they have notes.
    """
    if report.is_strict:
        return []
    positions: defaultdict[Reason, list[tuple[str, int, str]]] = defaultdict(list)
    for checked in report.references:
        if checked.unevaluated_reason is not None:
            reference = checked.verdict.reference
            place = (str(reference.path), reference.line_number, str(reference.image))
            positions[checked.unevaluated_reason].append(place)
    for each in report.unsupported:
        if not each.reason.facts.is_whole_file:
            positions[each.reason].append((each.path, each.line_number, each.text))
    return [UnevaluatedGroup(reason, tuple(sorted(places))) for reason, places in sorted(positions.items())]


def describe_group(group: UnevaluatedGroup) -> str:
    """Return one line about a group: its size, reason, hint and first position.

    For outputs that have no space for all positions.
    """
    path, line_number, text = group.positions[0]
    hint = f" hint: {step}." if (step := group.reason.facts.next_step) else ""
    first = f"{path}:{line_number}: {text}"
    return f"{len(group.positions)} not evaluated ({group.reason}): {group.reason.sentence}{hint} First: {first}"
