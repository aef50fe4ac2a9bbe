"""Scanners that never scan. Their outcome is always NotScanned, never an empty list of findings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.model.evidence import NotScanned, ScanOutcome, ScanSubject, UnscannedReason
from bot.scanners._readiness import PREPARE_ACTION


class NoScanner:
    """Implements `bot.ports.Scanner` if no scan is configured, or `auto` found no scanner."""

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level go without
        """Report that no scanner is configured or installed."""
        hint = "so that proposals have no numbers, and say so; `kind: auto` takes a Trivy or Grype that PATH finds"
        yield report_ok("nobody", "find a scanner", f"{UnscannedReason.NO_SCANNER.sentence}, {hint}")

    def get_identity(self) -> None:
        """Return None, since nothing scans."""

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Do nothing, since nothing scans."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:  # noqa: ARG002 - the seam's signature
        """Return NotScanned, whatever the image."""
        return NotScanned(UnscannedReason.NO_SCANNER)


@dataclass(frozen=True, slots=True)
class MissingScanner:
    """Implements `bot.ports.Scanner` for a scanner that the config names and that is not installed.

    A run fails with it, since basebump cannot do what the config asks for.
    """

    program: str

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Report that the scanner is missing."""
        yield report_problem(self.program, PREPARE_ACTION, self._detail)

    def get_identity(self) -> None:
        """Return None, since nothing scans."""

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Do nothing, since nothing scans."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:  # noqa: ARG002 - the seam's signature
        """Return NotScanned, whatever the image."""
        return NotScanned(UnscannedReason.SCANNER_MISSING, self._detail)

    @property
    def _detail(self) -> str:
        return f"{self.program} is not on this machine; hint: install it, or set `kind: auto` to run without it"
