"""Reads SARIF 2.1 as Trivy and Grype write it, which has less information than every other report.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. It has neither the operating system nor the packages,
so a report without results proves nothing. Package and versions of a result are in its text only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.core.evidence.canonical import canonical_ids, merged
from bot.model.evidence import Finding, NotScanned, Severity, UnscannedReason
from bot.scanners._cvss import severity_of_score
from bot.scanners._findings import MAX_WORD, line, severity_of
from bot.scanners._json import Object, UnreadableReportError, mapping, moment, objects, text, texts
from bot.scanners._reports._said import Said, digests_in

_TRIVY = re.compile(
    r"Package: (?P<package>[^\n]+)\nInstalled Version: (?P<installed>[^\n]*)\nVulnerability (?P<id>[^\n]+)\n"
    r"Severity: (?P<severity>[^\n]+)\nFixed Version: ?(?P<fixed>[^\n]*)"
)
_GRYPE = re.compile(
    r"Vulnerability (?P<id>[^\n]+)\nSeverity: (?P<severity>[^\n]+)\nPackage: (?P<package>[^\n]+)\n"
    r"Version: (?P<installed>[^\n]*)\nFix Version: ?(?P<fixed>[^\n]*)\nType: (?P<type>[^\n]*)"
)
_NO_FIX = frozenset({"", "none"})


def is_one(report: Object) -> bool:
    """Return True if the document looks like SARIF 2."""
    return "runs" in report and str(report.get("version", "")).startswith("2.")


def read(report: Object) -> tuple[Said, ...]:
    """Read one image from each run. Raises UnreadableReportError, also for results that do not name a package."""
    return tuple(_run(run) for run in objects(report.get("runs")))


def _run(run: Object) -> Said:
    driver, properties = mapping(mapping(run.get("tool")).get("driver")), mapping(run.get("properties"))
    rules, results = objects(driver.get("rules")), objects(run.get("results"))
    named = [text(properties.get(key)) for key in ("imageName", "imageID")]
    ends = (moment(each.get("endTimeUtc")) for each in objects(run.get("invocations")))
    flaw = NotScanned(UnscannedReason.OS_UNKNOWN, "the report has no results, and does not name the operating system")
    return Said(
        tool=line(text(driver.get("name")), MAX_WORD).lower(),
        version=line(text(driver.get("version")) or text(driver.get("semanticVersion")), MAX_WORD),
        findings=merged(finding for result in results for finding in _findings(result, rules)),
        digests=digests_in((*named, *texts(properties.get("repoDigests")))),
        shows_release=bool(results),
        flaw=None if results else flaw,
        made=next((end for end in ends if end), None),
    )


def _findings(result: Object, rules: Sequence[Object]) -> Iterator[Finding]:
    rule = _rule(result, rules)
    said = _TRIVY.match(text(mapping(result.get("message")).get("text"))) or _GRYPE.match(
        text(mapping(rule.get("help")).get("text"))
    )
    if said is None:
        raise UnreadableReportError("the report has a result that does not name its package")
    words = {name: word.strip() for name, word in said.groupdict().items()}
    score = mapping(rule.get("properties")).get("security-severity")
    for identifier in canonical_ids(words["id"]):
        yield Finding(
            id=identifier,
            package=words["package"],
            package_type=words.get("type", ""),
            installed=words["installed"],
            fixed_in=None if words["fixed"].lower() in _NO_FIX else words["fixed"],
            severity=severity_of(words["severity"]) or _by_score(score),
            title=line(text(mapping(rule.get("shortDescription")).get("text"))),
        )


def _rule(result: Object, rules: Sequence[Object]) -> Object:
    index, identifier = result.get("ruleIndex"), text(result.get("ruleId"))
    if isinstance(index, int) and 0 <= index < len(rules):
        return rules[index]
    return next((rule for rule in rules if rule.get("id") == identifier), {})


def _by_score(score: object) -> Severity:
    """Return the severity that GitHub derives from a score (code scanning, `security-severity`)."""
    try:
        return severity_of_score(float(score) if isinstance(score, str | int | float) else 0.0)
    except (ValueError, OverflowError):
        return Severity.UNKNOWN
