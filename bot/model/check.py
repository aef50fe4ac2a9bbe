"""The result of `basebump check`: the image references of a tree and their violations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only annotations need these imports, so they do not slow down the start
    from bot.model.report import Failed, Verdict
    from bot.model.source import Unsupported
    from bot.model.vocabulary import Breach, Fault


@dataclass(frozen=True, slots=True)
class Objection:
    """The reason why an image reference does not pass the check."""

    fault: Fault
    message: str
    """Names the image and the remedy, as the start of a sentence: `python:3.12 has no digest; … pins it`."""
    breach: Breach | None = None
    """The policy rule that is violated, if the kind is POLICY."""

    @property
    def word(self) -> str:
        """An identifier of the violation for tools: `gone`, `policy/signature`."""
        return f"{self.fault}/{self.breach}" if self.breach is not None else self.fault.value


@dataclass(frozen=True, slots=True)
class CheckedPlace:
    """One image reference that was checked."""

    verdict: Verdict
    objections: tuple[Objection, ...] = ()
    notes: tuple[str, ...] = ()
    """Facts that could not be determined, which is not a violation."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of one check of one tree."""

    root: str
    """The folder as the user named it."""
    is_offline: bool
    since: str | None
    """The revision if only lines that changed since were checked."""
    places: tuple[CheckedPlace, ...]
    unsupported: tuple[Unsupported, ...] = ()
    failed: tuple[Failed, ...] = ()

    @property
    def findings(self) -> Iterator[tuple[CheckedPlace, Objection]]:
        """All violations, each with its image reference."""
        return ((place, objection) for place in self.places for objection in place.objections)
