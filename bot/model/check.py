"""The result of `basebump check`: the image references of a tree and their violations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only annotations need these imports, so they do not slow down the start
    from bot.model.report import RunFailure, Verdict
    from bot.model.source import UnsupportedText
    from bot.model.vocabulary import ViolatedRule, ViolationKind


@dataclass(frozen=True, slots=True)
class Violation:
    """The reason that an image reference does not pass the check."""

    kind: ViolationKind
    message: str
    """The image and the remedy, written so that more text can follow: `python:3.12 has no digest; … pins it`."""
    violated_rule: ViolatedRule | None = None
    """The policy rule that is violated; None if the kind is not POLICY."""

    @property
    def code(self) -> str:
        """A stable identifier of the violation for tools, such as `gone` or `policy/signature`."""
        return f"{self.kind}/{self.violated_rule}" if self.violated_rule is not None else self.kind.value


@dataclass(frozen=True, slots=True)
class CheckedOccurrence:
    """One image reference that was checked."""

    verdict: Verdict
    violations: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about facts that could not be determined. Such a fact is not a violation."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of one check of one tree."""

    root: str
    """The folder as the user named it."""
    is_offline: bool
    since: str | None
    """The revision since which a line must have changed to be checked; None if all lines were checked."""
    occurrences: tuple[CheckedOccurrence, ...]
    unsupported: tuple[UnsupportedText, ...] = ()
    failed: tuple[RunFailure, ...] = ()

    @property
    def findings(self) -> Iterator[tuple[CheckedOccurrence, Violation]]:
        """All violations, each with its image reference."""
        return ((occurrence, violation) for occurrence in self.occurrences for violation in occurrence.violations)
