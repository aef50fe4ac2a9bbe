"""What scanners say of images, and what moving from one to another changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Literal

from bot.model.advisory import Asked, Listing
from bot.model.contents import Contents, Package, PackageChange
from bot.model.reference import Digest, Line

if TYPE_CHECKING:  # a field names it, and nothing here makes one
    from bot.model.signature import Signatures


class Severity(IntEnum):
    """How bad a vulnerability is; the order is that of the numbers."""

    UNKNOWN = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        return self.name.lower()


Urgency = Severity | Literal[Listing.KEV]
"""What rules ask of a vulnerability: that it is so bad, or that it is known to be exploited."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One vulnerability in one package."""

    id: str
    """`CVE-2026-1234` where there is one, else what the scanner calls it."""
    package: str
    package_type: str
    """As the scanner names the ecosystem: `debian`, `alpine`, `npm`."""
    installed: str
    fixed_in: str | None
    severity: Severity
    title: str = ""
    platforms: tuple[str, ...] = ()
    """Of a comparison on several platforms those that have it; empty where all do."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A finding that somebody answers for: it is shown apart, and counted nowhere."""

    finding: Finding
    why: str
    """What they say of it, in a few words: `exempt`, `not affected: vulnerable code not present`."""
    by: str
    """Who says so, and where: `Microsoft Defender exemption`."""


class Unscanned(StrEnum):
    """Why there are no numbers. None of these is zero."""

    NO_SCANNER = "no-scanner"
    SCANNER_MISSING = "scanner-missing"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    OS_UNKNOWN = "os-unknown"
    OS_UNSUPPORTED = "os-unsupported"
    END_OF_LIFE = "end-of-life"
    DATABASE_STALE = "database-stale"
    NOT_RESCANNED = "not-rescanned"
    IMAGE_GONE = "image-gone"
    PLATFORM_MISSING = "platform-missing"
    DIFFERENT_DATABASE = "different-database"
    DATABASE_UNKNOWN = "database-unknown"
    NO_REPORT = "no-report"
    SBOM_ABSENT = "sbom-absent"
    NOT_SENT = "not-sent"
    WITHHELD = "withheld"

    @property
    def sentence(self) -> str:
        """The same in a sentence, for people."""
        return _SENTENCES[self]


_SENTENCES: dict[Unscanned, str] = {
    Unscanned.NO_SCANNER: "no scanner is configured or installed",
    Unscanned.SCANNER_MISSING: "the scanner that the config names is not installed",
    Unscanned.FAILED: "the scanner failed",
    Unscanned.TIMED_OUT: "the scanner ran out of time",
    Unscanned.OS_UNKNOWN: "the scanner did not recognise its operating system",
    Unscanned.OS_UNSUPPORTED: "the scanner's database knows nothing of its operating system's release",
    Unscanned.END_OF_LIFE: "its operating system is out of support, so nobody lists its vulnerabilities",
    Unscanned.DATABASE_STALE: "the scanner's database is too old",
    Unscanned.NOT_RESCANNED: "nothing shows that it was scanned lately",
    Unscanned.IMAGE_GONE: "the registry no longer has it",
    Unscanned.PLATFORM_MISSING: "it does not have the platform",
    Unscanned.DIFFERENT_DATABASE: "another scanner, or another state of its database, scanned the other image",
    Unscanned.DATABASE_UNKNOWN: "nothing says which database one of them was scanned with, so they are not compared",
    Unscanned.NO_REPORT: "no report is about it",
    Unscanned.SBOM_ABSENT: "it has no inventory of its packages (SBOM) that can be used",
    Unscanned.NOT_SENT: "the config does not let its packages be sent to the service that would know",
    Unscanned.WITHHELD: "what was found in it is private, and everybody can read this",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One image to scan: a digest of a repository on a platform."""

    line: Line
    digest: Digest
    platform: str


@dataclass(frozen=True, slots=True)
class ScannerIdentity:
    """Who scanned, with what knowledge. Two scans are comparable only when theirs are equal."""

    name: str
    version: str
    database: datetime | None
    """When the database was built; None where nobody says."""
    run: str | None = None
    """In which of somebody's runs, whose scans had all one database, though nobody says which; else None."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan that worked."""

    scanner: ScannerIdentity
    os: str
    """`debian 12.11`."""
    findings: tuple[Finding, ...]
    created: datetime | None = None
    """When the image was built, as its config says; None where that is missing or 1970."""
    version: str | None = None
    """What the label `org.opencontainers.image.version` in its config says."""
    packages: tuple[Package, ...] | None = None
    """What is in it; None where its scanner does not list that."""
    set_aside: tuple[SetAside, ...] = ()
    """What was found and is not among `findings`, since somebody answers for it."""


@dataclass(frozen=True, slots=True)
class NotScanned:
    """A scan that did not, which says nothing of the vulnerabilities of the image."""

    why: Unscanned
    detail: str = ""
    packages: tuple[Package, ...] | None = None
    """What is in it, where its scanner lists that though it knows no vulnerabilities of its release."""


ScanOutcome = Scan | NotScanned


@dataclass(frozen=True, slots=True)
class Delta:
    """What moving changes; counted by distinct vulnerability."""

    fixed: tuple[Finding, ...]
    """What the old image has and the new one has not; never what somebody merely answers for in the new one."""
    introduced: tuple[Finding, ...]
    """What counts in the new image and does not in the old one, where somebody may have answered for it."""
    remaining: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one transition."""

    old: ScanOutcome | None
    """None where the place held no digest, so there is nothing to compare with."""
    new: ScanOutcome
    delta: Delta | None
    """Only where old and new were scanned by the same scanner with the same database."""
    known_exploited: frozenset[str] | None = None
    """Ids of vulnerabilities of either image that are known to be exploited; None where nobody could be asked."""
    epss: Mapping[str, float] | None = None
    """How likely each of them is to be exploited, from 0 to 1, as far as it is scored; None as above."""
    asked: Asked | None = None
    """The lists that say so; None where none was asked."""
    signatures: Signatures | None = None
    """None where nobody is trusted to sign the image, so that nobody was asked."""
    packages: tuple[PackageChange, ...] | None = None
    """None where it is not known what is in both images."""
    contents: Contents | None = None
    """None where nobody looked."""
    by_platform: Mapping[str, Evidence] = field(default_factory=dict)
    """What this is the union of, where the images were scanned on several platforms."""
    is_private: bool = False
    """Whether what its scanner found must not be told where everybody can read it."""
