"""The results of scanners, and the differences between the scans of two images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Literal, Self

from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.ci import FleetOutcome
from bot.model.contents import InstalledPackage, PackageChange, TransitionContents
from bot.model.image_name import Digest, TagRef

if TYPE_CHECKING:  # only annotations need these imports
    from bot.model.signature import TransitionSignatures
    from bot.model.workload import RunningUse


class Severity(IntEnum):
    """The severity of a vulnerability. A higher number is more severe."""

    UNKNOWN = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        return self.name.lower()


Urgency = Severity | Literal[AdvisoryList.KEV]
"""The vulnerabilities to which a rule applies: those of a severity, or those that are known to be exploited."""


class FixDateOrigin(StrEnum):
    """The origin of the date of a fix."""

    ADVISORY = "advisory"
    """The advisory that released the fix states the date."""
    FIRST_SEEN = "first-seen"
    """The first database in which basebump saw the fix."""
    AT_LEAST = "at-least"
    """The fix already existed when basebump first compared the package with a database, so it may be older."""


@dataclass(frozen=True, slots=True)
class FixDate:
    """The time since which a fix is published."""

    at: datetime
    origin: FixDateOrigin

    @classmethod
    def from_advisory(cls, at: datetime | None) -> FixDate | None:
        """Return the date that an advisory states; None if it states none."""
        return cls(at, FixDateOrigin.ADVISORY) if at is not None else None


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One vulnerability in one package."""

    id: str
    """The CVE id, such as `CVE-2026-1234`. If the vulnerability has no CVE id, the id that the scanner uses."""
    package: str
    package_type: str
    """The scanner's name of the ecosystem, such as `debian`, `alpine` or `npm`."""
    installed: str
    fixed_in: str | None
    """The version that fixes the vulnerability; None if no version does."""
    severity: Severity
    title: str = ""
    platforms: tuple[str, ...] = ()
    """The platforms that have the finding; empty if all compared platforms have it."""
    fix_date: FixDate | None = field(default=None, compare=False)
    """The time since which the fix is published; None if it is unknown, or if there is no fix. A scanner states only
    dates of advisories. The other dates come from the state.

    Findings are compared and sorted without it, because it is a property of the fix, and is often unknown."""

    @property
    def fix_published_at(self) -> datetime | None:
        """The date of the advisory that released the fix; None if no advisory states it."""
        return self.fix_date.at if self.fix_date and self.fix_date.origin is FixDateOrigin.ADVISORY else None


@dataclass(frozen=True, slots=True)
class SuppressedFinding:
    """A finding that needs no attention, for example because a VEX statement says so.

    Reports list such findings separately, and never count them.
    """

    finding: Finding
    reason: str
    """The reason in a few words, such as `exempt` or `not affected: vulnerable code not present`."""
    author: str
    """The author or the source of the statement, such as `Microsoft Defender exemption`."""


@dataclass(frozen=True, slots=True)
class UnscannedFacts:
    """The word, sentence and flags of one `UnscannedReason`."""

    word: str
    sentence: str
    is_lasting: bool = False
    """True if the reason depends only on the image and on the scanner's database."""
    is_temporary: bool = False
    """True if the reason may no longer apply in the next run, so that a proposal waits for a scan."""
    is_failure: bool = False
    """True if the scanner itself failed. The other reasons are results of a scan."""


class UnscannedReason(StrEnum):
    """The reason that it is unknown which vulnerabilities an image has.

    Each reason is declared once, with its facts.
    """

    _value_: str
    facts: UnscannedFacts

    def __new__(cls, facts: UnscannedFacts) -> Self:
        reason = str.__new__(cls, facts.word)
        reason._value_ = facts.word
        reason.facts = facts
        return reason

    NO_SCANNER = UnscannedFacts("no-scanner", "no scanner is configured or installed")
    FAILED = UnscannedFacts("failed", "the scanner failed", is_temporary=True, is_failure=True)
    TIMED_OUT = UnscannedFacts("timed-out", "the scanner ran out of time", is_temporary=True, is_failure=True)
    OS_UNKNOWN = UnscannedFacts(
        "os-unknown", "the scanner did not recognise the operating system of the image", is_lasting=True
    )
    OS_UNSUPPORTED = UnscannedFacts(
        "os-unsupported",
        "the scanner's database does not cover the release of the image's operating system",
        is_lasting=True,
    )
    END_OF_LIFE = UnscannedFacts(
        "end-of-life",
        "the operating system of the image is past its end of life, so no database covers it",
        is_lasting=True,
    )
    DATABASE_STALE = UnscannedFacts("database-stale", "the scanner's database is too old", is_temporary=True)
    NOT_RESCANNED = UnscannedFacts("not-rescanned", "no scan of the image is recent enough")
    IMAGE_GONE = UnscannedFacts("image-gone", "the registry no longer has the image")
    PLATFORM_MISSING = UnscannedFacts("platform-missing", "the image does not have the platform", is_lasting=True)
    DIFFERENT_DATABASE = UnscannedFacts(
        "different-database",
        "it is not certain that the same scanner scanned both images with the same database",
        is_temporary=True,
    )
    NO_REPORT = UnscannedFacts(
        "no-report", "there is no report about the image, and no inventory of its packages (SBOM)"
    )
    NOT_SENT = UnscannedFacts(
        "not-sent", "the config does not allow sending the packages of the image to the scanning service"
    )
    WITHHELD = UnscannedFacts("withheld", "the findings are private, and everyone can read the proposal")

    @property
    def sentence(self) -> str:
        """The reason as a sentence, without a capital letter at its start and without a full stop."""
        return self.facts.sentence


@dataclass(frozen=True, slots=True)
class ScanSubject:
    """One platform of an image, as the input of a scanner."""

    tag_ref: TagRef
    digest: Digest
    platform: str


@dataclass(frozen=True, slots=True)
class ScannerIdentity:
    """A scanner, its version, and its database. Scans are comparable only if all three are the same."""

    name: str
    version: str
    database: datetime | None
    """Build time of the database; None if it is unknown."""
    run: str | None = None
    """Id of an external scan run whose scans all used the same database of unknown version; None for other scans."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The result of a successful scan."""

    scanner: ScannerIdentity
    os: str
    """Name and version of the operating system, such as `debian 12.11`."""
    findings: tuple[Finding, ...]
    created: datetime | None = None
    """Build time of the image according to its config; None if it is missing or in 1970."""
    version: str | None = None
    """The image's label `org.opencontainers.image.version`; None if the image does not have it."""
    packages: tuple[InstalledPackage, ...] | None = None
    """Installed packages; None if the scanner does not list them."""
    suppressed: tuple[SuppressedFinding, ...] = ()
    """Findings that a statement suppresses. They are not in `findings`."""
    release: str | None = None
    """The release of the distribution whose data was used, as `Scanner.match_packages` takes it; None if the packages
    cannot be matched without the image."""
    findings_by_package: Mapping[InstalledPackage, tuple[Finding, ...]] | None = field(
        default=None, compare=False, repr=False
    )
    """The findings of each package, before duplicates of a source package were merged; None if they are unknown. Only
    the state needs them, so they are dropped when the scan was stored."""


@dataclass(frozen=True, slots=True)
class StoredPackages:
    """What the state contains about a scanned image besides its findings. Matching it with a database gives a scan."""

    release: str
    os: str
    packages: tuple[InstalledPackage, ...]
    created: datetime | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class NotScanned:
    """The result of a scan that did not succeed, so that the vulnerabilities of the image are unknown."""

    reason: UnscannedReason
    detail: str = ""
    packages: tuple[InstalledPackage, ...] | None = None
    """Installed packages; None if the scanner did not list them. A scanner may list packages for an operating system
    for which it has no vulnerability data."""
    is_scanner_required: bool = False
    """True if the config names the scanner that is missing (`no-scanner`)."""
    is_database_unknown: bool = False
    """True if a scanner never states its database (`different-database`)."""

    @property
    def is_expected(self) -> bool:
        """True if no scanner is configured or installed for the image, and the config does not require one."""
        return self.reason is UnscannedReason.NO_SCANNER and not self.is_scanner_required

    @property
    def is_failure(self) -> bool:
        """True if the scanner itself failed, or if the config names a scanner that is missing."""
        return self.reason.facts.is_failure or self.is_scanner_required

    @property
    def is_temporary(self) -> bool:
        """True if the next run may scan or compare the image, so that a proposal waits for it."""
        return self.is_scanner_required or (self.reason.facts.is_temporary and not self.is_database_unknown)


ScanOutcome = Scan | NotScanned


@dataclass(frozen=True, slots=True)
class VulnerabilityDelta:
    """The differences between the findings of two scans. Each distinct vulnerability is counted once."""

    fixed: tuple[Finding, ...]
    """Findings of the old image that the new image does not have. Findings that are suppressed in the new image are not
    counted as fixed."""
    introduced: tuple[Finding, ...]
    """Findings that count in the new image but not in the old image. They may be suppressed in the old image."""
    remaining: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The data that basebump collected about one transition."""

    old: ScanOutcome | None
    """None if the file contains no digest, so that there is no old image to compare with."""
    new: ScanOutcome
    delta: VulnerabilityDelta | None
    """None unless the same scanner scanned the old and the new image with the same database."""
    exploited_ids: frozenset[str] | None = None
    """Ids of vulnerabilities in either image that are known to be exploited; None if the list was not read."""
    epss_scores: Mapping[str, float] | None = None
    """The probability (0 to 1) that each vulnerability is exploited; None if the list was not read."""
    list_versions: ListVersions | None = None
    """The dates of the public lists that were used; None if no list is configured."""
    signatures: TransitionSignatures | None = None
    """None if no signature was looked up, because no entry of `trust` matches the image."""
    package_changes: tuple[PackageChange, ...] | None = None
    """Differences between the packages of both images; None if the packages of an image are unknown."""
    contents: TransitionContents | None = None
    """None if the contents were not inspected."""
    by_platform: Mapping[str, Evidence] = field(default_factory=dict)
    """The evidence for each platform if the images were scanned on several platforms. The other fields combine it."""
    is_private: bool = False
    """True if the findings must not be shown where everyone can read them."""
    fleet_outcome: FleetOutcome | None = None
    """The outcome of CI on the fleet's pull requests for the new digest; None without such pull requests or without a
    state. The outcome changes with every pull request, so it is not a part of the fingerprint of a proposal.
    """
    running: tuple[RunningUse, ...] | None = None
    """Where the image, and own images that were built on it, run; None if the config lists no clusters, or if some
    readers of the proposal are not allowed to know it. Pods come and go, so this is not a part of the fingerprint of a
    proposal.
    """
