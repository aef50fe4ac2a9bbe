"""Reads Grype's JSON report (grype/presenter/models/document.go), from a file or from basebump's own scan."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from bot.core.evidence.build_time import build_time
from bot.core.evidence.canonical import canonical_ids, merged
from bot.model.evidence import Finding, NotScanned, SuppressedFinding, UnscannedReason
from bot.scanners._findings import MAX_WORD, line, not_counted, severity_of
from bot.scanners._json import Object, UnreadableReportError, document, mapping, moment, objects, text, texts
from bot.scanners._reports._said import Said, digests_in

TOOL = "grype"
SYSTEM_PACKAGES = frozenset({"alpm", "apk", "deb", "portage", "rpm"})
"""Types of packages that come with a distribution, and are looked up in the data of its release."""
_ENDED = "distro-eol"
_ROLLING = frozenset({"arch", "archlinux", "chainguard", "echo", "minimos", "wolfi"})
_NAME_OF_SOURCE_RPM = re.compile(r"(.+)-[^-]+-[^-]+\.src\.rpm")


def is_one(report: Object) -> bool:
    """Return True if the document looks like a report of Grype."""
    return "matches" in report and "descriptor" in report


def parse_report(content: bytes) -> Said:
    """Parse the output of `grype --output json`. Raises UnreadableReportError."""
    report = document(content)
    if not is_one(report):
        raise UnreadableReportError("the report is not Grype's")
    return read(report)[0]


def read(report: Object) -> tuple[Said, ...]:
    """Read the image of a report. Raises UnreadableReportError."""
    descriptor, distro = mapping(report.get("descriptor")), mapping(report.get("distro"))
    target = mapping(report.get("source")).get("target")
    image = mapping(target) if isinstance(target, dict) else {}
    name, version = text(distro.get("name")), text(distro.get("version"))
    matches = objects(report.get("matches"))
    findings = merged(finding for match in matches for finding in _findings(match))
    named = (text(image.get(key)) for key in ("userInput", "manifestDigest", "imageID"))
    platform = (text(image.get(key)) for key in ("os", "architecture", "variant"))
    created, label = _config(text(image.get("config")))
    return (
        Said(
            tool=TOOL,
            version=line(text(descriptor.get("version")), MAX_WORD),
            findings=findings,
            set_aside=not_counted(_aside(objects(report.get("ignoredMatches"))), findings),
            digests=digests_in((*named, *texts(image.get("repoDigests")))),
            platform="/".join(word for word in platform if word),
            system=f"{name} {version}".rstrip(),
            release=_release(name, version),
            shows_release=name in _ROLLING or any(map(_is_of_system, matches)),
            flaw=_flaw(f"{name} {version}".rstrip(), objects(report.get("alertsByPackage"))),
            database=_database(mapping(descriptor.get("db"))),
            made=moment(descriptor.get("timestamp")),
            created=created,
            label=label,
        ),
    )


def _config(encoded: str) -> tuple[datetime | None, str | None]:
    """Return the build time of the image and the version in its label, from its config in base64."""
    try:
        config = document(base64.b64decode(encoded, validate=True))
        labels = mapping(mapping(config.get("config")).get("Labels"))
        label = text(labels.get("org.opencontainers.image.version"))
    except ValueError:
        return None, None
    return build_time(config.get("created")), label[:MAX_WORD] or None


def _database(described: Object) -> datetime | None:
    """Return the build time of the database; since Grype 0.88, the report has it below `status`."""
    return moment(mapping(described.get("status")).get("built")) or moment(described.get("built"))


def _release(name: str, version: str) -> str:
    """Return the distribution with that part of its version that selects Grype's data."""
    parts = version.split(".")
    kept = parts[:2] if name in {"alpine", "ubuntu", "opensuse-leap", "sles", "azurelinux", "mariner"} else parts[:1]
    return f"{name} {'.'.join(kept)}".rstrip()


def _is_of_system(match: Object) -> bool:
    artifact, namespace = mapping(match.get("artifact")), mapping(match.get("vulnerability")).get("namespace")
    return artifact.get("type") in SYSTEM_PACKAGES and not text(namespace).startswith("nvd")


def _flaw(system: str, alerts: list[Object]) -> NotScanned | None:
    if not system:
        return NotScanned(UnscannedReason.OS_UNKNOWN)
    if any(alert.get("type") == _ENDED for package in alerts for alert in objects(package.get("alerts"))):
        return NotScanned(UnscannedReason.END_OF_LIFE, system)
    return None


def _aside(ignored: Iterable[Object]) -> Iterator[SuppressedFinding]:
    """Yield the findings that VEX or a rule about a vulnerability suppressed; those of other filters are dropped."""
    for match in ignored:
        for rule in objects(match.get("appliedIgnoreRules")):
            status = text(rule.get("vex-status")).replace("_", " ")
            if status or text(rule.get("vulnerability")):
                reason = text(rule.get("vex-justification")).replace("_", " ") or text(rule.get("reason"))
                why = line(": ".join(word for word in (status or "ignored", reason) if word))
                by = "the report, by VEX" if status else "the report, by a rule"
                yield from (SuppressedFinding(finding, why, by) for finding in _findings(match))
                break


def _findings(match: Object) -> Iterator[Finding]:
    vulnerability, artifact = mapping(match.get("vulnerability")), mapping(match.get("artifact"))
    given, package = text(vulnerability.get("id")), text(artifact.get("name"))
    if not given or not package:
        raise UnreadableReportError("the report has a match without an id or a package")
    fix = mapping(vulnerability.get("fix"))
    versions = texts(fix.get("versions"))
    related = (text(each.get("id")) for each in objects(match.get("relatedVulnerabilities")))
    package_type = text(artifact.get("type"))
    for identifier in canonical_ids(given, related):
        yield Finding(
            id=identifier,
            package=_source(artifact) if package_type in SYSTEM_PACKAGES else package,
            package_type=package_type,
            installed=text(artifact.get("version")),
            fixed_in=", ".join(versions) or None,
            severity=severity_of(text(vulnerability.get("severity"))),
            title=line(text(vulnerability.get("description"))),
        )


def _source(artifact: Object) -> str:
    """Return the source package that a package of a distribution was built from, else the package itself."""
    upstreams = objects(artifact.get("upstreams"))
    name = text(upstreams[0].get("name")) if upstreams else ""
    if artifact.get("type") == "rpm" and (whole := _NAME_OF_SOURCE_RPM.fullmatch(name)):
        name = whole[1]
    return name or text(artifact.get("name"))
