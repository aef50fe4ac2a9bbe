"""No scanner at all, which is a thing to be said, not a clean bill of health."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bot.model.diagnosis import Aim, Check, ok, problem
from bot.model.evidence import NotScanned, ScanOutcome, Subject, Unscanned
from bot.scanners._examination import TRIED


class NoScanner:
    """Nobody asked for a scan, or `auto` found nothing to scan with."""

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level go without
        """Say that there is nobody."""
        without = "so that proposals have no numbers, and say so; `kind: auto` takes a Trivy or Grype that PATH finds"
        yield ok("nobody", "find a scanner", f"{Unscanned.NO_SCANNER.sentence}, {without}")

    def identity(self) -> None:
        """Return nobody."""

    def expect(self, subjects: Collection[Subject]) -> None:
        """Do nothing yet: nobody scans."""

    def scan(self, subject: Subject) -> ScanOutcome:  # noqa: ARG002 - the seam's signature
        """Return NotScanned, whatever the image."""
        return NotScanned(Unscanned.NO_SCANNER)


@dataclass(frozen=True, slots=True)
class MissingScanner:
    """The config names a scanner, and it is not here: basebump cannot do what it was asked to."""

    program: str

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Say that it is missing."""
        yield problem(self.program, TRIED, self._how)

    def identity(self) -> None:
        """Return nobody."""

    def expect(self, subjects: Collection[Subject]) -> None:
        """Do nothing yet: nobody scans."""

    def scan(self, subject: Subject) -> ScanOutcome:  # noqa: ARG002 - the seam's signature
        """Return NotScanned, whatever the image."""
        return NotScanned(Unscanned.SCANNER_MISSING, self._how)

    @property
    def _how(self) -> str:
        return f"{self.program} is not on this machine: install it, or say `kind: auto` to go without"
