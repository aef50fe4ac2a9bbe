"""No scanner at all, which is a thing to be said, not a clean bill of health."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bot.model.evidence import NotScanned, ScanOutcome, Subject, Unscanned


class NoScanner:
    """Nobody asked for a scan, or `auto` found nothing to scan with."""

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

    def identity(self) -> None:
        """Return nobody."""

    def expect(self, subjects: Collection[Subject]) -> None:
        """Do nothing yet: nobody scans."""

    def scan(self, subject: Subject) -> ScanOutcome:  # noqa: ARG002 - the seam's signature
        """Return NotScanned, whatever the image."""
        how = f"{self.program} is not on this machine: install it, or say `kind: auto` to go without"
        return NotScanned(Unscanned.SCANNER_MISSING, how)
