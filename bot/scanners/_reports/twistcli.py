"""Reads the JSON that `twistcli images scan --output-file` of Prisma Cloud (formerly Twistlock) writes.

https://docs.prismacloud.io/en/compute-edition/30/admin-guide/tools/twistcli-scan-images. It has no version of the tool.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.core.evidence.canonical import canonical_ids, merged
from bot.model.evidence import Finding, NotScanned, UnscannedReason
from bot.scanners._findings import line, severity_of
from bot.scanners._json import Object, UnreadableReportError, items, moment, objects, text
from bot.scanners._reports._said import Said, digests_in

TOOL = "twistcli"
_FIXED = re.compile(r"fixed in (.+)", re.DOTALL)


def is_one(report: Object) -> bool:
    """Return True if the document looks like a report of twistcli."""
    results = report.get("results")
    return isinstance(results, list) and all(isinstance(each, dict) and "distro" in each for each in results)


def read(report: Object) -> tuple[Said, ...]:
    """Read the images of a report. Raises UnreadableReportError."""
    return tuple(_result(result) for result in objects(report.get("results")))


def _result(result: Object) -> Said:
    vulnerabilities = objects(result.get("vulnerabilities"))
    packages = objects(result.get("packages"))
    types = {(text(each.get("name")), text(each.get("version"))): text(each.get("type")) for each in packages}
    distro = line(text(result.get("distro")))
    named = (text(result.get(key)) for key in ("id", "digest", "name"))
    findings = merged(finding for each in vulnerabilities for finding in _findings(each, types))
    return Said(
        tool=TOOL,
        version="",
        findings=findings,
        digests=digests_in((*named, *map(str, items(result.get("repoDigests"))))),
        system=distro,
        release=text(result.get("distroRelease")) or distro,
        shows_release=any(finding.package_type == "os" for finding in findings),
        flaw=None if distro else NotScanned(UnscannedReason.OS_UNKNOWN),
        made=moment(result.get("scanTime")),
    )


def _findings(vulnerability: Object, types: dict[tuple[str, str], str]) -> Iterator[Finding]:
    given, package = text(vulnerability.get("id")), text(vulnerability.get("packageName"))
    if not given or not package:
        raise UnreadableReportError("the report has a vulnerability without an id or a package")
    installed, status = text(vulnerability.get("packageVersion")), _FIXED.match(text(vulnerability.get("status")))
    for identifier in canonical_ids(given):
        yield Finding(
            id=identifier,
            package=package,
            package_type=types.get((package, installed), ""),
            installed=installed,
            fixed_in=line(status[1]) if status else None,
            severity=severity_of(text(vulnerability.get("severity"))),
            title=line(text(vulnerability.get("description"))),
        )
