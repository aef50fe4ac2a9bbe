"""Reads findings from the record of a vulnerability in OSV's format: pure. https://ossf.github.io/osv-schema/."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.evidence.canonical import canonical_ids
from bot.model.evidence import Finding, Severity
from bot.scanners._cvss import severity_of_vector
from bot.scanners._ecosystems import SYSTEM_TYPES, Sought
from bot.scanners._findings import line, severity_of
from bot.scanners._json import Object, mapping, objects, text, texts

_CVSS_3 = "CVSS_V3"


def findings_of(record: Object, package: Sought, package_type: str) -> Iterator[Finding]:
    """Yield the findings that a record has for one of its packages; none if the record was withdrawn.

    Raises UnreadableReportError.
    """
    if record.get("withdrawn"):
        return
    about = [each for each in objects(record.get("affected")) if _is_about(mapping(each.get("package")), package)]
    fixes = dict.fromkeys(fixed for each in about for fixed in _fixes(each))
    for identifier in _names(record, is_of_system=package_type in SYSTEM_TYPES):
        yield Finding(
            id=identifier,
            package=package.name,
            package_type=package_type,
            installed=package.version,
            fixed_in=", ".join(fixes) or None,
            severity=_severity(record, about),
            title=line(text(record.get("summary")) or text(record.get("details"))),
        )


def _names(record: Object, *, is_of_system: bool) -> tuple[str, ...]:
    """Return the canonical ids of a record.

    Distributions name the CVEs of an advisory in one of the lists `aliases`, `upstream` and `related`. Outside of
    distributions, `related` names vulnerabilities that are merely similar, and is ignored.
    """
    given, related = text(record.get("id")), texts(record.get("related")) if is_of_system else []
    own = [*texts(record.get("aliases")), *texts(record.get("upstream"))]
    names = canonical_ids(given, own)
    return names if any(name.startswith("CVE-") for name in names) else canonical_ids(given, [*own, *related])


def _is_about(named: Object, package: Sought) -> bool:
    return named.get("ecosystem") == package.ecosystem and text(named.get("name")).lower() == package.name.lower()


def _fixes(affected: Object) -> Iterator[str]:
    for span in objects(affected.get("ranges")):
        if span.get("type") != "GIT":
            for event in objects(span.get("events")):
                if fixed := text(event.get("fixed")):
                    yield fixed


def _severity(record: Object, about: list[Object]) -> Severity:
    """Return the severity: the distribution's rating, else the database's rating, else that of the CVSS 3 score."""
    urgent = (text(mapping(each.get("ecosystem_specific")).get("urgency")) for each in about)
    rated = [*objects(record.get("severity")), *(each for found in about for each in objects(found.get("severity")))]
    words = (text(each.get("score")) for each in rated if not text(each.get("type")).startswith("CVSS"))
    database = text(mapping(record.get("database_specific")).get("severity"))
    said = max(map(severity_of, [*urgent, *words]), default=Severity.UNKNOWN) or severity_of(database)
    scores = (text(each.get("score")) for each in rated if each.get("type") == _CVSS_3)
    return said or max(map(severity_of_vector, scores), default=Severity.UNKNOWN)
