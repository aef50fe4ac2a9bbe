"""Scanners that never scan an image. Their outcome is always NotScanned, and never an empty list of findings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bot.model.contents import InstalledPackage
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.model.evidence import NotScanned, ScanOutcome, ScanSubject, UnscannedReason
from bot.scanners._readiness import PREPARE_ACTION


class NoScanner:
    """The scanner for `kind: none`, also used if the config names no scanner and no installed scanner is found.

    Implements `bot.ports.Scanner`.
    """

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - the result is the same at every level
        """Report that no scanner is configured or installed."""
        hint = "so proposals state that there are no scans; to get scans, install Trivy or Grype, or set `kind: osv`"
        yield report_ok("no scanner", "find a scanner", f"{UnscannedReason.NO_SCANNER.sentence}, {hint}")

    def get_identity(self) -> None:
        """Return None, because this scanner never scans."""

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Do nothing, because this scanner never scans."""

    def match_packages(self, release: str, packages: Collection[InstalledPackage]) -> None:
        """Return None, because this scanner never scans."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:  # noqa: ARG002 - the signature of the port
        """Return NotScanned for every image."""
        return NotScanned(UnscannedReason.NO_SCANNER)


@dataclass(frozen=True, slots=True)
class MissingScanner:
    """The scanner that is used if the config names a scanner that is not installed. Implements `bot.ports.Scanner`.

    If the config requires this scanner for an image, the run fails, because basebump cannot do what the config
    requires.
    """

    program: str

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Report that the scanner is missing."""
        yield report_problem(self.program, PREPARE_ACTION, self._detail)

    def get_identity(self) -> None:
        """Return None, because this scanner never scans."""

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Do nothing, because this scanner never scans."""

    def match_packages(self, release: str, packages: Collection[InstalledPackage]) -> None:
        """Return None, because this scanner never scans."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:  # noqa: ARG002 - the signature of the port
        """Return NotScanned for every image."""
        return NotScanned(UnscannedReason.NO_SCANNER, self._detail, is_scanner_required=True)

    @property
    def _detail(self) -> str:
        return f"{self.program} is not on this machine; hint: install it, or set `kind: auto` to run without it"
