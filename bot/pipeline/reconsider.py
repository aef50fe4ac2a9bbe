"""Reconsider: a request that waits for people waits no longer where that would leave them with something dangerous."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.choice.ages import left_since
from bot.core.evidence.compare import is_pressing
from bot.core.proposal.mark import read_mark
from bot.core.transition import transition_of
from bot.model.decision import Transition
from bot.model.errors import RegistryError
from bot.model.image import Resolution, Resolved
from bot.model.proposal import Seen
from bot.model.reference import Digest, Line, parse_sha256
from bot.model.report import Failed
from bot.model.vocabulary import Reason
from bot.pipeline.assess import assess
from bot.pipeline.judge import World
from bot.pipeline.pool import REGISTRIES, SCANS
from bot.pipeline.recall import Prospect


@dataclass(frozen=True, slots=True)
class Reconsidered:
    """The same prospects, some of them hurried, and what could not be scanned."""

    prospects: tuple[Prospect, ...]
    failed: tuple[Failed, ...] = ()


def reconsider(prospects: Sequence[Prospect], resolutions: Mapping[Line, Resolution], world: World) -> Reconsidered:
    """Hurry what must not wait. Raises StateError.

    An open request is of no use to anybody once what it proposes was taken back by its publisher, or is gone. It, and
    one that a person closed with all that follows, are hurried where what is newer fixes something pressing in it.
    """
    waiting = {move for each in prospects for move in _moves(each, each.waiting)}
    muted = {move for each in prospects for move in _moves(each, each.muted)}
    if not waiting and not muted:
        return Reconsidered(tuple(prospects))
    lost = _lost(waiting, resolutions, world)
    left = (waiting | muted) - lost
    assessed = assess(left, world.scanner_of, world.memory, SCANS, world.progress, world.advisories)
    pressing = {move for move in left if is_pressing(assessed.evidence[move])}
    now = world.clock.now()

    def is_hurried(prospect: Prospect) -> bool:
        return bool((lost | pressing).intersection(_moves(prospect, prospect.waiting))) or bool(
            pressing.intersection(_moves(prospect, prospect.muted))
        )

    return Reconsidered(tuple(each.hurried(now) if is_hurried(each) else each for each in prospects), assessed.failed)


def _lost(moves: Iterable[Transition], resolutions: Mapping[Line, Resolution], world: World) -> set[Transition]:
    """Return the moves whose old end was taken back, or is gone."""
    taken_back = {move for move in moves if _was_taken_back(move, resolutions.get(move.line))}
    left = sorted(set(moves) - taken_back, key=lambda move: move.order)
    is_gone = REGISTRIES.map(lambda move: _is_gone(move, world), left)
    return taken_back | {move for move, gone in zip(left, is_gone, strict=True) if gone}


def _moves(prospect: Prospect, request: Seen | None) -> Iterator[Transition]:
    """Yield, for each image of a request, the move from what that proposes to what is wanted now."""
    if request is None:
        return
    proposed = _by_line(read_mark(request.body).targets)
    for move in {transition_of(update) for update in prospect.updates}:
        old = proposed.get(str(move.goal))
        if old is not None and old != move.new:
            yield Transition(move.goal, old, move.new, move.platforms)


def _by_line(targets: Iterable[str]) -> Mapping[str, Digest]:
    parted = (target.rpartition("@") for target in targets)
    return {line: digest for line, _, word in parted if (digest := parse_sha256(word)) is not None}


def _was_taken_back(move: Transition, resolution: Resolution | None) -> bool:
    """Say whether the tag went back to what it had been before it was what the request proposes."""
    return isinstance(resolution, Resolved) and move.old in left_since(resolution.history, resolution.digest)


def _is_gone(move: Transition, world: World) -> bool:
    if move.old is None:
        return False
    try:
        world.registry.fetch(move.line, move.old)
    except RegistryError as error:
        return error.reason is Reason.NOT_FOUND_OR_DENIED
    return False
