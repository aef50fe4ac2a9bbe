"""Reads the JSON of Aqua's scanner and server, which has the date of its data, but no version of the tool."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.evidence.build_time import build_time
from bot.core.evidence.canonical import canonical_ids, merged
from bot.model.evidence import Finding, NotScanned, UnscannedReason
from bot.scanners._findings import line, severity_of
from bot.scanners._json import Object, UnreadableReportError, mapping, moment, objects, text, texts
from bot.scanners._reports._said import Said, digests_in
from bot.scanners._trivyreleases import bucket_of, is_rolling

TOOL = "aqua"


def is_one(report: Object) -> bool:
    """Return True if the document looks like a report of Aqua."""
    return "resources" in report and "image" in report


def read(report: Object) -> tuple[Said, ...]:
    """Read the image of a report. Raises UnreadableReportError."""
    resources = objects(report.get("resources"))
    metadata = mapping(report.get("metadata"))
    family, release = text(report.get("os")), text(report.get("version"))
    system = f"{family} {release}".rstrip()
    named = (text(report.get("digest")), text(metadata.get("id")), text(report.get("image")))
    return (
        Said(
            tool=TOOL,
            version="",
            findings=merged(finding for resource in resources for finding in _findings(resource)),
            digests=digests_in((*named, *texts(metadata.get("repo_digests")))),
            platform=_platform(text(report.get("scanned_image_platform"))),
            system=system,
            release=bucket_of(family, release) or system,
            shows_release=is_rolling(family) or any(map(_is_of_system, resources)),
            flaw=None if family else NotScanned(UnscannedReason.OS_UNKNOWN),
            database=moment(report.get("data_date")),
            made=moment(mapping(report.get("scan_started")).get("seconds")),
            created=build_time(metadata.get("created")),
        ),
    )


def _platform(written: str) -> str:
    """Parse a platform in the form `architecture:variant:os:version`, of which any part may be empty."""
    architecture, variant, system, *_ = (*written.split(":"), "", "", "")
    return "/".join(word for word in (system, architecture, variant) if word) if system and architecture else ""


def _is_of_system(resource: Object) -> bool:
    return bool(mapping(resource.get("resource")).get("format")) and bool(resource.get("vulnerabilities"))


def _findings(resource: Object) -> Iterator[Finding]:
    package = mapping(resource.get("resource"))
    name = text(package.get("src_name")) or text(package.get("name")) or text(package.get("path"))
    for vulnerability in objects(resource.get("vulnerabilities")):
        given = text(vulnerability.get("name"))
        if not given or not name:
            raise UnreadableReportError("the report has a vulnerability without an id or a package")
        for identifier in canonical_ids(given):
            yield Finding(
                id=identifier,
                package=name,
                package_type=text(package.get("format")),
                installed=text(package.get("version")),
                fixed_in=text(vulnerability.get("fix_version")) or None,
                severity=severity_of(text(vulnerability.get("aqua_severity"))),
                title=line(text(vulnerability.get("description"))),
            )
