"""Scanners that never scan. Their outcome is always NotScanned, never an empty list of findings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bot.model.diagnosis import Aim, Check, ok, problem
from bot.model.evidence import NotScanned, ScanOutcome, Subject, Unscanned
from bot.scanners._examination import TRIED


class NoScanner:
    """Implements `bot.ports.Scanner` if no scan is configured, or `auto` found no scanner."""

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level go without
        """Report that no scanner is configured or installed."""
        without = "so that proposals have no numbers, and say so; `kind: auto` takes a Trivy or Grype that PATH finds"
        yield ok("nobody", "find a scanner", f"{Unscanned.NO_SCANNER.sentence}, {without}")

    def identity(self) -> None:
        """Return None, since nothing scans."""

    def expect(self, subjects: Collection[Subject]) -> None:
        """Do nothing, since nothing scans."""

    def scan(self, subject: Subject) -> ScanOutcome:  # noqa: ARG002 - the seam's signature
        """Return NotScanned, whatever the image."""
        return NotScanned(Unscanned.NO_SCANNER)


@dataclass(frozen=True, slots=True)
class MissingScanner:
    """Implements `bot.ports.Scanner` for a scanner that the config names and that is not installed.

    A run fails with it, since basebump cannot do what the config asks for.
    """

    program: str

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Report that the scanner is missing."""
        yield problem(self.program, TRIED, self._how)

    def identity(self) -> None:
        """Return None, since nothing scans."""

    def expect(self, subjects: Collection[Subject]) -> None:
        """Do nothing, since nothing scans."""

    def scan(self, subject: Subject) -> ScanOutcome:  # noqa: ARG002 - the seam's signature
        """Return NotScanned, whatever the image."""
        return NotScanned(Unscanned.SCANNER_MISSING, self._how)

    @property
    def _how(self) -> str:
        return f"{self.program} is not on this machine; hint: install it, or set `kind: auto` to run without it"
