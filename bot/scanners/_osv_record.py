"""Reads findings from vulnerability records in OSV's format (https://ossf.github.io/osv-schema/).

This module does no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.evidence.finding_keys import get_canonical_ids
from bot.model.evidence import Finding, Severity
from bot.scanners._cvss import classify_vector
from bot.scanners._ecosystems import SYSTEM_PACKAGE_TYPES, OsvPackage
from bot.scanners._findings import parse_severity, shorten_to_line
from bot.scanners._json import ReportObject, read_object, read_objects, read_text, read_texts

_CVSS_TYPES = ("CVSS_V4", "CVSS_V3")
"""The types of CVSS ratings that are read, with the preferred type first. CVSS 2 is left out, because it has another
severity scale."""


def read_findings(record: ReportObject, package: OsvPackage, package_type: str) -> Iterator[Finding]:
    """Yield the findings of a vulnerability record for `package`. Yield nothing if the record was withdrawn.

    `package_type` is the type in the package's URL, such as `deb` or `npm`.

    Raises UnreadableReportError if the report cannot be read reliably.
    """
    if record.get("withdrawn"):
        return
    affected = [
        each
        for each in read_objects(record.get("affected"))
        if _is_same_package(read_object(each.get("package")), package)
    ]
    fixes = dict.fromkeys(fixed for each in affected for fixed in _list_fixed_versions(each))
    for identifier in _collect_ids(record, is_system_package=package_type in SYSTEM_PACKAGE_TYPES):
        yield Finding(
            id=identifier,
            package=package.name,
            package_type=package_type,
            installed=package.version,
            fixed_in=", ".join(fixes) or None,
            severity=_determine_severity(record, affected),
            title=shorten_to_line(read_text(record.get("summary")) or read_text(record.get("details"))),
        )


def _collect_ids(record: ReportObject, *, is_system_package: bool) -> tuple[str, ...]:
    """Return the CVE IDs that a record is about. If the record has no CVE ID, return a GHSA ID or the record's own ID.

    CVE IDs are read from `aliases` and `upstream`. If `is_system_package` is True, they are also read from `related`,
    because some distributions list their CVEs there. In records about other packages, `related` is ignored, because it
    lists vulnerabilities that are only similar.
    """
    record_id, related = read_text(record.get("id")), read_texts(record.get("related")) if is_system_package else []
    aliases = [*read_texts(record.get("aliases")), *read_texts(record.get("upstream"))]
    names = get_canonical_ids(record_id, aliases)
    return (
        names if any(name.startswith("CVE-") for name in names) else get_canonical_ids(record_id, [*aliases, *related])
    )


def _is_same_package(osv_package: ReportObject, package: OsvPackage) -> bool:
    return (
        osv_package.get("ecosystem") == package.ecosystem
        and read_text(osv_package.get("name")).lower() == package.name.lower()
    )


def _list_fixed_versions(affected: ReportObject) -> Iterator[str]:
    for span in read_objects(affected.get("ranges")):
        if span.get("type") != "GIT":
            for event in read_objects(span.get("events")):
                if fixed := read_text(event.get("fixed")):
                    yield fixed


def _determine_severity(record: ReportObject, affected: list[ReportObject]) -> Severity:
    """Return the severity of a record for one package; UNKNOWN if the record contains no rating.

    `affected` are the entries of the record that are about this package. The first of these ratings that exists is
    used:

    1. the rating of the distribution
    2. the rating of the database that published the record
    3. the CVSS 4 score
    4. the CVSS 3 score

    OSV's schema does not state whether CVSS 4 or CVSS 3 takes precedence. basebump uses the same order as Trivy.
    """
    urgencies = (read_text(read_object(each.get("ecosystem_specific")).get("urgency")) for each in affected)
    ratings = [
        *read_objects(record.get("severity")),
        *(each for found in affected for each in read_objects(found.get("severity"))),
    ]
    terms = (read_text(each.get("score")) for each in ratings if not read_text(each.get("type")).startswith("CVSS"))
    database = read_text(read_object(record.get("database_specific")).get("severity"))
    rated_severity = max(map(parse_severity, [*urgencies, *terms]), default=Severity.UNKNOWN) or parse_severity(
        database
    )
    return rated_severity or next(filter(None, _classify_scores(ratings)), Severity.UNKNOWN)


def _classify_scores(ratings: list[ReportObject]) -> Iterator[Severity]:
    """Yield one severity for each CVSS version, in the order of `_CVSS_TYPES`.

    If `ratings` contains several scores of a version, the highest score is used. If it contains no score of a version,
    the severity is UNKNOWN.
    """
    for cvss_type in _CVSS_TYPES:
        scores = (read_text(each.get("score")) for each in ratings if each.get("type") == cvss_type)
        yield max(map(classify_vector, scores), default=Severity.UNKNOWN)
