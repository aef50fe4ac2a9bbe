"""The images that a vulnerability affects, and their uses, as the state knows them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.model.evidence import Finding, FixDate, ScannerIdentity
from bot.model.exposure import FixPlace
from bot.model.fleet_history import BranchRequest
from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey, StoredRequest
from bot.model.workload import Workload


@dataclass(frozen=True, slots=True)
class ExposureQuery:
    """The findings to list: those of a vulnerability, of a package, or of a vulnerability in a package."""

    vulnerability: str | None = None
    """The id in the state, such as `CVE-2026-1234`."""
    package: str | None = None
    """The name of a package or of its source package."""
    at: datetime | None = None
    """A time in the past; None for now."""


@dataclass(frozen=True, slots=True)
class ExposedImage:
    """A finding of one platform of an image."""

    digest: Digest
    platform: str
    scanner: str
    finding: Finding
    first_seen: datetime
    """The time of the first match that listed the vulnerability of a package of the image."""
    matched_at: datetime
    """The time of the last scan or match of the image."""
    is_private: bool = False
    """True if the finding must not be shown where everyone can read it."""
    database_built: datetime | None = None
    """The build time of the database with which the image was matched; None if it is unknown."""
    os: str = ""
    """The operating system in the image, such as `debian 12.7`."""

    @property
    def scan_key(self) -> ScanKey:
        return self.digest, self.platform, self.scanner, self.is_private, self.database_built


ScanKey = tuple[Digest, str, str, bool, datetime | None]
"""The digest and platform of an image, its scanner, whether its findings are private, and the build time of the
database."""


@dataclass(frozen=True, slots=True)
class ImageUse:
    """A reference to a digest in a file of a base branch."""

    digest: Digest
    key: BranchKey
    path: str
    line_number: int
    tag_ref: TagRef
    owners: tuple[str, ...]
    since: datetime | None
    """The time of the first visit that found the digest. If the reference is not pinned, that of the reference."""
    is_pinned: bool = True
    """False if the reference has no digest, and its tag pointed to the digest at its last lookup."""


@dataclass(frozen=True, slots=True)
class StoredScan:
    """The last scan or match of one platform of an image, without its findings."""

    platform: str
    scanner: ScannerIdentity
    is_private: bool
    release: str | None
    """The release with which its packages are matched; None if they cannot be matched without the image."""
    matched_at: datetime | None
    """The time of the last scan or match that succeeded; None if none did."""
    failed_at: datetime | None
    """The time at which the last scan failed; None if it succeeded."""
    reason: str | None = None
    """The `UnscannedReason` of the last scan; None if it succeeded."""


@dataclass(frozen=True, slots=True)
class ImageInUse:
    """An image that base branches or containers use, and its scans."""

    tag_ref: TagRef
    """One of the tags under which the image is used. An image without a tag has the tag `latest`."""
    digest: Digest
    scans: tuple[StoredScan, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerUse:
    """A container of a workload that runs a digest."""

    digest: Digest
    """The digest that was looked for. A pod may state the digest of the manifest of its platform instead."""
    workload: Workload
    container: str
    since: datetime
    """The time of the first reading of the cluster that found it."""


@dataclass(frozen=True, slots=True)
class ExposureCoverage:
    """The number of images in use whose vulnerabilities are known."""

    digests_in_use: int
    known_digests: int
    matched_at: datetime | None
    """The oldest of the times at which the known images were last matched; None if no image is known."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """The number of unknown digests by the `UnscannedReason` of the last scan. Digests that no run tried to scan are
    left out."""


@dataclass(frozen=True, slots=True)
class ExposureFacts:
    """The facts in the state from which the exposed images in use are determined."""

    exposed: Sequence[ExposedImage]
    uses: Sequence[ImageUse]
    containers: Sequence[ContainerUse]
    newest: Mapping[TagRef, Digest]
    """The digest to which each tag in `uses` pointed at its last lookup."""
    scans: Collection[ScanKey]
    """The last scans or matches of the images in `newest` that are not exposed."""
    requests: Sequence[BranchRequest]
    """The open pull requests that update images in `uses`."""


@dataclass(frozen=True, slots=True)
class ExposedUse:
    """A reference to an exposed image, and the open pull request that updates it."""

    use: ImageUse
    since: datetime
    """The time since which basebump knows of the vulnerability in this reference."""
    request: StoredRequest | None


@dataclass(frozen=True, slots=True)
class ExposedTag:
    """An exposed image in use, under one of its tags."""

    digest: Digest
    tag_ref: TagRef | None
    """The tag in the references; None if only containers use the image, and no file."""
    exposed: tuple[ExposedImage, ...]
    """The findings that match the query, on each platform of the image."""
    fix: FixPlace | None
    """The place of the fix; None if the newest digest of the tag is not known with the same database."""
    fix_date: FixDate | None
    newest: Digest | None
    """The digest to which the tag pointed at its last lookup; None if it is unknown."""
    uses: tuple[ExposedUse, ...]
    containers: tuple[ContainerUse, ...]
    """The containers that run the image. If the image has several tags, only the first tag lists them."""
