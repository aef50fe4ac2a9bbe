"""Reads the JSON that `twistcli images scan --output-file` of Prisma Cloud (formerly Twistlock) writes.

https://docs.prismacloud.io/en/compute-edition/30/admin-guide/tools/twistcli-scan-images. The JSON does not contain the
version of the tool.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.core.evidence.finding_keys import get_canonical_ids, merge_findings
from bot.model.evidence import Finding, NotScanned, UnscannedReason
from bot.scanners._findings import parse_severity, shorten_to_line
from bot.scanners._json import ReportObject, UnreadableReportError, parse_time, read_list, read_objects, read_text
from bot.scanners._reports._report_image import ReportImage, find_digests

TOOL = "twistcli"
_FIXED = re.compile(r"fixed in (.+)", re.DOTALL)


def can_read(report: ReportObject) -> bool:
    """Return True if the document looks like a report from twistcli."""
    results = report.get("results")
    return isinstance(results, list) and all(isinstance(each, dict) and "distro" in each for each in results)


def read_images(report: ReportObject) -> tuple[ReportImage, ...]:
    """Return the images that the report is about.

    Raises UnreadableReportError if the report cannot be read reliably.
    """
    return tuple(_read_result(result) for result in read_objects(report.get("results")))


def _read_result(result: ReportObject) -> ReportImage:
    vulnerabilities = read_objects(result.get("vulnerabilities"))
    packages = read_objects(result.get("packages"))
    types = {
        (read_text(each.get("name")), read_text(each.get("version"))): read_text(each.get("type")) for each in packages
    }
    distro = shorten_to_line(read_text(result.get("distro")))
    digest_texts = (read_text(result.get(key)) for key in ("id", "digest", "name"))
    findings = merge_findings(finding for each in vulnerabilities for finding in _read_findings(each, types))
    return ReportImage(
        tool=TOOL,
        tool_version="",
        findings=findings,
        digests=find_digests((*digest_texts, *map(str, read_list(result.get("repoDigests"))))),
        system=distro,
        release=read_text(result.get("distroRelease")) or distro,
        has_release_data=any(finding.package_type == "os" for finding in findings),
        not_scanned=None if distro else NotScanned(UnscannedReason.OS_UNKNOWN),
        report_time=parse_time(result.get("scanTime")),
    )


def _read_findings(vulnerability: ReportObject, types: dict[tuple[str, str], str]) -> Iterator[Finding]:
    vulnerability_id, package = read_text(vulnerability.get("id")), read_text(vulnerability.get("packageName"))
    if not vulnerability_id or not package:
        raise UnreadableReportError("the report has a vulnerability without an id or a package")
    installed, fix_match = (
        read_text(vulnerability.get("packageVersion")),
        _FIXED.match(read_text(vulnerability.get("status"))),
    )
    for identifier in get_canonical_ids(vulnerability_id):
        yield Finding(
            id=identifier,
            package=package,
            package_type=types.get((package, installed), ""),
            installed=installed,
            fixed_in=shorten_to_line(fix_match[1]) if fix_match else None,
            severity=parse_severity(read_text(vulnerability.get("severity"))),
            title=shorten_to_line(read_text(vulnerability.get("description"))),
        )
