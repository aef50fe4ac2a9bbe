"""Reads Trivy's JSON report (pkg/types/report.go, schema 2) from a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.model.evidence import NotScanned, SuppressedFinding, UnscannedReason
from bot.scanners._findings import MAX_WORD, line, not_counted
from bot.scanners._json import Object, mapping, moment, objects, text, texts
from bot.scanners._reports._said import Said, digests_in
from bot.scanners._trivyreleases import bucket_of, is_rolling
from bot.scanners._trivyreport import TrivyReport, findings_of, read_report

TOOL = "trivy"


def is_one(report: Object) -> bool:
    """Return True if the document looks like a report of Trivy."""
    return "SchemaVersion" in report and "ArtifactName" in report


def read(report: Object) -> tuple[Said, ...]:
    """Read the image of a report. Raises UnreadableReportError."""
    found = read_report(report)
    metadata, tool = mapping(report.get("Metadata")), mapping(report.get("Trivy"))
    server = mapping(tool.get("Server"))
    named = (text(report.get("ArtifactName")), text(metadata.get("ImageID")), *texts(metadata.get("RepoDigests")))
    system = found.system
    release = bucket_of(system.family, system.release, extended=system.extended) if system else None
    of_system = [result for result in objects(report.get("Results")) if result.get("Class") == "os-pkgs"]
    return (
        Said(
            tool=TOOL,
            version=line(text(tool.get("Version")) or text(server.get("Version")), MAX_WORD),
            findings=found.findings,
            set_aside=not_counted(_aside(objects(report.get("Results"))), found.findings),
            digests=digests_in(named),
            platform=found.platform,
            system=str(system) if system else "",
            release=release or "",
            shows_release=any(result.get("Vulnerabilities") for result in of_system)
            or (system is not None and is_rolling(system.family)),
            flaw=_flaw(found, release, has_system=bool(of_system)),
            database=moment(mapping(server.get("VulnerabilityDB")).get("UpdatedAt")),
            made=moment(report.get("CreatedAt")),
            created=found.created,
            label=found.version,
            packages=found.packages,
        ),
    )


def _aside(results: Iterable[Object]) -> Iterator[SuppressedFinding]:
    """Yield the findings that an ignore file or VEX suppressed (pkg/types/finding.go).

    Trivy lists them with `--show-suppressed`.
    """
    for result in results:
        for modified in objects(result.get("ExperimentalModifiedFindings")):
            if modified.get("Type") == "vulnerability":
                words = (text(modified.get("Status")).replace("_", " "), text(modified.get("Statement")))
                by = line(f"the report, by {text(modified.get('Source'))}")
                for finding in findings_of({**result, "Vulnerabilities": [modified.get("Finding")]}):
                    yield SuppressedFinding(finding, line(": ".join(word for word in words if word)), by)


def _flaw(report: TrivyReport, release: str | None, *, has_system: bool) -> NotScanned | None:
    system = report.system
    if system is None:
        return NotScanned(UnscannedReason.OS_UNKNOWN)
    if system.end_of_life:
        return NotScanned(UnscannedReason.END_OF_LIFE, str(system))
    if release is None:
        return NotScanned(UnscannedReason.OS_UNSUPPORTED, str(system))
    if not has_system:
        return NotScanned(UnscannedReason.OS_UNKNOWN, f"{system}, but the report does not cover its packages")
    return None
