"""No memory at all, so that nobody has to ask whether there is one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from bot.model.evidence import Scan, ScannerIdentity, Subject
from bot.model.history import LineEnd, Sighting
from bot.model.image import Claim, Kept
from bot.model.reference import Digest, Line


class NoMemory:
    """Implements `bot.ports.Memory` where no state is configured: every run is the first."""

    def sightings(self, lines: Collection[Line]) -> Mapping[Line, tuple[Sighting, ...]]:  # noqa: ARG002 - the seam's
        """Return none."""
        return {}

    def claims(self, lines: Collection[Line]) -> Mapping[Line, Claim]:  # noqa: ARG002 - the seam's signature
        """Return none."""
        return {}

    def saw(self, claims: Mapping[Line, Claim], at: datetime) -> None:
        """Forget it."""

    def manifests(self, digests: Collection[Digest]) -> Mapping[Digest, Kept]:  # noqa: ARG002 - the seam's
        """Return none."""
        return {}

    def keep(self, fetched: Iterable[Kept]) -> None:
        """Forget them."""

    def evidence(self, scanner: ScannerIdentity, subjects: Collection[Subject]) -> Mapping[Subject, Scan]:  # noqa: ARG002 - the seam's signature
        """Return none."""
        return {}

    def keep_evidence(self, scans: Mapping[Subject, Scan]) -> None:
        """Forget them."""


class NoEnds:
    """Implements `bot.ports.Ends` where no state is configured: an end is seen in the runs that look."""

    def known(self, lines: Collection[Line]) -> Mapping[Line, LineEnd]:  # noqa: ARG002 - the seam's signature
        """Return none."""
        return {}

    def looked(self, found: Mapping[Line, LineEnd | None], at: datetime) -> None:
        """Forget it."""
