"""The entries of `scanners` in the config file: one class for each kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, StrictBool
from pydantic import Tag as Variant

from bot.settings import address_fields, fields, name_fields, scanner_settings, time_fields
from bot.settings.section import ConfigSection, NonEmptyList, OneOrMore, get_variant_by_kind


class ScannerMatchSection(ConfigSection):
    """Which images a scanner scans; all keys must match, and of a list at least one glob."""

    image: OneOrMore[fields.ImageGlob] | None = None
    """Globs over the canonical repository: `docker.io/library/*`."""


class AutoScannerEntry(ConfigSection):
    """Trivy if installed, else Grype if installed, else an OSV API, to which the packages of images are sent."""

    kind: Literal["auto"]
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all that no earlier entry matches."""
    database: fields.DatabaseReference | None = None
    """The reference of Trivy's vulnerability database: `registry.example.com/trivy-db:2`. Default: Trivy's own."""
    timeout: time_fields.PositiveDuration = scanner_settings.DEFAULT_SCAN_TIMEOUT
    """The time limit for scanning one image."""
    osv: address_fields.OptionalServiceUrl = scanner_settings.OSV_API
    """The OSV API that is used if neither is installed, without `/v1`; `none`: no packages are sent anywhere."""
    send: NonEmptyList[address_fields.Host] | None = None
    """Registries besides the well-known public ones whose images' packages may be sent there. Default: none."""
    private: StrictBool = False
    """Whether its findings are left out of proposals to repositories that everybody can read."""


class TrivyScannerEntry(ConfigSection):
    """Trivy, which must be installed."""

    kind: Literal["trivy"]
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all that no earlier entry matches."""
    database: fields.DatabaseReference | None = None
    """The reference of the vulnerability database: `registry.example.com/trivy-db:2`. Default: Trivy's own."""
    binary: fields.Text | None = None
    """The program: a name to look up on PATH, or a path relative to this file. Default: its usual name."""
    timeout: time_fields.PositiveDuration = scanner_settings.DEFAULT_SCAN_TIMEOUT
    """The time limit for scanning one image."""
    server: address_fields.TrivyServerUrl | None = None
    """The URL of a Trivy server, which then has the database: `http://trivy.security:4954`. Default: none."""
    token_env: name_fields.VariableName | None = None
    """The name of the environment variable that holds the token for the server. Default: none."""
    private: StrictBool = False
    """Whether its findings are left out of proposals to repositories that everybody can read."""


class GrypeScannerEntry(ConfigSection):
    """Grype, which must be installed."""

    kind: Literal["grype"]
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all that no earlier entry matches."""
    database: address_fields.DownloadUrl | None = None
    """The URL of the document that says where its database is: `.../v6/latest.json`. Default: Grype's own."""
    binary: fields.Text | None = None
    """The program: a name to look up on PATH, or a path relative to this file. Default: its usual name."""
    timeout: time_fields.PositiveDuration = scanner_settings.DEFAULT_SCAN_TIMEOUT
    """The time limit for scanning one image."""
    private: StrictBool = False
    """Whether its findings are left out of proposals to repositories that everybody can read."""


class OsvScannerEntry(ConfigSection):
    """An OSV API, queried for the packages in the SBOM that is attached to an image."""

    kind: Literal["osv"]
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all that no earlier entry matches."""
    url: address_fields.ServiceUrl
    """The URL of the API, without `/v1`: `https://api.osv.dev`."""
    send: NonEmptyList[address_fields.Host] | None = None
    """Registries besides the well-known public ones whose images' packages may be sent there. Default: none."""
    private: StrictBool = False
    """Whether its findings are left out of proposals to repositories that everybody can read."""


class DefenderScannerEntry(ConfigSection):
    """Microsoft Defender for Cloud, which scans Azure's registries by itself; the login is that of Microsoft Entra."""

    kind: Literal["defender"]
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all that no earlier entry matches."""
    subscriptions: NonEmptyList[name_fields.SubscriptionId] | None = None
    """The IDs of the subscriptions to read. Default: all that the identity may read."""
    max_age: time_fields.Age = scanner_settings.DEFAULT_DEFENDER_AGE
    """The maximum age of an assessment that has a date."""
    pulled: StrictBool = False
    """Whether you guarantee that these images are pulled every month; assessments without a date then count as new."""
    private: StrictBool = True
    """Whether its findings are left out of proposals to repositories that everybody can read."""


class ReportScannerEntry(ConfigSection):
    """Reports of your own pipeline, matched by digest: of Trivy, Grype, twistcli or Aqua, or in SARIF."""

    kind: Literal["report"]
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images to scan. Default: all that no earlier entry matches."""
    path: fields.Text
    """The report, or a folder whose `.json` and `.sarif` files are reports; relative to this file."""
    platform: fields.Platform = scanner_settings.DEFAULT_REPORT_PLATFORM
    """The platform of the images in reports that do not name one."""
    one_run: StrictBool = False
    """Whether you guarantee that the reports in a folder used one database, if they do not name theirs."""
    max_age: time_fields.Age = scanner_settings.DEFAULT_REPORT_AGE
    """The maximum age of a report, and of its database if the report has the date."""
    private: StrictBool = False
    """Whether its findings are left out of proposals to repositories that everybody can read."""


class NoScannerEntry(ConfigSection):
    """No scanner: these images are not scanned."""

    kind: Literal["none"]
    """The kind of scanner."""
    match: ScannerMatchSection = ScannerMatchSection()
    """The images that are not scanned. Default: all that no earlier entry matches."""


KINDS = ("auto", "trivy", "grype", "osv", "defender", "report", "none")


ScannerEntry = Annotated[
    Annotated[AutoScannerEntry, Variant("(auto)")]
    | Annotated[TrivyScannerEntry, Variant("(trivy)")]
    | Annotated[GrypeScannerEntry, Variant("(grype)")]
    | Annotated[OsvScannerEntry, Variant("(osv)")]
    | Annotated[DefenderScannerEntry, Variant("(defender)")]
    | Annotated[ReportScannerEntry, Variant("(report)")]
    | Annotated[NoScannerEntry, Variant("(none)")],
    Discriminator(get_variant_by_kind),
]
