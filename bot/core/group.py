"""From single updates to proposals: which belong together, what the branch, title and commit say."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from bot.core.branch import branch_name, line_key
from bot.core.compare import count_by_severity, distinct
from bot.core.mark import trailer
from bot.core.transition import short, transition_of
from bot.model.decision import Candidate, Update
from bot.model.evidence import Delta, Severity
from bot.model.proposal import ProposedImage, Target
from bot.model.reference import Line


def group(updates: Iterable[Update]) -> dict[Line, tuple[Update, ...]]:
    """Return the updates of each line: one proposal each, all files together."""
    groups: dict[Line, list[Update]] = defaultdict(list)
    for update in updates:
        groups[update.selected.line].append(update)
    return {line: tuple(groups[line]) for line in sorted(groups)}


def branch_for(prefix: str, line: Line) -> str:
    """Return the branch of a line: it depends on neither digests nor files nor rules."""
    return branch_name(prefix, line, line_key(line))


def targets_of(updates: Iterable[Update]) -> tuple[Target, ...]:
    """Return what the updates move to, as `line@digest`."""
    moves = map(transition_of, updates)
    return tuple(sorted({f"{move.goal}@{move.new}" for move in moves}))


def intent_of(updates: Iterable[Update]) -> str:
    """Return 16 hexadecimal digits over what is written where: (path, locator, value)."""
    written = sorted(
        (update.occurrence.path, update.occurrence.locator, _value(update.candidates[0])) for update in updates
    )
    return hashlib.sha256(json.dumps(written, ensure_ascii=True).encode()).hexdigest()[:16]


def _value(candidate: Candidate) -> str:
    return candidate.digest if candidate.tag is None else f"{candidate.tag}@{candidate.digest}"


def images_of(updates: Iterable[Update]) -> tuple[ProposedImage, ...]:
    """Return the images that the updates move, each with every digest that it moves from."""
    images = {
        ProposedImage(
            reference=f"{update.occurrence.reference.name}:{update.selected.line.tag}",
            canonical=update.selected.line.repository,
            tag=transition_of(update).goal.tag,
            old=update.occurrence.reference.digest,
            new=update.candidates[0].digest,
        )
        for update in updates
    }
    return tuple(sorted(images, key=lambda image: (image.canonical, image.tag, image.old or "", image.reference)))


def labels_of(updates: Iterable[Update]) -> tuple[str, ...]:
    """Return the labels that the policies of the updates ask for."""
    return tuple(sorted({label for update in updates for label in update.selected.policy.labels}))


def headline(updates: Sequence[Update]) -> str:
    """Say what moves: `Update python:3.12-slim to 4f3c2a1b9d0e`, `Update node:22.1.0 to 22.1.3`.

    A reference and a digest hold only letters, digits and `.:/_-`, so this is safe in titles and commits.
    """
    image = min((f"{update.occurrence.reference.name}:{update.selected.line.tag}" for update in updates), key=len)
    is_pinned = any(update.occurrence.reference.digest for update in updates)
    chosen = updates[0].candidates[0]
    return f"{'Update' if is_pinned else 'Pin'} {image} to {chosen.tag or short(chosen.digest)}"


def title(updates: Sequence[Update], deltas: Iterable[Delta | None]) -> str:
    """Return the headline, and what it fixes where that is known."""
    fixed = [finding for delta in deltas if delta is not None for finding in delta.fixed]
    if not fixed:
        return headline(updates)
    critical = count_by_severity(fixed)[Severity.CRITICAL]
    return f"{headline(updates)}, fixes {distinct(fixed)}" + (f" ({critical} critical)" if critical else "")


def message(updates: Sequence[Update]) -> str:
    """Return the commit message: what moves, from where, and the trailer that tells a later run what this one did."""
    moves = sorted(
        {
            f"{update.selected.line}\n"
            f"  from {update.occurrence.reference.digest or 'no digest'}\n"
            f"  to   {_value(update.candidates[0])}"
            for update in updates
        }
    )
    return "\n\n".join([headline(updates), *moves, trailer(intent_of(updates))]) + "\n"
