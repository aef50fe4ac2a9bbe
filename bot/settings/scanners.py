"""Scanners as people write them in the config file: one shape for each kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, StrictBool
from pydantic import Tag as Variant

from bot.settings import azure, fields, times, values
from bot.settings.section import OneOrMore, Section, SomeOf, variant_by_kind


class Scans(Section):
    """Which images a scanner is for; all keys must match, and for a list one of its globs."""

    image: OneOrMore[fields.ImageGlob] | None = None
    """Globs over the canonical repository: `docker.io/library/*`."""


class Auto(Section):
    """Whatever is there: Trivy where it is installed, then Grype, then an OSV API, which is told packages of images."""

    kind: Literal["auto"]
    """Which scanner this is."""
    match: Scans = Scans()
    """The images that it is for. Absent: all that no entry before it is for."""
    database: fields.Database | None = None
    """The reference of Trivy's vulnerability database: `registry.example.com/trivy-db:2`. Absent: Trivy's own."""
    timeout: times.PositiveDuration = values.DEFAULT_SCAN_TIMEOUT
    """How long the scan of one image may take."""
    osv: fields.ServiceOrNobody = values.OSV_API
    """Where the OSV API is that is asked where neither is installed, without `/v1`; `none`: nobody is told anything."""
    send: SomeOf[fields.Host] | None = None
    """Registries besides the well-known public ones whose images' packages may be sent there. Absent: none."""
    private: StrictBool = False
    """Whether what it finds is left out of proposals to repositories that everybody can read."""


class Trivy(Section):
    """Trivy, which must be there."""

    kind: Literal["trivy"]
    """Which scanner this is."""
    match: Scans = Scans()
    """The images that it is for. Absent: all that no entry before it is for."""
    database: fields.Database | None = None
    """The reference of the vulnerability database: `registry.example.com/trivy-db:2`. Absent: Trivy's own."""
    binary: fields.Text | None = None
    """The program: a name to be found on PATH, or a path relative to this file. Absent: its usual name."""
    timeout: times.PositiveDuration = values.DEFAULT_SCAN_TIMEOUT
    """How long the scan of one image may take."""
    server: fields.TrivyServer | None = None
    """The URL of a Trivy server, which then has the database: `http://trivy.security:4954`. Absent: none is asked."""
    token_env: fields.Variable | None = None
    """The environment variable with the token that the server asks for."""
    private: StrictBool = False
    """Whether what it finds is left out of proposals to repositories that everybody can read."""


class Grype(Section):
    """Grype, which must be there."""

    kind: Literal["grype"]
    """Which scanner this is."""
    match: Scans = Scans()
    """The images that it is for. Absent: all that no entry before it is for."""
    database: fields.Download | None = None
    """The URL of the document that says where its database is: `.../v6/latest.json`. Absent: Grype's own."""
    binary: fields.Text | None = None
    """The program: a name to be found on PATH, or a path relative to this file. Absent: its usual name."""
    timeout: times.PositiveDuration = values.DEFAULT_SCAN_TIMEOUT
    """How long the scan of one image may take."""
    private: StrictBool = False
    """Whether what it finds is left out of proposals to repositories that everybody can read."""


class Osv(Section):
    """An OSV API, asked about the packages in the inventory (SBOM) that is attached to an image."""

    kind: Literal["osv"]
    """Which scanner this is."""
    match: Scans = Scans()
    """The images that it is for. Absent: all that no entry before it is for."""
    url: fields.Service
    """Where the API is, without `/v1`: `https://api.osv.dev`."""
    send: SomeOf[fields.Host] | None = None
    """Registries besides the well-known public ones whose images' packages may be sent there. Absent: none."""
    private: StrictBool = False
    """Whether what it finds is left out of proposals to repositories that everybody can read."""


class Defender(Section):
    """Microsoft Defender for Cloud, which scans the registries of Azure by itself; Microsoft Entra logs in."""

    kind: Literal["defender"]
    """Which scanner this is."""
    match: Scans = Scans()
    """The images that it is for. Absent: all that no entry before it is for."""
    subscriptions: SomeOf[azure.Subscription] | None = None
    """The IDs of the subscriptions whose registries it looks into. Absent: all that the identity may read."""
    max_age: times.Age = values.DEFAULT_DEFENDER_AGE
    """How old an assessment may be that says when it was made."""
    pulled: StrictBool = False
    """Whether you vouch that these images are pulled every month, so that assessments without a date are of today."""
    private: StrictBool = True
    """Whether what it finds is left out of proposals to repositories that everybody can read."""


class Report(Section):
    """Reports that a pipeline of yours made, matched by digest: of Trivy, Grype, twistcli or Aqua, or in SARIF."""

    kind: Literal["report"]
    """Which scanner this is."""
    match: Scans = Scans()
    """The images that it is for. Absent: all that no entry before it is for."""
    path: fields.Text
    """The report, or a folder whose `.json` and `.sarif` files are reports; relative to this file."""
    platform: fields.Platform = values.DEFAULT_REPORT_PLATFORM
    """What the images of those reports are for that do not say."""
    one_run: StrictBool = False
    """Whether you vouch that the reports of one folder had one database, where they do not say which they had."""
    max_age: times.Age = values.DEFAULT_REPORT_AGE
    """How old a report may be, or the database that it was made with where it says so."""
    private: StrictBool = False
    """Whether what it finds is left out of proposals to repositories that everybody can read."""


class Nobody(Section):
    """No scanner: these images are not scanned."""

    kind: Literal["none"]
    """Which scanner this is."""
    match: Scans = Scans()
    """The images that it is for. Absent: all that no entry before it is for."""


KINDS = ("auto", "trivy", "grype", "osv", "defender", "report", "none")


Scanner = Annotated[
    Annotated[Auto, Variant("(auto)")]
    | Annotated[Trivy, Variant("(trivy)")]
    | Annotated[Grype, Variant("(grype)")]
    | Annotated[Osv, Variant("(osv)")]
    | Annotated[Defender, Variant("(defender)")]
    | Annotated[Report, Variant("(report)")]
    | Annotated[Nobody, Variant("(none)")],
    Discriminator(variant_by_kind),
]
