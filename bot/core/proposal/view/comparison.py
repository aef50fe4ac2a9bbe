"""What a template sees of two images that somebody compares."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.core.evidence.compare import scanner_of
from bot.core.evidence.rollback import rollback
from bot.core.markdown import Plain, Text, first_of
from bot.core.notes import MAX_NOTE
from bot.core.proposal.view.contents import ContentsView, PackagesView, contents_view, packages_view
from bot.core.proposal.view.scans import DeltaView, ScanView, day, delta_view, scan_view
from bot.core.proposal.view.trust import SignatureView, signature_view
from bot.core.transition import short
from bot.model.advisory import Asked, Listing
from bot.model.comparison import ComparedImage, Comparison

VERSION = 1


@dataclass(frozen=True, slots=True)
class ComparedView:
    """One of the two images."""

    reference: Text
    """As it was named, without a digest."""
    short: Text
    """Twelve hexadecimal digits."""
    digest: Text
    platforms: tuple[Text | Plain, ...]
    """Of an index all of them; of very many the first, and how many more there are."""
    built: Text | None
    """The day it was built, as the image says."""
    signature: SignatureView | None
    """None where nobody is trusted to sign it."""
    scan: ScanView


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """Everything that a comparison is shown with."""

    version: int
    old: ComparedView
    new: ComparedView
    is_same: bool
    """Whether both names lead to one image."""
    platform: Text
    """On which both were scanned."""
    delta: DeltaView | None
    rollback: Text | None
    """Which packages are older in the newer image, and what that brings; None where none is, or nobody knows."""
    packages: PackagesView | None
    """None where nobody lists what is in both images."""
    contents: ContentsView | None
    """None where nobody could look into both images."""
    scanner: Text | None
    scanner_version: Text | None
    database: Text | None
    """The day the scanner's database was built."""
    exploited_list: Text | None
    """As in `ProposalView`, and so are the next two."""
    is_exploited_unknown: bool
    epss_list: Text | None
    failed: tuple[Text, ...]
    """What basebump could not do."""


def comparison_view(comparison: Comparison, rows: int) -> ComparisonView:
    """Return the view of one comparison; each list has at most `rows` rows."""
    evidence, scanner = comparison.evidence, scanner_of(comparison.evidence)
    asked, back = evidence.asked or Asked(), rollback(evidence)
    return ComparisonView(
        version=VERSION,
        old=_image(comparison.old, rows),
        new=_image(comparison.new, rows),
        is_same=comparison.is_same,
        platform=Text(comparison.platform),
        delta=delta_view(evidence.delta, evidence, rows) if evidence.delta is not None else None,
        rollback=Text(back, MAX_NOTE) if back else None,
        packages=packages_view(evidence.packages, rows) if evidence.packages is not None else None,
        contents=contents_view(evidence.contents, rows),
        scanner=Text(scanner.name) if scanner else None,
        scanner_version=Text(scanner.version) if scanner else None,
        database=day(scanner.database) if scanner else None,
        exploited_list=Text(f"{asked.exploited}") if asked.exploited else None,
        is_exploited_unknown=Listing.KEV in asked.unread,
        epss_list=Text(f"{asked.scores}") if asked.scores else None,
        failed=tuple(Text(f"{each.subject}: {each.error}", MAX_NOTE) for each in comparison.failed),
    )


def _image(image: ComparedImage, rows: int) -> ComparedView:
    return ComparedView(
        reference=Text(str(replace(image.reference, digest=None))),
        short=Text(short(image.facts.digest)),
        digest=Text(image.facts.digest),
        platforms=first_of(image.facts.platforms, rows),
        built=day(image.built),
        signature=signature_view(image.signature) if image.signature is not None else None,
        scan=scan_view(image.scan, image.contents, rows),
    )
