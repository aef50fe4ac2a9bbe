"""No scanner at all, which is a thing to be said, not a clean bill of health."""

from __future__ import annotations

from bot.model.evidence import NotScanned, ScanOutcome, Subject, Unscanned


class NoScanner:
    """Answers every question with `no-scanner`."""

    def scan(self, subject: Subject) -> ScanOutcome:  # noqa: ARG002 - the seam's signature
        """Return NotScanned, whatever the image."""
        return NotScanned(Unscanned.NO_SCANNER)
