"""Ends: which lines are over, as this run finds, or as an earlier one found that looked at them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from bot.core.choice.endings import end_of
from bot.model.errors import RegistryError, StateError
from bot.model.history import LineEnd
from bot.model.hosts import announces_ends
from bot.model.image import Resolution, Resolved
from bot.model.reference import Digest, Line
from bot.model.report import Failed
from bot.model.vocabulary import Reason, Stage
from bot.pipeline.follow import Shelves
from bot.pipeline.resolve import Sources
from bot.pipeline.troubles import STATE
from bot.ports import Ends, RegistryFacts


@dataclass(frozen=True, slots=True)
class Ended:
    """Which lines are over."""

    ends: Mapping[Line, LineEnd]
    failed: tuple[Failed, ...]


def find_ends(
    shelves: Shelves,
    resolutions: Mapping[Line, Resolution],
    known: Mapping[Line, LineEnd],
    sources: Sources,
    now: datetime,
) -> Ended:
    """Look at the lines whose turn it is, and remember it for the runs that do not; `known` is what earlier ones found.

    What was found stands until somebody looks again where it was found, or the line moves: tags and publishers are
    asked in their turns, and who does not answer does not take back what he said.
    """
    pointed = {line: found.digest for line, found in resolutions.items() if isinstance(found, Resolved)}
    announced = dict(_announced(shelves.watched, pointed, sources.facts))
    ends: dict[Line, LineEnd] = {}
    news: dict[Line, LineEnd | None] = {}
    for line, digest in pointed.items():
        before = known.get(line)
        found = end_of(digest, shelves.endings.get(line), announced.get(line), now.date())
        is_announced = before is not None and before.reason is Reason.END_OF_LIFE
        was_asked = line in announced if is_announced else line in shelves.endings
        if before is not None and before.digest == digest and not was_asked and (found is None or is_announced):
            found = before
        elif found is not None or before is not None:
            news[line] = found
        if found is not None:
            ends[line] = found
    return Ended(ends, tuple(_remember(sources.ends, news, now)))


def _announced(
    watched: Iterable[Line], pointed: Mapping[Line, Digest], facts: RegistryFacts
) -> Iterator[tuple[Line, date | None]]:
    """Yield what publishers announce; it is a hint, so that nobody minds where it cannot be had."""
    for line in watched:
        if line in pointed and announces_ends(line.host):
            with suppress(RegistryError):
                yield line, facts.end_of_life(line, pointed[line])


def _remember(ends: Ends, news: Mapping[Line, LineEnd | None], now: datetime) -> Iterator[Failed]:
    try:
        ends.looked(news, now)
    except StateError as error:
        yield Failed(STATE, Stage.RESOLVE, str(error))
