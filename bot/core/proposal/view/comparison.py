"""Template data for a comparison of two images by `basebump compare`."""

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
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.comparison import ComparedImage, Comparison

VERSION = 1


@dataclass(frozen=True, slots=True)
class ComparedView:
    """One of the two images."""

    reference: Text
    """The reference as given by the user, without a digest."""
    short: Text
    """Twelve hexadecimal digits."""
    digest: Text
    platforms: tuple[Text | Plain, ...]
    """All platforms of an index; a long list is cut and ends with the count of the others."""
    built: Text | None
    """The day of its build, according to the image."""
    signature: SignatureView | None
    """None if no `trust` entry matches the image."""
    scan: ScanView


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """The content of a comparison."""

    version: int
    old: ComparedView
    new: ComparedView
    is_same: bool
    """Whether both references lead to the same image."""
    platform: Text
    """The platform for which both were scanned."""
    delta: DeltaView | None
    rollback: Text | None
    """Packages that are older in the newer image, and the vulnerabilities that this adds; None if there are none or
    this is not known."""
    packages: PackagesView | None
    """None if the packages of either image are not known."""
    contents: ContentsView | None
    """None if the contents of either image could not be fetched."""
    scanner: Text | None
    scanner_version: Text | None
    database: Text | None
    """The day on which the scanner's database was built."""
    exploited_list: Text | None
    """As in `ProposalView`, like the next two."""
    is_exploited_unknown: bool
    epss_list: Text | None
    failed: tuple[Text, ...]
    """Operations of basebump that failed."""


def comparison_view(comparison: Comparison, rows: int) -> ComparisonView:
    """Return the view of one comparison; each list has at most `rows` rows."""
    evidence, scanner = comparison.evidence, scanner_of(comparison.evidence)
    asked, back = evidence.list_versions or ListVersions(), rollback(evidence)
    return ComparisonView(
        version=VERSION,
        old=_image(comparison.old, rows),
        new=_image(comparison.new, rows),
        is_same=comparison.is_same,
        platform=Text(comparison.platform),
        delta=delta_view(evidence.delta, evidence, rows) if evidence.delta is not None else None,
        rollback=Text(back, MAX_NOTE) if back else None,
        packages=packages_view(evidence.package_changes, rows) if evidence.package_changes is not None else None,
        contents=contents_view(evidence.contents, rows),
        scanner=Text(scanner.name) if scanner else None,
        scanner_version=Text(scanner.version) if scanner else None,
        database=day(scanner.database) if scanner else None,
        exploited_list=Text(f"{asked.kev_date}") if asked.kev_date else None,
        is_exploited_unknown=AdvisoryList.KEV in asked.unread_lists,
        epss_list=Text(f"{asked.epss_date}") if asked.epss_date else None,
        failed=tuple(Text(f"{each.subject}: {each.error}", MAX_NOTE) for each in comparison.failed),
    )


def _image(image: ComparedImage, rows: int) -> ComparedView:
    return ComparedView(
        reference=Text(str(replace(image.reference, digest=None))),
        short=Text(short(image.facts.digest)),
        digest=Text(image.facts.digest),
        platforms=first_of(image.facts.platforms, rows),
        built=day(image.built_at),
        signature=signature_view(image.signature) if image.signature is not None else None,
        scan=scan_view(image.scan, image.contents, rows),
    )
