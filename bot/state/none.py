"""Stores that store nothing, for runs without a state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from bot.model.evidence import Scan, ScannerIdentity, Subject
from bot.model.history import LineEnd, Sighting
from bot.model.image import Claim, Kept
from bot.model.reference import Digest, Line


class NoMemory:
    """Implements `bot.ports.StateStore` for configs without `state`: every run is like the first."""

    def sightings(self, lines: Collection[Line]) -> Mapping[Line, tuple[Sighting, ...]]:  # noqa: ARG002 - the seam's
        """Return no observations."""
        return {}

    def claims(self, lines: Collection[Line]) -> Mapping[Line, Claim]:  # noqa: ARG002 - the seam's signature
        """Return no answers."""
        return {}

    def saw(self, claims: Mapping[Line, Claim], at: datetime) -> None:
        """Do nothing."""

    def manifests(self, digests: Collection[Digest]) -> Mapping[Digest, Kept]:  # noqa: ARG002 - the seam's
        """Return no manifests."""
        return {}

    def keep(self, fetched: Iterable[Kept]) -> None:
        """Do nothing."""

    def evidence(self, scanner: ScannerIdentity, subjects: Collection[Subject]) -> Mapping[Subject, Scan]:  # noqa: ARG002 - the seam's signature
        """Return no scans."""
        return {}

    def keep_evidence(self, scans: Mapping[Subject, Scan]) -> None:
        """Do nothing."""


class NoEnds:
    """Implements `bot.ports.SupersededStore` for configs without `state`: only runs that check a tag know its end."""

    def known(self, lines: Collection[Line]) -> Mapping[Line, LineEnd]:  # noqa: ARG002 - the seam's signature
        """Return no superseded tags."""
        return {}

    def looked(self, found: Mapping[Line, LineEnd | None], at: datetime) -> None:
        """Do nothing."""
