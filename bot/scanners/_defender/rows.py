"""Parses the rows in which Microsoft Defender for Cloud describes container images. This module does no I/O.

Defender writes rows of two models:

- Grouped: one assessment for each image, and a row below it for each vulnerability
  (https://learn.microsoft.com/en-us/azure/defender-for-cloud/subassessment-rest-api).
- Individual, added in July 2026: one assessment for each update of a package in the image
  (https://learn.microsoft.com/en-us/azure/defender-for-cloud/transition-grouped-individual-recommendations).

The fields of both models have the same names, except for upper and lower case. This is not documented.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeGuard

from bot.core.evidence.finding_keys import FindingKey, get_canonical_ids, get_finding_key
from bot.model.evidence import Finding, Severity, SuppressedFinding
from bot.model.image_name import Digest, parse_sha256
from bot.scanners._cvss import classify_score
from bot.scanners._json import ReportObject, UnreadableReportError, parse_time

GROUPED_TYPE = "microsoft.security/assessments/subassessments"
INDIVIDUAL_TYPE = "microsoft.security/assessments"
IMAGE_KEYS = ("c0b7cfc6-3172-465a-b378-53c7ff2cc0d5", "33422d8f-ab1e-42be-bc9a-38685bb567b9")
"""The names of the assessments that cover all vulnerabilities of an image in one of Azure's registries."""
SYSTEM_PACKAGE_TYPE = "os"
"""The type of all packages of distributions. No more precise type is used, because only one of the models names the
distribution."""
_SEVERITIES = {each.word: each for each in Severity}
_EXEMPTION_AUTHOR, _POLICY_AUTHOR = "Microsoft Defender exemption", "Microsoft Defender"


class RowModel(StrEnum):
    """The model of a row: a row for each vulnerability (grouped) or for each update of a package (individual)."""

    GROUPED = "grouped"
    INDIVIDUAL = "individual"


@dataclass(frozen=True, slots=True)
class DefenderRow:
    """The findings and dates for one image, from one row of a Defender query result."""

    digest: Digest
    model: RowModel
    findings: tuple[Finding, ...] = ()
    """The findings that count; empty if the row states that the image is healthy."""
    suppressed: tuple[SuppressedFinding, ...] = ()
    generated_at: datetime | None = None
    """The time at which the row was generated; None if the row does not state it."""
    pushed_at: datetime | None = None
    """The time at which the image was last pushed; None if the row does not state it."""
    system: str = ""
    """The name and version of the operating system, such as `ubuntu linux 20.04`; empty if the row does not state
    them."""


def read_row(row: ReportObject) -> DefenderRow | None:
    """Parse one row of a Defender query result. The row has the keys `digest`, `type`, `name` and `properties`.

    If the row lists no findings, and does not state that the image is healthy, return None. Such a row must not count
    as a scan without findings.

    Raises UnreadableReportError if the row cannot be read reliably.
    """
    digest = parse_sha256(_get_text(row, "digest").lower())
    if digest is None:
        raise UnreadableReportError("a row has no digest")
    if _get_text(row, "type").lower() == GROUPED_TYPE:
        return _read_grouped_row(digest, row)
    if _get_text(row, "name").lower() in IMAGE_KEYS:
        return _read_image_assessment(digest, row)
    return _read_individual_row(digest, row)


def merge_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Merge findings that have the same vulnerability and the same package. Return the merged findings, sorted.

    A merged finding has the highest severity of the findings from which it was merged. The installed and fixed versions
    are those of the first finding that states them.
    """
    finding_by_key: dict[FindingKey, Finding] = {}
    for found in findings:
        same = finding_by_key.setdefault(get_finding_key(found), found)
        finding_by_key[get_finding_key(found)] = replace(
            same,
            severity=max(same.severity, found.severity),
            installed=same.installed or found.installed,
            fixed_in=same.fixed_in or found.fixed_in,
        )
    return tuple(finding_by_key[each] for each in sorted(finding_by_key))


def _read_grouped_row(digest: Digest, row: ReportObject) -> DefenderRow | None:
    software = ("properties", "additionalData", "softwareDetails")
    details = ("properties", "additionalData", "vulnerabilityDetails")
    name = (
        _get_text(row, "properties", "id")
        or _get_text(row, *details, "cveId")
        or _get_text(row, "properties", "displayName")
    )
    found = _build_findings(
        [name],
        package=_get_text(row, *software, "packageName"),
        package_type=_name_package_type(_get_text(row, *software, "category"), _get_text(row, *software, "language")),
        installed=_get_text(row, *software, "version"),
        fixed_in=_get_text(row, *software, "fixedVersion"),
        severity=_parse_severity(
            _get_text(row, "properties", "status", "severity") or _get_text(row, *details, "severity"),
            _get_value(row, "properties", "additionalData", "cvssV30Score"),
        ),
    )
    defender_row = DefenderRow(
        digest,
        RowModel.GROUPED,
        generated_at=parse_time(_get_value(row, "properties", "timeGenerated")),
        pushed_at=parse_time(
            _get_value(row, "properties", "additionalData", "artifactDetails", "lastPushedToRegistryUTC")
        ),
        system=_get_text(row, *software, "osDetails", "osVersion").replace("_", " "),
    )
    return _apply_status(defender_row, row, found)


def _read_individual_row(digest: Digest, row: ReportObject) -> DefenderRow | None:
    update = _decode_nested(_get_value(row, "properties", "additionalData"))
    scanners = _decode_nested(_get_value(update, "ScannersDetails"))
    scans = [update, *(scanners.values() if isinstance(scanners, dict) else ())]
    image = _decode_nested(_get_value(row, "properties", "resourceAdditionalData"))
    pushed = _get_value(image, "LastPushedToRegistryUTC") or _get_value(
        image, "RepositoryDetails", "LastPushedToRegistryUTC"
    )
    defender_row = DefenderRow(
        digest,
        RowModel.INDIVIDUAL,
        generated_at=parse_time(_get_value(row, "properties", "timeGenerated")),
        pushed_at=parse_time(pushed),
    )
    return _apply_status(defender_row, row, _read_update_findings(update, scans))


def _read_update_findings(update: object, scans: Sequence[object]) -> Iterator[Finding]:
    """Yield the vulnerabilities that the update of a package fixes.

    `update` is the part of the row that describes the update. It usually contains details of the vulnerabilities, such
    as their severity. If it contains no details, the CVE IDs are read from all of `scans`, and the findings contain
    only the IDs. `scans` contains `update` first, and after it the results of the scanners that Defender used.
    """
    detailed_cves = [each for each in _decode_list(_get_value(update, "CvesDetails")) if isinstance(each, dict)]
    named_cves = [{"CveId": each} for scan in scans for each in _decode_list(_get_value(scan, "CvesIds"))]
    installed = next(
        filter(None, (_format_versions(_get_value(scan, "DetectedSoftwareVersions")) for scan in scans)), ""
    )
    fixed_in = next(filter(None, (_get_text(scan, "FixedVersion") for scan in scans)), "")
    category, language = (
        next(filter(None, (_get_text(scan, name) for scan in scans)), "") for name in ("PackageType", "Language")
    )
    for cve in detailed_cves or named_cves:
        scores = [_get_value(each, "Value", "Base") for each in _decode_list(_get_value(cve, "Cvss"))]
        yield from _build_findings(
            [_get_text(cve, "CveId"), *filter(_is_text, _decode_list(_get_value(cve, "AdditionalIdentifiers")))],
            package=_get_text(update, "SoftwareName"),
            package_type=_name_package_type(category, language),
            installed=installed,
            fixed_in=_get_text(cve, "FixedVersion") or fixed_in,
            severity=_parse_severity(_get_text(cve, "Severity"), next(iter(scores), None)),
        )


def _read_image_assessment(digest: Digest, row: ReportObject) -> DefenderRow | None:
    """Return a row without findings if the grouped model assesses the image as healthy.

    Return None if the image is not healthy. In the grouped model, separate rows list the vulnerabilities of the image.
    """
    is_healthy = _get_text(row, "properties", "status", "code").lower() == "healthy"
    return (
        DefenderRow(digest, RowModel.GROUPED, generated_at=parse_time(_get_value(row, "properties", "timeGenerated")))
        if is_healthy
        else None
    )


def _apply_status(defender_row: DefenderRow, row: ReportObject, row_findings: Iterable[Finding]) -> DefenderRow | None:
    """Return a copy of `defender_row` with `row_findings`, as findings or as suppressed findings.

    `row` contains the status that decides how `row_findings` are used:

    - "healthy": `row_findings` are ignored, because the image has no vulnerabilities.
    - "not applicable": `row_findings` are suppressed, for example because of an exemption. If `row_findings` is empty,
      return None, because possibly the image was not scanned.
    - Any other status: `row_findings` are the findings. This includes statuses that basebump does not know.

    Raises UnreadableReportError if the row has any other status and `row_findings` is empty.
    """
    status = ("properties", "status")
    match _get_text(row, *status, "code").lower():
        case "healthy":
            return defender_row
        case "notapplicable":
            cause, more = _get_text(row, *status, "cause"), _get_text(row, *status, "description")
            by = _EXEMPTION_AUTHOR if cause.lower() == "exempt" else _POLICY_AUTHOR
            why = ": ".join(filter(None, (cause.lower() or "not applicable", more)))
            findings = tuple(row_findings)
            return (
                replace(defender_row, suppressed=tuple(SuppressedFinding(each, why, by) for each in findings))
                if findings
                else None
            )
    findings = tuple(row_findings)
    if not findings:
        raise UnreadableReportError("a row about an update does not list any vulnerability that the update fixes")
    return replace(defender_row, findings=findings)


def _build_findings(
    identifiers: Sequence[str], *, package: str, package_type: str, installed: str, fixed_in: str, severity: Severity
) -> Iterator[Finding]:
    known_identifiers = [name for name in identifiers if name]
    if not known_identifiers or not package:
        raise UnreadableReportError("a row about a vulnerability lacks the name of the vulnerability or of the package")
    for identifier in get_canonical_ids(known_identifiers[0], known_identifiers[1:]):
        yield Finding(identifier, package.lower(), package_type, installed, fixed_in or None, severity)


def _name_package_type(category: str, language: str) -> str:
    """Return the name of a package's ecosystem: `os`, or a language such as `python`.

    The name is the same for rows of both models, so that their findings can be merged.
    """
    return (
        SYSTEM_PACKAGE_TYPE
        if category.lower() == SYSTEM_PACKAGE_TYPE or not language.strip()
        else language.strip().lower()
    )


def _parse_severity(term: str, score: object) -> Severity:
    severity = _SEVERITIES.get(term.lower(), Severity.UNKNOWN)
    if severity is not Severity.UNKNOWN or isinstance(score, bool) or not isinstance(score, int | float):
        return severity
    return classify_score(float(score))


def _format_versions(value: object) -> str:
    versions = _decode_list(value)
    return ", ".join(filter(_is_text, versions)) if versions else (value if _is_text(value) else "")


def _get_value(value: object, *path: str) -> object:
    """Return the value in nested JSON objects, following `path` key by key; None if a key is missing.

    Keys are compared case-insensitively.
    """
    for key_name in path:
        decoded = _decode_nested(value)
        if not isinstance(decoded, dict):
            return None
        value = next((each for name, each in decoded.items() if name.lower() == key_name.lower()), None)
    return value


def _get_text(value: object, *path: str) -> str:
    found = _get_value(value, *path)
    return found.strip() if isinstance(found, str) else ""


def _decode_list(value: object) -> list[object]:
    found = _decode_nested(value)
    return found if isinstance(found, list) else []


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _decode_nested(value: object) -> object:
    """Decode `value` if it is a string with a JSON object or list. Return all other values unchanged.

    Raises UnreadableReportError if the string begins with `{` or `[` but is not valid JSON.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        found: object = json.loads(value)
    except (ValueError, RecursionError):
        raise UnreadableReportError("a field of a row contains invalid JSON") from None
    return found
