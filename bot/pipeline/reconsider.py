"""Reconsider: a request that waits for people waits no longer where that would leave them with something dangerous."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.ages import left_since
from bot.core.compare import is_pressing
from bot.core.mark import memory
from bot.core.transition import transition_of
from bot.model.decision import Transition
from bot.model.errors import RegistryError
from bot.model.image import Resolution, Resolved
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
    """Hurry what must not wait: see `_pressing`. Raises StateError."""
    offers = {offer for prospect in prospects for offer in _offers(prospect)}
    if not offers:
        return Reconsidered(tuple(prospects))
    pressing, failed = _pressing(offers, resolutions, world)
    now = world.clock.now()
    return Reconsidered(
        tuple(each.hurried(now) if pressing.intersection(_offers(each)) else each for each in prospects), failed
    )


def _pressing(
    offers: Iterable[Transition], resolutions: Mapping[Line, Resolution], world: World
) -> tuple[set[Transition], tuple[Failed, ...]]:
    """Return the moves whose old end must not stay: it was taken back, it is gone, or it is critically worse."""
    left = sorted(offers, key=lambda move: move.order)
    pressing = {move for move in left if _was_taken_back(move, resolutions.get(move.line))}
    left = [move for move in left if move not in pressing]
    is_gone = REGISTRIES.map(lambda move: _is_gone(move, world), left)
    pressing |= {move for move, gone in zip(left, is_gone, strict=True) if gone}
    left = [move for move in left if move not in pressing]
    assessed = assess(left, world.scanner, world.memory, SCANS, world.progress)
    pressing |= {move for move, evidence in assessed.evidence.items() if is_pressing(evidence)}
    return pressing, assessed.failed


def _offers(prospect: Prospect) -> Iterator[Transition]:
    """Yield, for each image of a request that waits, the move from what that proposes to what is wanted now."""
    if prospect.waiting is None:
        return
    proposed = _by_line(memory(prospect.waiting.body).targets)
    for move in {transition_of(update) for update in prospect.updates}:
        old = proposed.get(str(move.goal))
        if old is not None and old != move.new:
            yield Transition(move.goal, old, move.new, move.platform)


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
