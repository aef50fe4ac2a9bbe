"""The comparison of two images that a user named on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bot.model.contents import ImageContents
from bot.model.evidence import Evidence, Scan, ScanOutcome
from bot.model.image import ImageFacts
from bot.model.image_name import ImageName
from bot.model.report import RunFailure

if TYPE_CHECKING:  # only an annotation needs this import
    from bot.model.signature import SignatureOutcome


@dataclass(frozen=True, slots=True)
class ComparedImage:
    """One of the two compared images."""

    image: ImageName
    """The name of the image as the user wrote it."""
    facts: ImageFacts
    """Facts about the digest in `image`. If it has no digest, facts about the digest that its tag points to."""
    scan: ScanOutcome
    contents: ImageContents | None = None
    """None if the contents could not be fetched."""
    signature: SignatureOutcome | None = None
    """The outcome of the signature check; None if no entry of `trust` matches the image."""

    @property
    def built_at(self) -> datetime | None:
        """The build time of the image for the compared platform.

        If this time is unknown, return the build time of the index or manifest that was fetched. Return None if neither
        time is known.
        """
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
        """True if both references identify the same digest."""
        return self.old.facts.digest == self.new.facts.digest
