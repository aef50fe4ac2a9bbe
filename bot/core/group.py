"""From single updates to proposals: which belong together, what the branch, title and commit say."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from bot.core.branch import branch_name, group_key, line_key
from bot.core.compare import count_by_severity, distinct
from bot.core.mark import trailer
from bot.core.transition import short, transition_of
from bot.model.decision import Candidate, Selected, Update
from bot.model.evidence import Delta, Severity
from bot.model.policy import SplitBy
from bot.model.proposal import ProposedImage, Target
from bot.model.reference import Line

_PLAIN_FOLDER = re.compile(r"[A-Za-z0-9._/-]{1,100}", re.ASCII)
"""What of a folder may stand in titles and commits, where nothing can be quoted."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one proposal is about: a line or a named group of lines, and the folder where each has its own."""

    about: Line | str
    folder: str | None = None

    def branch(self, prefix: str) -> str:
        """Return its branch: it depends on neither digests nor files nor the order of rules."""
        key = group_key(self.about, self.folder) if isinstance(self.about, str) else line_key(self.about, self.folder)
        return branch_name(prefix, self.about, key)


def bundle_of(selected: Selected) -> Bundle:
    """Return what a place is proposed with."""
    policy = selected.policy
    match policy.split_by:
        case SplitBy.NOTHING:
            folder = None
        case SplitBy.FOLDER:
            folder = selected.occurrence.path.rpartition("/")[0]
        case _:
            assert_never(policy.split_by)
    return Bundle(policy.group or selected.line, folder)


def group(updates: Iterable[Update]) -> dict[Bundle, tuple[Update, ...]]:
    """Return the updates of each bundle, in an order that depends on nothing else; one proposal each."""
    groups: dict[Bundle, list[Update]] = defaultdict(list)
    for update in updates:
        groups[bundle_of(update.selected)].append(update)
    return {bundle: tuple(groups[bundle]) for bundle in sorted(groups, key=lambda each: each.branch(""))}


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


def headline(bundle: Bundle, updates: Sequence[Update]) -> str:
    """Say what moves, and where it is split.

    `Update python:3.12-slim to 4f3c2a1b9d0e`, `Update node:22.1.0 to 22.1.3 in web`, `Update redis:7 and 3 more images
    (weekly)`. References, digests, shown folders and names of groups hold nothing that titles and commits read as more
    than text.
    """
    lines: dict[Line, list[str]] = defaultdict(list)
    for update in updates:
        line = update.selected.line
        lines[line].append(f"{update.occurrence.reference.name}:{line.tag}")
    image = min(lines[min(lines)], key=len)
    chosen = updates[0].candidates[0]
    others = len(lines) - 1
    more = f" and {others} more {'image' if others == 1 else 'images'}"
    return "".join(
        [
            "Update " if any(update.occurrence.reference.digest for update in updates) else "Pin ",
            image,
            more if others else f" to {chosen.tag or short(chosen.digest)}",
            f" in {bundle.folder}" if _PLAIN_FOLDER.fullmatch(bundle.folder or "") else "",
            f" ({bundle.about})" if isinstance(bundle.about, str) else "",
        ]
    )


def title(bundle: Bundle, updates: Sequence[Update], deltas: Iterable[Delta | None]) -> str:
    """Return the headline, and what it fixes where that is known."""
    fixed = [finding for delta in deltas if delta is not None for finding in delta.fixed]
    if not fixed:
        return headline(bundle, updates)
    critical = count_by_severity(fixed)[Severity.CRITICAL]
    return f"{headline(bundle, updates)}, fixes {distinct(fixed)}" + (f" ({critical} critical)" if critical else "")


def message(bundle: Bundle, updates: Sequence[Update]) -> str:
    """Return the commit message: what moves, from where, and the trailer that tells a later run what this one did."""
    moves = sorted(
        {
            f"{update.selected.line}\n"
            f"  from {update.occurrence.reference.digest or 'no digest'}\n"
            f"  to   {_value(update.candidates[0])}"
            for update in updates
        }
    )
    return "\n\n".join([headline(bundle, updates), *moves, trailer(intent_of(updates))]) + "\n"
