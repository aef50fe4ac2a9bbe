"""The comparison of two images that a user named on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bot.model.contents import ImageContents
from bot.model.evidence import Evidence, Scan, ScanOutcome
from bot.model.image import ImageFacts
from bot.model.reference import ImageReference
from bot.model.report import RunFailure

if TYPE_CHECKING:  # only an annotation needs this import
    from bot.model.signature import SignatureOutcome


@dataclass(frozen=True, slots=True)
class ComparedImage:
    """One of the two compared images."""

    reference: ImageReference
    """The reference as the user wrote it."""
    facts: ImageFacts
    """Facts of the digest in the reference, or of the digest that its tag points to if it has none."""
    scan: ScanOutcome
    contents: ImageContents | None = None
    """None if the contents could not be fetched."""
    signature: SignatureOutcome | None = None
    """None if no entry of `trust` matches the image, so that no signature was looked up."""

    @property
    def built_at(self) -> datetime | None:
        """Build time of the image for the compared platform, or of the fetched manifest if that is unknown."""
        scan_created = self.scan.created if isinstance(self.scan, Scan) else None
        config_created = self.contents.created if self.contents is not None else None
        return scan_created or config_created or self.facts.created


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between an old and a new image."""

    old: ComparedImage
    new: ComparedImage
    platform: str
    """The platform on which both images were scanned."""
    evidence: Evidence
    failed: tuple[RunFailure, ...] = ()

    @property
    def is_same(self) -> bool:
        """True if both references lead to the same digest."""
        return self.old.facts.digest == self.new.facts.digest
