"""Reads the JSON of Aqua's scanner and server, which contains the date of Aqua's data, but no version of the tool."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.evidence.build_time import parse_build_time
from bot.core.evidence.finding_keys import get_canonical_ids, merge_findings
from bot.model.evidence import Finding, NotScanned, UnscannedReason
from bot.scanners._findings import parse_severity, shorten_to_line
from bot.scanners._json import (
    ReportObject,
    UnreadableReportError,
    parse_time,
    read_object,
    read_objects,
    read_text,
    read_texts,
)
from bot.scanners._reports._report_image import ReportImage, find_digests
from bot.scanners._trivy_buckets import get_bucket_name, is_rolling

TOOL = "aqua"


def can_read(report: ReportObject) -> bool:
    """Return True if the document looks like a report from Aqua."""
    return "resources" in report and "image" in report


def read_images(report: ReportObject) -> tuple[ReportImage, ...]:
    """Return the image that the report is about, as a tuple with one item.

    Raises UnreadableReportError if the report cannot be read reliably.
    """
    resources = read_objects(report.get("resources"))
    metadata = read_object(report.get("metadata"))
    family, release = read_text(report.get("os")), read_text(report.get("version"))
    system = f"{family} {release}".rstrip()
    digest_texts = (read_text(report.get("digest")), read_text(metadata.get("id")), read_text(report.get("image")))
    return (
        ReportImage(
            tool=TOOL,
            tool_version="",
            findings=merge_findings(finding for resource in resources for finding in _read_findings(resource)),
            digests=find_digests((*digest_texts, *read_texts(metadata.get("repo_digests")))),
            platform=_parse_platform(read_text(report.get("scanned_image_platform"))),
            system=system,
            release=get_bucket_name(family, release) or system,
            has_release_data=is_rolling(family) or any(map(_has_system_vulnerabilities, resources)),
            not_scanned=None if family else NotScanned(UnscannedReason.OS_UNKNOWN),
            database_built=parse_time(report.get("data_date")),
            report_time=parse_time(read_object(report.get("scan_started")).get("seconds")),
            image_created=parse_build_time(metadata.get("created")),
        ),
    )


def _parse_platform(platform: str) -> str:
    """Convert `architecture:variant:os:version` to `os/architecture[/variant]`. Any part of the text may be empty.

    Return an empty string if the operating system or the architecture is empty.
    """
    architecture, variant, system, *_ = (*platform.split(":"), "", "", "")
    return "/".join(word for word in (system, architecture, variant) if word) if system and architecture else ""


def _has_system_vulnerabilities(resource: ReportObject) -> bool:
    return bool(read_object(resource.get("resource")).get("format")) and bool(resource.get("vulnerabilities"))


def _read_findings(resource: ReportObject) -> Iterator[Finding]:
    package = read_object(resource.get("resource"))
    name = read_text(package.get("src_name")) or read_text(package.get("name")) or read_text(package.get("path"))
    for vulnerability in read_objects(resource.get("vulnerabilities")):
        vulnerability_id = read_text(vulnerability.get("name"))
        if not vulnerability_id or not name:
            raise UnreadableReportError("the report has a vulnerability without an id or a package")
        for identifier in get_canonical_ids(vulnerability_id):
            yield Finding(
                id=identifier,
                package=name,
                package_type=read_text(package.get("format")),
                installed=read_text(package.get("version")),
                fixed_in=read_text(vulnerability.get("fix_version")) or None,
                severity=parse_severity(read_text(vulnerability.get("aqua_severity"))),
                title=shorten_to_line(read_text(vulnerability.get("description"))),
            )
