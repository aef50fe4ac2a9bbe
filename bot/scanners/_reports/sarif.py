"""Reads SARIF 2.1 as Trivy and Grype write it. SARIF has less information than any other report format.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. The report names neither the operating system nor the
packages of the image. A report without results therefore proves nothing. Only the text of a result names the package
and its versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.core.evidence.finding_keys import get_canonical_ids, merge_findings
from bot.model.evidence import Finding, NotScanned, Severity, UnscannedReason
from bot.scanners._cvss import classify_score
from bot.scanners._findings import MAX_NAME_LENGTH, parse_severity, shorten_to_line
from bot.scanners._json import (
    ReportObject,
    UnreadableReportError,
    parse_time,
    read_object,
    read_objects,
    read_text,
    read_texts,
)
from bot.scanners._reports._report_image import ReportImage, find_digests

_TRIVY_MESSAGE = re.compile(
    r"Package: (?P<package>[^\n]+)\nInstalled Version: (?P<installed>[^\n]*)\nVulnerability (?P<id>[^\n]+)\n"
    r"Severity: (?P<severity>[^\n]+)\nFixed Version: ?(?P<fixed>[^\n]*)"
)
_GRYPE_HELP = re.compile(
    r"Vulnerability (?P<id>[^\n]+)\nSeverity: (?P<severity>[^\n]+)\nPackage: (?P<package>[^\n]+)\n"
    r"Version: (?P<installed>[^\n]*)\nFix Version: ?(?P<fixed>[^\n]*)\nType: (?P<type>[^\n]*)"
)
_NO_FIX_TERMS = frozenset({"", "none"})


def can_read(report: ReportObject) -> bool:
    """Return True if the document looks like SARIF 2."""
    return "runs" in report and str(report.get("version", "")).startswith("2.")


def read_images(report: ReportObject) -> tuple[ReportImage, ...]:
    """Return one image for each run in the SARIF document.

    Raises UnreadableReportError if the document cannot be read reliably, for example if a result does not name a
    package.
    """
    return tuple(_read_run(run) for run in read_objects(report.get("runs")))


def _read_run(run: ReportObject) -> ReportImage:
    driver, properties = read_object(read_object(run.get("tool")).get("driver")), read_object(run.get("properties"))
    rules, results = read_objects(driver.get("rules")), read_objects(run.get("results"))
    digest_texts = [read_text(properties.get(key)) for key in ("imageName", "imageID")]
    ends = (parse_time(each.get("endTimeUtc")) for each in read_objects(run.get("invocations")))
    not_scanned = NotScanned(
        UnscannedReason.OS_UNKNOWN, "the report has no results, and does not name the operating system"
    )
    return ReportImage(
        tool=shorten_to_line(read_text(driver.get("name")), MAX_NAME_LENGTH).lower(),
        tool_version=shorten_to_line(
            read_text(driver.get("version")) or read_text(driver.get("semanticVersion")), MAX_NAME_LENGTH
        ),
        findings=merge_findings(finding for result in results for finding in _read_findings(result, rules)),
        digests=find_digests((*digest_texts, *read_texts(properties.get("repoDigests")))),
        has_release_data=bool(results),
        not_scanned=None if results else not_scanned,
        report_time=next((end for end in ends if end), None),
    )


def _read_findings(result: ReportObject, rules: Sequence[ReportObject]) -> Iterator[Finding]:
    rule = _find_rule(result, rules)
    match = _TRIVY_MESSAGE.match(read_text(read_object(result.get("message")).get("text"))) or _GRYPE_HELP.match(
        read_text(read_object(rule.get("help")).get("text"))
    )
    if match is None:
        raise UnreadableReportError("the report has a result that does not name its package")
    fields = {name: word.strip() for name, word in match.groupdict().items()}
    score = read_object(rule.get("properties")).get("security-severity")
    for identifier in get_canonical_ids(fields["id"]):
        yield Finding(
            id=identifier,
            package=fields["package"],
            package_type=fields.get("type", ""),
            installed=fields["installed"],
            fixed_in=None if fields["fixed"].lower() in _NO_FIX_TERMS else fields["fixed"],
            severity=parse_severity(fields["severity"]) or _parse_score(score),
            title=shorten_to_line(read_text(read_object(rule.get("shortDescription")).get("text"))),
        )


def _find_rule(result: ReportObject, rules: Sequence[ReportObject]) -> ReportObject:
    index, identifier = result.get("ruleIndex"), read_text(result.get("ruleId"))
    if isinstance(index, int) and 0 <= index < len(rules):
        return rules[index]
    return next((rule for rule in rules if rule.get("id") == identifier), {})


def _parse_score(score: object) -> Severity:
    """Return the severity for a rule's `security-severity` score, on the CVSS scale that GitHub's code scanning uses.

    Return UNKNOWN if `score` is not a number.
    """
    try:
        return classify_score(float(score) if isinstance(score, str | int | float) else 0.0)
    except (ValueError, OverflowError):
        return Severity.UNKNOWN
