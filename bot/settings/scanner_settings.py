"""The settings of each kind of scanner as frozen values; standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

DEFAULT_SCAN_TIMEOUT = timedelta(minutes=10)
"""Pulling and reading an image of several gigabytes takes minutes; a scan that takes longer hangs."""
OSV_API = "https://api.osv.dev"
DEFAULT_REPORT_PLATFORM = "linux/amd64"
"""The platform that scanners use unless one is given."""
DEFAULT_REPORT_AGE = timedelta(days=5)
"""The same as for the databases of scanners, which are built several times a day."""
DEFAULT_DEFENDER_AGE = timedelta(days=3)
"""Defender scans every day, and may be late."""


@dataclass(frozen=True, slots=True)
class AutoSettings:
    """The scanner kind `auto`: the first scanner that is available."""

    images: tuple[str, ...] = ()
    """Globs over canonical repositories, of which one must match; empty for all. The same for every other kind."""
    database: str | None = None
    """The reference of Trivy's database; None for Trivy's own choice."""
    timeout: timedelta = DEFAULT_SCAN_TIMEOUT
    """The limit for one image."""
    osv: str | None = OSV_API
    """The OSV API that is used if no scanner is installed; None to send no packages anywhere."""
    send: tuple[str, ...] = ()
    """Registries besides the well-known public ones whose images' packages may be sent there."""
    private: bool = False
    """Whether findings are kept out of public repositories. The same for every other kind."""


@dataclass(frozen=True, slots=True)
class TrivySettings:
    """The scanner kind `trivy`, which must be installed."""

    images: tuple[str, ...] = ()
    database: str | None = None
    """The reference of its database; None for Trivy's own choice."""
    binary: str | None = None
    """An absolute path, or a name to look up on PATH; None for the usual name."""
    timeout: timedelta = DEFAULT_SCAN_TIMEOUT
    """The limit for one image."""
    private: bool = False
    server: str | None = None
    """The URL of a Trivy server that has the database; None if the program has its own."""
    token_env: str | None = None
    """The environment variable with the token for the server."""


@dataclass(frozen=True, slots=True)
class GrypeSettings:
    """The scanner kind `grype`, which must be installed."""

    images: tuple[str, ...] = ()
    database: str | None = None
    """The URL of the document that says where its database is; None for Grype's own choice."""
    binary: str | None = None
    """An absolute path, or a name to look up on PATH; None for the usual name."""
    timeout: timedelta = DEFAULT_SCAN_TIMEOUT
    """The limit for one image."""
    private: bool = False


@dataclass(frozen=True, slots=True)
class OsvSettings:
    """The scanner kind `osv`: an API that is queried for the packages of an image's SBOM."""

    url: str
    """The URL of the API, without a slash at the end."""
    images: tuple[str, ...] = ()
    send: tuple[str, ...] = ()
    """Registries besides public ones whose images' packages may be sent to the API."""
    private: bool = False


@dataclass(frozen=True, slots=True)
class DefenderSettings:
    """The scanner kind `defender`: Microsoft Defender for Cloud."""

    images: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    """The IDs of subscriptions; empty for all that the identity may read."""
    max_age: timedelta = DEFAULT_DEFENDER_AGE
    pulled: bool = False
    """Whether the operator guarantees that the images are pulled every month."""
    private: bool = True


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """Settings of the scanner kind `report`, which reads reports that another pipeline has written."""

    path: Path
    """A report, or a folder of reports."""
    images: tuple[str, ...] = ()
    platform: str = DEFAULT_REPORT_PLATFORM
    """The platform of the images in reports that do not name one."""
    one_run: bool = False
    """Whether the operator guarantees one database for the reports of each folder."""
    max_age: timedelta = DEFAULT_REPORT_AGE
    private: bool = False


@dataclass(frozen=True, slots=True)
class NoScannerSettings:
    """The scanner kind `none`: the images are not scanned, so there are no findings to keep private."""

    images: tuple[str, ...] = ()
    private: bool = False


ScannerSettings = (
    AutoSettings | TrivySettings | GrypeSettings | OsvSettings | DefenderSettings | ReportSettings | NoScannerSettings
)
