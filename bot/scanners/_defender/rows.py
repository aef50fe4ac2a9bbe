"""Reads the rows of Microsoft Defender for Cloud about container images: pure.

There are two models. The grouped model has a row for each vulnerability below one assessment of the image
(https://learn.microsoft.com/en-us/azure/defender-for-cloud/subassessment-rest-api). Since July 2026, the individual
model has one assessment for each update of a package
(https://learn.microsoft.com/en-us/azure/defender-for-cloud/transition-grouped-individual-recommendations). Their fields
have the same names except for upper and lower case, which is not documented.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeGuard

from bot.core.evidence.canonical import Key, canonical_ids, key
from bot.model.evidence import Finding, Severity, SuppressedFinding
from bot.model.reference import Digest, parse_sha256
from bot.scanners._cvss import severity_of_score
from bot.scanners._json import Object, UnreadableReportError, moment

GROUPED_TYPE = "microsoft.security/assessments/subassessments"
INDIVIDUAL_TYPE = "microsoft.security/assessments"
IMAGE_KEYS = ("c0b7cfc6-3172-465a-b378-53c7ff2cc0d5", "33422d8f-ab1e-42be-bc9a-38685bb567b9")
"""Names of the assessments that cover all vulnerabilities of an image in a registry of Azure."""
OF_SYSTEM = "os"
"""The type of distribution packages; the models do not both name the distribution."""
_SEVERITIES = {each.word: each for each in Severity}
_EXEMPTION, _POLICY = "Microsoft Defender exemption", "Microsoft Defender"


class Model(StrEnum):
    """The schema of a row."""

    GROUPED = "grouped"
    INDIVIDUAL = "individual"


@dataclass(frozen=True, slots=True)
class Said:
    """One row about one image."""

    digest: Digest
    model: Model
    findings: tuple[Finding, ...] = ()
    """Findings that count; empty if the row calls the image healthy."""
    set_aside: tuple[SuppressedFinding, ...] = ()
    at: datetime | None = None
    """The time when the row was generated; None if the row does not have it."""
    pushed: datetime | None = None
    """The time when the image was last pushed; None if the row does not have it."""
    system: str = ""
    """Name and version of the operating system, as `ubuntu linux 20.04`."""


def read_row(row: Object) -> Said | None:
    """Read a row with its `digest`, `type`, `name` and `properties`; None if the row carries no information by itself.

    Raises UnreadableReportError if the row cannot be read reliably.
    """
    digest = parse_sha256(_text(row, "digest").lower())
    if digest is None:
        raise UnreadableReportError("a row has no digest")
    if _text(row, "type").lower() == GROUPED_TYPE:
        return _grouped(digest, row)
    if _text(row, "name").lower() in IMAGE_KEYS:
        return _of_image(digest, row)
    return _individual(digest, row)


def united(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return each finding once, sorted, with its highest severity and the versions that any duplicate has."""
    known: dict[Key, Finding] = {}
    for found in findings:
        same = known.setdefault(key(found), found)
        known[key(found)] = replace(
            same,
            severity=max(same.severity, found.severity),
            installed=same.installed or found.installed,
            fixed_in=same.fixed_in or found.fixed_in,
        )
    return tuple(known[each] for each in sorted(known))


def _grouped(digest: Digest, row: Object) -> Said | None:
    software = ("properties", "additionalData", "softwareDetails")
    details = ("properties", "additionalData", "vulnerabilityDetails")
    name = _text(row, "properties", "id") or _text(row, *details, "cveId") or _text(row, "properties", "displayName")
    found = _findings(
        [name],
        package=_text(row, *software, "packageName"),
        kind=_kind(_text(row, *software, "category"), _text(row, *software, "language")),
        installed=_text(row, *software, "version"),
        fixed_in=_text(row, *software, "fixedVersion"),
        severity=_severity(
            _text(row, "properties", "status", "severity") or _text(row, *details, "severity"),
            _at(row, "properties", "additionalData", "cvssV30Score"),
        ),
    )
    said = Said(
        digest,
        Model.GROUPED,
        at=moment(_at(row, "properties", "timeGenerated")),
        pushed=moment(_at(row, "properties", "additionalData", "artifactDetails", "lastPushedToRegistryUTC")),
        system=_text(row, *software, "osDetails", "osVersion").replace("_", " "),
    )
    return _judged(said, row, found)


def _individual(digest: Digest, row: Object) -> Said | None:
    update = _decoded(_at(row, "properties", "additionalData"))
    scanners = _decoded(_at(update, "ScannersDetails"))
    scans = [update, *(scanners.values() if isinstance(scanners, dict) else ())]
    image = _decoded(_at(row, "properties", "resourceAdditionalData"))
    pushed = _at(image, "LastPushedToRegistryUTC") or _at(image, "RepositoryDetails", "LastPushedToRegistryUTC")
    said = Said(digest, Model.INDIVIDUAL, at=moment(_at(row, "properties", "timeGenerated")), pushed=moment(pushed))
    return _judged(said, row, _of_update(update, scans))


def _of_update(update: object, scans: Sequence[object]) -> Iterator[Finding]:
    """Yield the vulnerabilities that an update fixes; without details, those that the scanners name."""
    detailed = [each for each in _list(_at(update, "CvesDetails")) if isinstance(each, dict)]
    named = [{"CveId": each} for scan in scans for each in _list(_at(scan, "CvesIds"))]
    installed = next(filter(None, (_versions(_at(scan, "DetectedSoftwareVersions")) for scan in scans)), "")
    fixed_in = next(filter(None, (_text(scan, "FixedVersion") for scan in scans)), "")
    category, language = (
        next(filter(None, (_text(scan, name) for scan in scans)), "") for name in ("PackageType", "Language")
    )
    for cve in detailed or named:
        scores = [_at(each, "Value", "Base") for each in _list(_at(cve, "Cvss"))]
        yield from _findings(
            [_text(cve, "CveId"), *filter(_is_text, _list(_at(cve, "AdditionalIdentifiers")))],
            package=_text(update, "SoftwareName"),
            kind=_kind(category, language),
            installed=installed,
            fixed_in=_text(cve, "FixedVersion") or fixed_in,
            severity=_severity(_text(cve, "Severity"), next(iter(scores), None)),
        )


def _of_image(digest: Digest, row: Object) -> Said | None:
    """Read an assessment of all vulnerabilities of an image; None unless it is healthy, since other rows name them."""
    is_healthy = _text(row, "properties", "status", "code").lower() == "healthy"
    return Said(digest, Model.GROUPED, at=moment(_at(row, "properties", "timeGenerated"))) if is_healthy else None


def _judged(said: Said, row: Object, listed: Iterable[Finding]) -> Said | None:
    """Return the row with its findings, according to its status; an unknown status counts as unhealthy.

    None for a row that is not applicable and names no finding: the image may not have been scanned.
    """
    status = ("properties", "status")
    match _text(row, *status, "code").lower():
        case "healthy":
            return said
        case "notapplicable":
            cause, more = _text(row, *status, "cause"), _text(row, *status, "description")
            by = _EXEMPTION if cause.lower() == "exempt" else _POLICY
            why = ": ".join(filter(None, (cause.lower() or "not applicable", more)))
            found = tuple(listed)
            return replace(said, set_aside=tuple(SuppressedFinding(each, why, by) for each in found)) if found else None
    found = tuple(listed)
    if not found:
        raise UnreadableReportError("a row is about an update, and names no vulnerability that it fixes")
    return replace(said, findings=found)


def _findings(
    names: Sequence[str], *, package: str, kind: str, installed: str, fixed_in: str, severity: Severity
) -> Iterator[Finding]:
    known = [name for name in names if name]
    if not known or not package:
        raise UnreadableReportError("a row is about a vulnerability, and names no id or no package")
    for identifier in canonical_ids(known[0], known[1:]):
        yield Finding(identifier, package.lower(), kind, installed, fixed_in or None, severity)


def _kind(category: str, language: str) -> str:
    """Return the ecosystem of a package by the same name for both models."""
    return OF_SYSTEM if category.lower() == OF_SYSTEM or not language.strip() else language.strip().lower()


def _severity(word: str, score: object) -> Severity:
    known = _SEVERITIES.get(word.lower(), Severity.UNKNOWN)
    if known is not Severity.UNKNOWN or isinstance(score, bool) or not isinstance(score, int | float):
        return known
    return severity_of_score(float(score))


def _versions(value: object) -> str:
    versions = _list(value)
    return ", ".join(filter(_is_text, versions)) if versions else (value if _is_text(value) else "")


def _at(value: object, *path: str) -> object:
    """Return the value behind a path of keys, compared without case; None if there is none."""
    for wanted in path:
        inside = _decoded(value)
        if not isinstance(inside, dict):
            return None
        value = next((each for name, each in inside.items() if name.lower() == wanted.lower()), None)
    return value


def _text(value: object, *path: str) -> str:
    found = _at(value, *path)
    return found.strip() if isinstance(found, str) else ""


def _list(value: object) -> list[object]:
    found = _decoded(value)
    return found if isinstance(found, list) else []


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _decoded(value: object) -> object:
    """Decode a text that is a JSON object or list; return any other value unchanged. Raises UnreadableReportError."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        found: object = json.loads(value)
    except (ValueError, RecursionError):
        raise UnreadableReportError("a row has a text that is not JSON where JSON is expected") from None
    return found
