"""Reads Trivy's JSON report (pkg/types/report.go, schema 2) from a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.model.evidence import NotScanned, SuppressedFinding, UnscannedReason
from bot.scanners._findings import MAX_NAME_LENGTH, deduplicate_suppressed, shorten_to_line
from bot.scanners._json import ReportObject, parse_time, read_object, read_objects, read_text, read_texts
from bot.scanners._reports._report_image import ReportImage, find_digests
from bot.scanners._trivy_buckets import get_bucket_name, is_rolling
from bot.scanners._trivy_report import TrivyReport, read_findings, read_report

TOOL = "trivy"


def can_read(report: ReportObject) -> bool:
    """Return True if the document looks like a report from Trivy."""
    return "SchemaVersion" in report and "ArtifactName" in report


def read_images(report: ReportObject) -> tuple[ReportImage, ...]:
    """Return the image that the report is about, as a tuple with one item.

    Raises UnreadableReportError if the report cannot be read reliably.
    """
    trivy_report = read_report(report)
    metadata, tool = read_object(report.get("Metadata")), read_object(report.get("Trivy"))
    server = read_object(tool.get("Server"))
    digest_texts = (
        read_text(report.get("ArtifactName")),
        read_text(metadata.get("ImageID")),
        *read_texts(metadata.get("RepoDigests")),
    )
    system = trivy_report.system
    release = (
        get_bucket_name(system.family, system.release, has_extended_support=system.has_extended_support)
        if system
        else None
    )
    os_results = [result for result in read_objects(report.get("Results")) if result.get("Class") == "os-pkgs"]
    return (
        ReportImage(
            tool=TOOL,
            tool_version=shorten_to_line(
                read_text(tool.get("Version")) or read_text(server.get("Version")), MAX_NAME_LENGTH
            ),
            findings=trivy_report.findings,
            suppressed=deduplicate_suppressed(
                _read_suppressed(read_objects(report.get("Results"))), trivy_report.findings
            ),
            digests=find_digests(digest_texts),
            platform=trivy_report.platform,
            system=str(system) if system else "",
            release=release or "",
            has_release_data=any(result.get("Vulnerabilities") for result in os_results)
            or (system is not None and is_rolling(system.family)),
            not_scanned=_check_distribution(trivy_report, release, has_os_results=bool(os_results)),
            database_built=parse_time(read_object(server.get("VulnerabilityDB")).get("UpdatedAt")),
            report_time=parse_time(report.get("CreatedAt")),
            image_created=trivy_report.image_created,
            version_label=trivy_report.version_label,
            packages=trivy_report.packages,
        ),
    )


def _read_suppressed(results: Iterable[ReportObject]) -> Iterator[SuppressedFinding]:
    """Yield the findings that an ignore file or a VEX document suppressed (pkg/types/finding.go).

    Trivy lists these findings if it runs with `--show-suppressed`.
    """
    for result in results:
        for modified in read_objects(result.get("ExperimentalModifiedFindings")):
            if modified.get("Type") == "vulnerability":
                parts = (read_text(modified.get("Status")).replace("_", " "), read_text(modified.get("Statement")))
                by = shorten_to_line(f"the report, by {read_text(modified.get('Source'))}")
                for finding in read_findings({**result, "Vulnerabilities": [modified.get("Finding")]}):
                    yield SuppressedFinding(finding, shorten_to_line(": ".join(word for word in parts if word)), by)


def _check_distribution(report: TrivyReport, release: str | None, *, has_os_results: bool) -> NotScanned | None:
    system = report.system
    if system is None:
        return NotScanned(UnscannedReason.OS_UNKNOWN)
    if system.is_end_of_life:
        return NotScanned(UnscannedReason.END_OF_LIFE, str(system))
    if release is None:
        return NotScanned(UnscannedReason.OS_UNSUPPORTED, str(system))
    if not has_os_results:
        return NotScanned(
            UnscannedReason.OS_UNKNOWN, f"the report does not cover the packages of the operating system, {system}"
        )
    return None
