"""The exposure of a whole fleet on one day: the urgent vulnerabilities of all images in use, and where fixes exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model.evidence import FixDate, Severity
from bot.model.exposed_images import ExposureCoverage, ScanKey
from bot.model.exposure import FixPlace
from bot.model.image_name import Digest, TagRef


class ExposureClass(StrEnum):
    """The classes of urgent vulnerabilities, the most urgent one first. Each vulnerability has one class."""

    EXPLOITED = "exploited"
    CRITICAL = "critical"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """An urgent vulnerability of one platform of an image."""

    severity: Severity
    has_fix: bool
    """True if all affected packages of the image have a fix."""
    fix: FixDate | None
    """The latest date of the fixes of these packages; None if one has no fix."""
    title: str = ""
    is_of_distribution: bool = True
    """False if one of these packages is a library that does not belong to the image's distribution."""


@dataclass(frozen=True, slots=True)
class DigestUse:
    """The references to an image that have the same tag and the same owners; none if only containers use the image."""

    digest: Digest
    tag_ref: TagRef | None
    owners: tuple[str, ...]
    references: int


@dataclass(frozen=True, slots=True)
class FleetFindings:
    """The facts in the state from which the exposure of a fleet is summarised."""

    findings: Mapping[ScanKey, Mapping[str, StoredFinding]]
    """The urgent findings of each known image by the id of the vulnerability. An image without any has no findings."""
    uses: Sequence[DigestUse]
    running: Collection[Digest]
    """The digests that containers run."""
    newest: Mapping[TagRef, Digest]
    """The digest to which each tag in `uses` pointed at its last lookup."""
    coverage: ExposureCoverage
    distributions: Mapping[Digest, str] = field(default_factory=dict)
    """The name of the distribution in each known image, such as `debian`."""
    moved_at: Mapping[TagRef, datetime] = field(default_factory=dict)
    """The time at which basebump first saw that a tag points to its newest digest. Tags that were never seen to move
    are left out, because their digest may be older."""


@dataclass(frozen=True, slots=True)
class PublisherFix:
    """A fix that the publisher of an image took over: the first digest of a tag with the fix."""

    tag_ref: TagRef
    vulnerability: str
    distribution: str
    """The distribution that published the fix, such as `debian`; empty if the package does not belong to one."""
    fixed_at: datetime
    """The time since which the fix is published."""
    available_at: datetime
    """The time at which basebump first saw the digest."""
    is_private: bool


@dataclass(frozen=True, slots=True)
class PublisherLag:
    """How long the publisher of an image takes to build digests with the fixes of a distribution."""

    repository: str
    distribution: str
    """As in `PublisherFix`."""
    fixes: int
    """The number of fixes that digests contain."""
    median: timedelta | None
    """The median of the times from the publication of a fix to the first digest with it; None without such a fix."""
    percentile_90: timedelta | None
    waiting: int
    """The number of vulnerabilities whose fixes are in no digest of a tag in use."""
    oldest_waiting: datetime | None
    """The time since which the oldest of these fixes is published; None if no date is known."""


@dataclass(frozen=True, slots=True)
class WaitingImage:
    """An image in use that waits for its publisher: the newest digest of its tag lacks fixes that are published."""

    tag_ref: TagRef
    digest: Digest
    distribution: str
    """The distribution in the image, such as `debian`; empty if it is unknown."""
    exposure_class: ExposureClass
    """The class of the most urgent of the vulnerabilities."""
    vulnerabilities: int
    references: int
    owners: tuple[str, ...]
    """The owners of the references, according to CODEOWNERS, sorted."""
    oldest_fix: FixDate | None
    """None if no date is known."""


@dataclass(frozen=True, slots=True)
class ExposureFigures:
    """The images and references with vulnerabilities of one class whose fixes are in the same place."""

    exposure_class: ExposureClass
    fix: FixPlace | None
    """None if the newest digest of the tag was not scanned with the same database."""
    images: int
    """The number of distinct digests in use."""
    running_images: int
    """The number of these digests that containers run."""
    references: int
    oldest_fix: datetime | None
    """The time since which the oldest of the fixes is published; None if there is no fix, or if no date is known."""


@dataclass(frozen=True, slots=True)
class FixableImages:
    """The distinct images in use with vulnerabilities that have a fix."""

    images: int = 0
    running_images: int = 0
    """The number of these images that containers run."""
    in_update: int = 0
    """The number of images for which the newest digest of the tag contains at least one of the fixes."""
    waiting: int = 0
    """The number of images for which at least one of the fixes is in no digest of the tag."""


@dataclass(frozen=True, slots=True)
class OwnerExposure:
    """The references of one owner to images with vulnerabilities of one class that have a fix."""

    owner: str
    """The owner according to CODEOWNERS; empty for references without an owner."""
    exposure_class: ExposureClass
    references: int


@dataclass(frozen=True, slots=True)
class UrgentVulnerability:
    """A vulnerability of images in use that has a fix."""

    id: str
    title: str
    exposure_class: ExposureClass
    images: int
    references: int
    waiting_references: int
    """The number of references whose images lack the fix in every digest of their tag."""
    oldest_fix: datetime | None


@dataclass(frozen=True, slots=True)
class ExposureSummary:
    """The exposure of a fleet at one time."""

    at: datetime
    figures: tuple[ExposureFigures, ...]
    """The figures of each class and place of a fix. All combinations are present."""
    exploited: FixableImages
    """The images with exploited vulnerabilities that have a fix."""
    urgent: FixableImages
    """The images with exploited or critical vulnerabilities that have a fix."""
    owners: tuple[OwnerExposure, ...]
    """The owners with the most references first."""
    vulnerabilities: tuple[UrgentVulnerability, ...]
    """The most urgent vulnerabilities with a fix."""
    coverage: ExposureCoverage
    knows_exploited: bool
    """True if the list of exploited vulnerabilities was read. Otherwise, no vulnerability has the class EXPLOITED."""
    waiting: tuple[WaitingImage, ...] = ()
    """The images that wait for their publishers with an exploited or critical vulnerability, the most urgent ones
    first."""
    publishers: tuple[PublisherLag, ...] = ()
    """The publishers of the images in use, those with the most fixes first."""


@dataclass(frozen=True, slots=True)
class StoredSummary:
    """The summary of one day."""

    shared: ExposureSummary
    """The summary without private findings."""
    private: ExposureSummary | None
    """The summary with private findings; None if there are none."""
