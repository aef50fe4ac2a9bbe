"""Two images beside each other, named by a person instead of found in a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bot.model.contents import ImageContents
from bot.model.evidence import Evidence, Scan, ScanOutcome
from bot.model.image import ImageFacts
from bot.model.reference import ImageReference
from bot.model.report import Failed

if TYPE_CHECKING:  # a field names it, and nothing here makes one
    from bot.model.signature import SignatureOutcome


@dataclass(frozen=True, slots=True)
class ComparedImage:
    """One of the two."""

    reference: ImageReference
    """As it was named."""
    facts: ImageFacts
    """Of the digest that it names, else of the one that its tag points to."""
    scan: ScanOutcome
    contents: ImageContents | None = None
    """None where nobody could look into it."""
    signature: SignatureOutcome | None = None
    """None where nobody is trusted to sign it, so that nobody was asked."""

    @property
    def built(self) -> datetime | None:
        """When the image of the compared platform was built, else what the registry has says of itself."""
        scanned = self.scan.created if isinstance(self.scan, Scan) else None
        inside = self.contents.created if self.contents is not None else None
        return scanned or inside or self.facts.created


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is known of moving from one image to the other."""

    old: ComparedImage
    new: ComparedImage
    platform: str
    """On which both were scanned."""
    evidence: Evidence
    failed: tuple[Failed, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether both names lead to one image."""
        return self.old.facts.digest == self.new.facts.digest
