"""The images that a vulnerability affects, and their uses, as the state knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.model.evidence import Finding
from bot.model.exposure import FixDate
from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey
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
    fix: FixDate | None
    """None if no version of the package fixes the vulnerability."""
    matched_at: datetime
    """The time of the last scan or match of the image."""
    is_private: bool = False
    """True if the finding must not be shown where everyone can read it."""


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
