"""The entries of `scanners` in the config file: one class for each kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from bot.model.config_types import addresses, names, texts, times
from bot.model.config_types.markers import Example, Flag, NonEmptyList, OneOrMore
from bot.model.errors import ConfigProblem
from bot.settings.entries import Entry, Problems
from bot.settings.paths import ConfigPath, Program

DEFAULT_SCAN_TIMEOUT = timedelta(minutes=10)
"""The time after which a scan counts as hanging. Pulling and scanning an image of several gigabytes takes minutes."""
OSV_API = "https://api.osv.dev"
DEFAULT_REPORT_PLATFORM = "linux/amd64"
"""The platform that scanners use by default."""
DEFAULT_REPORT_AGE = timedelta(days=5)
"""The default maximum age of a report, which equals the limit for databases of scanners.

These are built several times a day.
"""
DEFAULT_DEFENDER_AGE = timedelta(days=3)
"""The default maximum age of an assessment. Defender scans every day, but sometimes late."""
_SERVER = "Trivy with a Trivy server."


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerMatchSection:
    """The images to which an entry applies."""

    image: Annotated[OneOrMore[texts.ImageGlob], Example("docker.io/**")] = ()
    """Globs for the canonical repository, such as `docker.io/library/*`. At least one glob must match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoScannerEntry:
    """The config entry for the first available scanner.

    basebump uses Trivy if it is installed, otherwise Grype if it is installed, and otherwise an OSV API. basebump sends
    the packages of images to the OSV API.
    """

    kind: Literal["auto"] = "auto"
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all images that no earlier entry matches."""
    database: Annotated[texts.DatabaseReference | None, Example("registry.example.com/trivy-db:2")] = None
    """The image reference of Trivy's vulnerability database, such as `registry.example.com/trivy-db:2`. Default: the
    database that Trivy uses by default.
    """
    timeout: times.PositiveDuration = DEFAULT_SCAN_TIMEOUT
    """The time limit for scanning one image."""
    osv: addresses.OptionalServiceUrl = OSV_API
    """The URL of the OSV API to use if neither Trivy nor Grype is installed, without `/v1`. With `none`, no packages
    are sent anywhere.
    """
    send: Annotated[NonEmptyList[addresses.Host], Example(["registry.example.com"])] = ()
    """Registries, in addition to the well-known public ones, whose images' packages may be sent to the OSV API.
    Default: none.
    """
    private: Flag = False
    """Whether the scanner's findings are left out of proposals in public repositories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivyScannerEntry:
    """The config entry for the scanner Trivy. Trivy must be installed."""

    kind: Literal["trivy"] = "trivy"
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all images that no earlier entry matches."""
    database: Annotated[texts.DatabaseReference | None, Example("registry.example.com/trivy-db:2")] = None
    """The image reference of the vulnerability database, such as `registry.example.com/trivy-db:2`. Default: the
    database that Trivy uses by default.
    """
    binary: Annotated[Program | None, Example("trivy")] = None
    """The program: a name to look up on PATH, or a path relative to this config file. Default: the scanner's usual
    name.
    """
    timeout: times.PositiveDuration = DEFAULT_SCAN_TIMEOUT
    """The time limit for scanning one image."""
    server: Annotated[addresses.TrivyServerUrl | None, Example("http://trivy.security:4954", _SERVER)] = None
    """The URL of a Trivy server, such as `http://trivy.security:4954`, which then provides the database. Default: no
    server is used.
    """
    token_env: Annotated[names.VariableName | None, Example("TRIVY_TOKEN", _SERVER)] = None
    """The name of the environment variable that holds the token for the server. Default: no token is sent."""
    private: Flag = False
    """Whether the scanner's findings are left out of proposals in public repositories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrypeScannerEntry:
    """The config entry for the scanner Grype. Grype must be installed."""

    kind: Literal["grype"] = "grype"
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all images that no earlier entry matches."""
    database: Annotated[addresses.DownloadUrl | None, Example("https://mirror.example.com/grype/v6/latest.json")] = None
    """The URL of the document that names the current database, such as `.../v6/latest.json`. Default: the URL that
    Grype uses by default.
    """
    binary: Annotated[Program | None, Example("grype")] = None
    """The program: a name to look up on PATH, or a path relative to this config file. Default: the scanner's usual
    name.
    """
    timeout: times.PositiveDuration = DEFAULT_SCAN_TIMEOUT
    """The time limit for scanning one image."""
    private: Flag = False
    """Whether the scanner's findings are left out of proposals in public repositories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OsvScannerEntry:
    """The config entry for an OSV API as a scanner.

    basebump queries the API for the packages in the SBOM that is attached to an image.
    """

    kind: Literal["osv"] = "osv"
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all images that no earlier entry matches."""
    url: Annotated[addresses.ServiceUrl, Example(OSV_API)]
    """The URL of the API without `/v1`, such as `https://api.osv.dev`."""
    send: Annotated[NonEmptyList[addresses.Host], Example(["registry.example.com"])] = ()
    """Registries, in addition to the well-known public ones, whose images' packages may be sent to the OSV API.
    Default: none.
    """
    private: Flag = False
    """Whether the scanner's findings are left out of proposals in public repositories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefenderScannerEntry:
    """The config entry for Microsoft Defender for Cloud as a scanner.

    Defender scans Azure registries on its own, and basebump only reads the results. basebump logs in with Microsoft
    Entra.
    """

    kind: Literal["defender"] = "defender"
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all images that no earlier entry matches."""
    subscriptions: Annotated[NonEmptyList[names.SubscriptionId], Example(["4385cf00-2d3a-425a-832f-f4285b1c9dce"])] = ()
    """The IDs of the subscriptions to read. Default: all subscriptions that the identity is allowed to read."""
    max_age: times.Age = DEFAULT_DEFENDER_AGE
    """The maximum age of an assessment that has a date."""
    pulled: Flag = False
    """Whether you guarantee that these images are pulled every month. Assessments without a date then count as recent.
    """
    private: Flag = True
    """Whether the scanner's findings are left out of proposals in public repositories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportScannerEntry:
    """The config entry for reports that your own pipeline creates with Trivy, Grype, twistcli or Aqua, or in SARIF.

    basebump assigns a report to an image by the image's digest.
    """

    kind: Literal["report"] = "report"
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all images that no earlier entry matches."""
    path: Annotated[ConfigPath, Example("reports")]
    """The report, or a folder whose `.json` and `.sarif` files are reports. The path is relative to this config file.
    """
    platform: texts.Platform = DEFAULT_REPORT_PLATFORM
    """The platform of images in reports that do not name a platform."""
    one_run: Flag = False
    """Whether you guarantee that all reports in a folder are based on the same database. This matters only for reports
    that do not name their database.
    """
    max_age: times.Age = DEFAULT_REPORT_AGE
    """The maximum age of a report. If the report contains the date of its database, this is also the maximum age of the
    database.
    """
    private: Flag = False
    """Whether the scanner's findings are left out of proposals in public repositories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoScannerEntry:
    """The config entry for images that are not scanned."""

    kind: Literal["none"] = "none"
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images that are not scanned. Default: all images that no earlier entry matches."""
    private: ClassVar[bool] = False


AnyScannerEntry = (
    AutoScannerEntry
    | TrivyScannerEntry
    | GrypeScannerEntry
    | OsvScannerEntry
    | DefenderScannerEntry
    | ReportScannerEntry
    | NoScannerEntry
)


def check_scanners(entries: Iterable[Entry[AnyScannerEntry]]) -> Problems:
    """Yield a problem for each key of a scanner that has no effect.

    `token_env` has no effect without `server`, and `database` has no effect together with `server`.
    """
    for entry in entries:
        match entry.value:
            case TrivyScannerEntry(server=None, token_env=str()):
                message = "has no effect without `server`; hint: set `server`, or remove `token_env`"
                yield ConfigProblem(f"{entry.where}.token_env", message)
            case TrivyScannerEntry(server=str(), database=str()):
                message = "has no effect with `server`: the server downloads its own database; hint: remove `database`"
                yield ConfigProblem(f"{entry.where}.database", message)
