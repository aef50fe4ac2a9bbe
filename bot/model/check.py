"""What a check of a tree found: which places do not pass, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # fields name these, and nothing here makes one: a start pays only for what it uses
    from bot.model.report import Failed, Verdict
    from bot.model.source import Unsupported
    from bot.model.vocabulary import Breach, Fault


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a place does not pass."""

    fault: Fault
    message: str
    """About its image and what to do, on the way to a sentence: `python:3.12 has no digest; … pins it`."""
    breach: Breach | None = None
    """Of POLICY: the rule that is broken."""

    @property
    def word(self) -> str:
        """The name of what is broken, for tools: `gone`, `policy/signature`."""
        return f"{self.fault}/{self.breach}" if self.breach is not None else self.fault.value


@dataclass(frozen=True, slots=True)
class CheckedPlace:
    """One place that was looked at."""

    verdict: Verdict
    objections: tuple[Objection, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be found out, and is no finding."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """One check of one tree."""

    root: str
    """The folder, as it was named."""
    is_offline: bool
    since: str | None
    """The revision, where only lines were looked at that changed since."""
    places: tuple[CheckedPlace, ...]
    unsupported: tuple[Unsupported, ...] = ()
    failed: tuple[Failed, ...] = ()

    @property
    def findings(self) -> Iterator[tuple[CheckedPlace, Objection]]:
        """Yield everything that does not pass, with its place."""
        return ((place, objection) for place in self.places for objection in place.objections)
