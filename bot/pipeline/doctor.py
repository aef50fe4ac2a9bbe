"""Tries everything that a run will need, one part of the config after the other, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.model.diagnosis import Aim, Area, Check, Diagnosis, problem
from bot.model.errors import BasebumpError, ConfigError
from bot.ports import Examined, Progress


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that the config names."""

    area: Area
    subject: str
    """What messages call it as long as it says nothing itself."""
    ready: Callable[[], Iterable[Examined]]
    """Makes ready what is to be tried of it. Raises BasebumpError where that cannot be: its secret is missing."""


def diagnose(parts: Sequence[Part], aim: Aim, progress: Progress) -> Diagnosis:
    """Try every part for runs that aim at this; one that breaks is a problem, and the rest is tried all the same."""
    progress.phase("Trying", len(parts))
    checks: list[tuple[Area, Check]] = []
    for part in parts:
        checks += [(part.area, check) for check in dict.fromkeys(_tried(part, aim))]
        progress.step()
    progress.done()
    return Diagnosis(aim.level, tuple(checks))


def _tried(part: Part, aim: Aim) -> Iterator[Check]:
    try:
        for each in part.ready():
            yield from each.examine(aim)
    except BasebumpError as error:
        yield problem(part.subject, "try it", _said(error))


def _said(error: BasebumpError) -> str:
    """Return the text of an error on one line."""
    return "; ".join(map(str, error.problems)) if isinstance(error, ConfigError) else str(error)
