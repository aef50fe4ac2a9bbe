"""The settings of each kind of scanner as frozen values; standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

DEFAULT_SCAN_TIMEOUT = timedelta(minutes=10)
"""Pulling and scanning an image of several gigabytes takes minutes. A scan that takes longer than this hangs."""
OSV_API = "https://api.osv.dev"
DEFAULT_REPORT_PLATFORM = "linux/amd64"
"""The platform that scanners use by default."""
DEFAULT_REPORT_AGE = timedelta(days=5)
"""The same limit as for the databases of scanners, which are built several times a day."""
DEFAULT_DEFENDER_AGE = timedelta(days=3)
"""Defender scans every day, but sometimes late."""


@dataclass(frozen=True, slots=True)
class AutoSettings:
    """The settings of the scanner kind `auto`, which uses the first scanner that is available."""

    images: tuple[str, ...] = ()
    """Globs for canonical repositories, one of which must match; empty for all images. All kinds have this field."""
    database: str | None = None
    """The image reference of Trivy's database; None for the database that Trivy uses by default."""
    timeout: timedelta = DEFAULT_SCAN_TIMEOUT
    """The time limit for scanning one image."""
    osv: str | None = OSV_API
    """The URL of the OSV API that is used if no scanner is installed; None if packages must not be sent anywhere."""
    send: tuple[str, ...] = ()
    """Registries, in addition to the well-known public ones, whose images' packages may be sent to the OSV API."""
    private: bool = False
    """Whether findings are left out of proposals in public repositories. All kinds have this field."""


@dataclass(frozen=True, slots=True)
class TrivySettings:
    """The settings of the scanner kind `trivy`. Trivy must be installed."""

    images: tuple[str, ...] = ()
    database: str | None = None
    """The image reference of the database; None for the database that Trivy uses by default."""
    binary: str | None = None
    """The absolute path of the program, or a name to look up on PATH; None for the usual name."""
    timeout: timedelta = DEFAULT_SCAN_TIMEOUT
    """The time limit for scanning one image."""
    private: bool = False
    server: str | None = None
    """The URL of a Trivy server that has the database; None if the installed Trivy uses its own database."""
    token_env: str | None = None
    """The environment variable with the token for the server; None if the server needs no token."""


@dataclass(frozen=True, slots=True)
class GrypeSettings:
    """The settings of the scanner kind `grype`. Grype must be installed."""

    images: tuple[str, ...] = ()
    database: str | None = None
    """The URL of the document that names the current database; None for the URL that Grype uses by default."""
    binary: str | None = None
    """The absolute path of the program, or a name to look up on PATH; None for the usual name."""
    timeout: timedelta = DEFAULT_SCAN_TIMEOUT
    """The time limit for scanning one image."""
    private: bool = False


@dataclass(frozen=True, slots=True)
class OsvSettings:
    """The settings of the scanner kind `osv`, which queries an API for the packages of an image's SBOM."""

    url: str
    """The URL of the API, without a slash at the end."""
    images: tuple[str, ...] = ()
    send: tuple[str, ...] = ()
    """Registries, in addition to the well-known public ones, whose images' packages may be sent to the API."""
    private: bool = False


@dataclass(frozen=True, slots=True)
class DefenderSettings:
    """The settings of the scanner kind `defender`, which reads results of Microsoft Defender for Cloud."""

    images: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    """The IDs of the subscriptions to read; empty for all that the identity may read."""
    max_age: timedelta = DEFAULT_DEFENDER_AGE
    pulled: bool = False
    """Whether the operator guarantees that the images are pulled every month."""
    private: bool = True


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The settings of the scanner kind `report`, which reads reports that the user's own pipeline created."""

    path: Path
    """A report, or a folder of reports."""
    images: tuple[str, ...] = ()
    platform: str = DEFAULT_REPORT_PLATFORM
    """The platform of the images in reports that do not name one."""
    one_run: bool = False
    """Whether the operator guarantees that all reports in a folder are based on the same database."""
    max_age: timedelta = DEFAULT_REPORT_AGE
    private: bool = False


@dataclass(frozen=True, slots=True)
class NoScannerSettings:
    """The settings of the scanner kind `none`, with which images are not scanned.

    The field `private` keeps findings out of public proposals. It has no effect here, because there are no findings.
    """

    images: tuple[str, ...] = ()
    private: bool = False


ScannerSettings = (
    AutoSettings | TrivySettings | GrypeSettings | OsvSettings | DefenderSettings | ReportSettings | NoScannerSettings
)
