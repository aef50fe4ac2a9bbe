"""From single updates to proposals: which belong together, on which branch, and what they move."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from bot.core.proposal.branch import branch_name, group_key, line_key
from bot.core.transition import transition_of
from bot.model.decision import Candidate, Selected, Update
from bot.model.modes import SplitBy
from bot.model.proposal import ProposedImage, Target
from bot.model.reference import Line

MAX_TARGETS = 16_384
"""Characters of targets that are named one by one, some 130 of them: the rest of a body needs the room."""

_EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one proposal is about: a line or a named group of lines, and the folder where each has its own."""

    about: Line | str
    folder: str | None = None
    base: str | None = None
    """The base branch where that is not the default one."""

    def branch(self, prefix: str) -> str:
        """Return its branch: it depends on neither digests nor files nor the order of rules."""
        if isinstance(self.about, str):
            source = "all-images" if self.is_first else self.about
            return branch_name(prefix, source, group_key(self.about, self.folder, self.base))
        return branch_name(prefix, self.about, line_key(self.about, self.folder, self.base))

    @property
    def is_first(self) -> bool:
        """Whether it is everything at once, which a repository begins with."""
        return self.about == _EVERYTHING


def first(base: str | None) -> Bundle:
    """Return everything at once; no name of a group is like it."""
    return Bundle(_EVERYTHING, base=base)


def bundle_of(selected: Selected, base: str | None) -> Bundle:
    """Return what a place is proposed with; `base` is the base branch where that is not the default one."""
    policy = selected.policy
    match policy.split_by:
        case SplitBy.NOTHING:
            folder = None
        case SplitBy.FOLDER:
            folder = selected.occurrence.path.rpartition("/")[0]
        case _:
            assert_never(policy.split_by)
    return Bundle(policy.group or selected.line, folder, base)


def group(updates: Iterable[Update], base: str | None, *, all_at_once: bool) -> dict[Bundle, tuple[Update, ...]]:
    """Return the updates of each bundle, in an order that depends on nothing else; one proposal each."""
    groups: dict[Bundle, list[Update]] = defaultdict(list)
    for update in updates:
        groups[first(base) if all_at_once else bundle_of(update.selected, base)].append(update)
    return {bundle: tuple(groups[bundle]) for bundle in sorted(groups, key=lambda each: each.branch(""))}


def targets_of(updates: Iterable[Update]) -> tuple[Target, ...]:
    """Return what the updates move to, as `line@digest`; of very many one that stands for exactly this set."""
    moves = map(transition_of, updates)
    targets = sorted({f"{move.goal}@{move.new}" for move in moves})
    if sum(map(len, targets)) <= MAX_TARGETS:
        return tuple(targets)
    return (f"{_EVERYTHING}@sha256:{hashlib.sha256(json.dumps(targets).encode()).hexdigest()}",)


def intent_of(updates: Iterable[Update]) -> str:
    """Return 16 hexadecimal digits over what is written where: (path, locator, value)."""
    written = sorted(
        (update.occurrence.path, update.occurrence.locator, value_of(update.candidates[0])) for update in updates
    )
    return hashlib.sha256(json.dumps(written, ensure_ascii=True).encode()).hexdigest()[:16]


def value_of(candidate: Candidate) -> str:
    """Return what is written: the digest, behind its tag where that is another."""
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
