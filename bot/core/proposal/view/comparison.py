"""Template data for a comparison of two images by `basebump compare`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.core.evidence.compare import get_scanner
from bot.core.evidence.rollback import describe_rollback
from bot.core.markdown import Plain, Text, truncate_list
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.proposal.view.contents import ContentsView, PackagesView, build_contents_view, build_packages_view
from bot.core.proposal.view.scans import DeltaView, ScanView, build_delta_view, build_scan_view, format_day
from bot.core.proposal.view.trust import SignatureView, build_signature_view
from bot.core.transition import shorten_digest
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.comparison import ComparedImage, Comparison
from bot.model.evidence import Evidence

VERSION = 1


@dataclass(frozen=True, slots=True)
class ComparedImageView:
    """One of the two compared images."""

    reference: Text
    """The reference as the user wrote it, without a digest."""
    short: Text
    """The first twelve hexadecimal digits of the digest."""
    digest: Text
    platforms: tuple[Text | Plain, ...]
    """All platforms of an index. A long list is truncated and ends with the number of omitted platforms."""
    built: Plain | None
    """The day on which the image was built, according to the image."""
    signature: SignatureView | None
    """The signature of the image; None if no `trust` entry matches the image."""
    scan: ScanView


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """The comparison of two images."""

    version: int
    old: ComparedImageView
    new: ComparedImageView
    is_same: bool
    """True if both references point to the same image."""
    platform: Text
    """The platform for which both images were scanned."""
    delta: DeltaView | None
    rollback: Text | None
    """Packages that are older in the newer image, and the vulnerabilities that they introduce.

    None if there are no such packages, or if this is unknown.
    """
    packages: PackagesView | None
    """The package changes; None if the packages of either image are unknown."""
    contents: ContentsView | None
    """The changed contents; None if the contents of either image could not be fetched."""
    scanner: Plain | None
    scanner_version: Plain | None
    database: Plain | None
    """The day on which the database of the scanner was built."""
    exploited_list: Plain | None
    """The date of the list of exploited vulnerabilities; None if the list is not configured or could not be read."""
    is_exploited_list_old: bool
    """True if the list is so much older than the scanner's database that newer entries are missing."""
    is_exploited_unknown: bool
    """True if the list of exploited vulnerabilities is configured but could not be read."""
    epss_list: Plain | None
    """The date of the list of exploit probabilities (EPSS); None if the list was not read."""
    failed: tuple[Text, ...]
    """Failures that occurred while basebump compared the images."""


def build_comparison_view(comparison: Comparison, rows: int) -> ComparisonView:
    """Return the view of a comparison. Each list has at most `rows` rows."""
    evidence, scanner = comparison.evidence, get_scanner(comparison.evidence)
    list_versions, rollback = evidence.list_versions or ListVersions(), describe_rollback(evidence)
    return ComparisonView(
        version=VERSION,
        old=_build_image_view(comparison.old, evidence, rows),
        new=_build_image_view(comparison.new, evidence, rows),
        is_same=comparison.is_same,
        platform=Text(comparison.platform),
        delta=build_delta_view(evidence.delta, evidence, rows) if evidence.delta is not None else None,
        rollback=Text(rollback, MAX_NOTE_LENGTH) if rollback else None,
        packages=build_packages_view(evidence.package_changes, rows) if evidence.package_changes is not None else None,
        contents=build_contents_view(evidence.contents, rows),
        scanner=Plain(scanner.name) if scanner else None,
        scanner_version=Plain(scanner.version) if scanner else None,
        database=format_day(scanner.database) if scanner else None,
        exploited_list=Plain(f"{list_versions.kev_date}") if list_versions.kev_date else None,
        is_exploited_list_old=list_versions.is_kev_old(scanner.database if scanner else None),
        is_exploited_unknown=AdvisoryList.KEV in list_versions.unread_lists,
        epss_list=Plain(f"{list_versions.epss_date}") if list_versions.epss_date else None,
        failed=tuple(Text(f"{each.subject}: {each.error}", MAX_NOTE_LENGTH) for each in comparison.failed),
    )


def _build_image_view(image: ComparedImage, evidence: Evidence, rows: int) -> ComparedImageView:
    return ComparedImageView(
        reference=Text(str(replace(image.image, digest=None))),
        short=Text(shorten_digest(image.facts.digest)),
        digest=Text(image.facts.digest),
        platforms=truncate_list(image.facts.platforms, rows),
        built=format_day(image.built_at),
        signature=build_signature_view(image.signature) if image.signature is not None else None,
        scan=build_scan_view(image.scan, image.contents, rows, evidence),
    )
