"""Reads Grype's JSON report (grype/presenter/models/document.go), from a report file or from basebump's own scan."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from bot.core.evidence.build_time import parse_build_time
from bot.core.evidence.finding_keys import get_canonical_ids, merge_findings
from bot.model.evidence import Finding, FixDate, NotScanned, SuppressedFinding, UnscannedReason
from bot.scanners._findings import MAX_NAME_LENGTH, deduplicate_suppressed, parse_severity, shorten_to_line
from bot.scanners._json import (
    ReportObject,
    UnreadableReportError,
    parse_object,
    parse_time,
    read_object,
    read_objects,
    read_text,
    read_texts,
)
from bot.scanners._reports._report_image import ReportImage, find_digests

TOOL = "grype"
SYSTEM_PACKAGES = frozenset({"alpm", "apk", "deb", "portage", "rpm"})
"""The types of packages that distributions provide. Grype looks them up in the data for the distribution's release."""
_ADVISORY = "advisory"
"""The kind of a date of a fix that is the day of an advisory."""
_END_OF_LIFE_ALERT = "distro-eol"
_ROLLING_DISTRIBUTIONS = frozenset({"arch", "archlinux", "chainguard", "echo", "minimos", "wolfi"})
_SOURCE_RPM = re.compile(r"(.+)-[^-]+-[^-]+\.src\.rpm")


def can_read(report: ReportObject) -> bool:
    """Return True if the document looks like a report from Grype."""
    return "matches" in report and "descriptor" in report


def parse_report(content: bytes) -> ReportImage:
    """Parse the output of `grype --output json`. Raises UnreadableReportError if the report cannot be read reliably."""
    report = parse_object(content)
    if not can_read(report):
        raise UnreadableReportError("the report is not a Grype report")
    return read_images(report)[0]


def read_images(report: ReportObject) -> tuple[ReportImage, ...]:
    """Return the image that the report is about, as a tuple with one item.

    Raises UnreadableReportError if the report cannot be read reliably.
    """
    descriptor, distro = read_object(report.get("descriptor")), read_object(report.get("distro"))
    target = read_object(report.get("source")).get("target")
    image = read_object(target) if isinstance(target, dict) else {}
    name, version = read_text(distro.get("name")), read_text(distro.get("version"))
    matches = read_objects(report.get("matches"))
    findings = merge_findings(finding for match in matches for finding in _read_findings(match))
    digest_texts = (read_text(image.get(key)) for key in ("userInput", "manifestDigest", "imageID"))
    platform = (read_text(image.get(key)) for key in ("os", "architecture", "variant"))
    created, label = _read_config(read_text(image.get("config")))
    return (
        ReportImage(
            tool=TOOL,
            tool_version=shorten_to_line(read_text(descriptor.get("version")), MAX_NAME_LENGTH),
            findings=findings,
            suppressed=deduplicate_suppressed(_read_suppressed(read_objects(report.get("ignoredMatches"))), findings),
            digests=find_digests((*digest_texts, *read_texts(image.get("repoDigests")))),
            platform="/".join(word for word in platform if word),
            system=f"{name} {version}".rstrip(),
            release=_get_data_release(name, version),
            has_release_data=name in _ROLLING_DISTRIBUTIONS or any(map(_is_system_match, matches)),
            not_scanned=_check_distribution(f"{name} {version}".rstrip(), read_objects(report.get("alertsByPackage"))),
            database_built=_read_database_time(read_object(descriptor.get("db"))),
            report_time=parse_time(descriptor.get("timestamp")),
            image_created=created,
            version_label=label,
        ),
    )


def _read_config(encoded: str) -> tuple[datetime | None, str | None]:
    """Return the build time of the image and the version in its label, from the image's config.

    `encoded` is the config in base64. A value is None if the config does not state it. Both values are None if the
    config cannot be read.
    """
    try:
        config = parse_object(base64.b64decode(encoded, validate=True))
        labels = read_object(read_object(config.get("config")).get("Labels"))
        label = read_text(labels.get("org.opencontainers.image.version"))
    except ValueError:
        return None, None
    return parse_build_time(config.get("created")), label[:MAX_NAME_LENGTH] or None


def _read_database_time(database_object: ReportObject) -> datetime | None:
    """Return the build time of Grype's database; None if the report does not state it.

    Grype 0.88 moved this field below the key `status`. Both positions are read.
    """
    return parse_time(read_object(database_object.get("status")).get("built")) or parse_time(
        database_object.get("built")
    )


def _get_data_release(name: str, version: str) -> str:
    """Return the release whose data Grype uses, such as `debian 12` for version `12.11` of `debian`."""
    parts = version.split(".")
    version_parts = (
        parts[:2] if name in {"alpine", "ubuntu", "opensuse-leap", "sles", "azurelinux", "mariner"} else parts[:1]
    )
    return f"{name} {'.'.join(version_parts)}".rstrip()


def _is_system_match(match: ReportObject) -> bool:
    artifact, namespace = read_object(match.get("artifact")), read_object(match.get("vulnerability")).get("namespace")
    return artifact.get("type") in SYSTEM_PACKAGES and not read_text(namespace).startswith("nvd")


def _check_distribution(system: str, alerts: list[ReportObject]) -> NotScanned | None:
    if not system:
        return NotScanned(UnscannedReason.OS_UNKNOWN)
    if any(
        alert.get("type") == _END_OF_LIFE_ALERT for package in alerts for alert in read_objects(package.get("alerts"))
    ):
        return NotScanned(UnscannedReason.END_OF_LIFE, system)
    return None


def _read_suppressed(ignored: Iterable[ReportObject]) -> Iterator[SuppressedFinding]:
    """Yield the findings that a VEX document or a rule about a vulnerability suppressed.

    Findings that Grype ignored because of another filter, such as the state of the fix, are left out.
    """
    for match in ignored:
        for rule in read_objects(match.get("appliedIgnoreRules")):
            status = read_text(rule.get("vex-status")).replace("_", " ")
            if status or read_text(rule.get("vulnerability")):
                reason = read_text(rule.get("vex-justification")).replace("_", " ") or read_text(rule.get("reason"))
                why = shorten_to_line(": ".join(word for word in (status or "ignored", reason) if word))
                by = "the report, by VEX" if status else "the report, by a rule"
                yield from (SuppressedFinding(finding, why, by) for finding in _read_findings(match))
                break


def _read_findings(match: ReportObject) -> Iterator[Finding]:
    vulnerability, artifact = read_object(match.get("vulnerability")), read_object(match.get("artifact"))
    vulnerability_id, package = read_text(vulnerability.get("id")), read_text(artifact.get("name"))
    if not vulnerability_id or not package:
        raise UnreadableReportError("the report has a match without an id or a package")
    fix = read_object(vulnerability.get("fix"))
    versions = read_texts(fix.get("versions"))
    suggested = {
        read_text(read_object(each.get("fix")).get("suggestedVersion"))
        for each in read_objects(match.get("matchDetails"))
    }
    related = (read_text(each.get("id")) for each in read_objects(match.get("relatedVulnerabilities")))
    package_type = read_text(artifact.get("type"))
    for identifier in get_canonical_ids(vulnerability_id, related):
        yield Finding(
            id=identifier,
            package=_get_source_package(artifact) if package_type in SYSTEM_PACKAGES else package,
            package_type=package_type,
            installed=read_text(artifact.get("version")),
            fixed_in=", ".join(versions) or None,
            severity=parse_severity(read_text(vulnerability.get("severity"))),
            title=shorten_to_line(read_text(vulnerability.get("description"))),
            fix_date=_find_fix_date(fix, suggested),
        )


def _find_fix_date(fix: ReportObject, suggested_versions: Collection[str]) -> FixDate | None:
    """Return the date of the advisory about a fix; None if the report does not state it.

    If several versions fix a vulnerability, the versions that Grype suggests for the package are used. If it suggests
    none, the first version is used. Days of other kinds are ignored: a commit is older than the release, and the first
    data about a fix are as old as Grype's database.
    """
    dates = {
        read_text(each.get("version")): day
        for each in read_objects(fix.get("available"))
        if read_text(each.get("kind")) == _ADVISORY
        and (day := parse_time(read_text(each.get("date"))[:10])) is not None
    }
    suggested_dates = (date for version, date in dates.items() if version in suggested_versions)
    return FixDate.from_advisory(min(suggested_dates, default=min(dates.values(), default=None)))


def _get_source_package(artifact: ReportObject) -> str:
    """Return the source package from which a package was built; the package itself if no source package is stated."""
    upstreams = read_objects(artifact.get("upstreams"))
    name = read_text(upstreams[0].get("name")) if upstreams else ""
    if artifact.get("type") == "rpm" and (match := _SOURCE_RPM.fullmatch(name)):
        name = match[1]
    return name or read_text(artifact.get("name"))
