"""Deduplication of findings: each vulnerability has one id (its CVE), and one finding for each affected package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from bot.model.evidence import Finding

_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.ASCII)
"""https://cve.mitre.org/cve/identifiers/syntaxchange.html"""
_GHSA = re.compile(r"GHSA(?:-[0-9a-z]{4}){3}", re.ASCII)

_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_ID = re.compile(
    r"(?:CVE|GHSA|DSA|DLA|USN|RHSA|RHBA|RHEA|ELSA|ALAS[0-9A-Z]*|ALSA|RLSA|(?:OPEN)?SUSE-[A-Z]+|GO|PYSEC|RUSTSEC|MAL|CGA"
    r"|AZL|TEMP|OSV|GSD)-[0-9A-Z][0-9A-Z:._-]{2,60}",
    re.ASCII,
)
"""The ids that databases of vulnerabilities and the advisories of distributions use."""

FindingKey = tuple[str, str, str]
"""Canonical id, package type and package name. The version is not part of the key, because a vulnerability that a newer
version of the package still has is the same finding."""


def is_cve(text: str) -> bool:
    """Return True if `text` is the id of a CVE."""
    return _CVE.fullmatch(text) is not None


def parse_vulnerability_id(text: str) -> str | None:
    """Return the id of a vulnerability or an advisory in its usual spelling; None if `text` is not an id.

    Capital letters, blanks around the id, and the kind of its dashes do not matter.
    """
    identifier = _DASHES.sub("-", text.strip()).upper()
    if _ID.fullmatch(identifier) is None:
        return None
    return f"GHSA{identifier[4:].lower()}" if identifier.startswith("GHSA-") else identifier


def get_canonical_ids(vulnerability_id: str, aliases: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the ids under which a vulnerability is counted, in a fixed order; never empty.

    Scanners report the same vulnerability under different ids, so CVE ids are preferred. If `vulnerability_id` is a CVE
    id, the result is this id. For any other id, the result is the first of these that exists:

    - all CVE ids in `aliases`
    - one GHSA id, which is `vulnerability_id` or in `aliases`
    - `vulnerability_id`
    """
    if is_cve(vulnerability_id):
        return (vulnerability_id,)
    sorted_aliases = sorted(set(aliases))
    if cves := tuple(filter(is_cve, sorted_aliases)):
        return cves
    advisories = (name for name in (vulnerability_id, *sorted_aliases) if _GHSA.fullmatch(name))
    return (next(advisories, vulnerability_id),)


def get_finding_key(finding: Finding) -> FindingKey:
    """Return the key of a finding. Two findings with equal keys are duplicates."""
    return finding.id, finding.package_type, finding.package


def merge_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings without duplicates.

    Of several duplicates, the one with the worst severity is kept, with the earliest date of a fix among them.
    Duplicates occur because scanners report a source package once for each of its binary packages.
    """
    groups = groupby(sorted(findings, key=_get_sort_key), key=get_finding_key)
    return tuple(set_earliest_fix_date(list(duplicates)) for _, duplicates in groups)


def set_earliest_fix_date(duplicates: Sequence[Finding]) -> Finding:
    """Return the first of several findings with equal keys, with the earliest date of a fix among them."""
    first = duplicates[0]
    if len(duplicates) == 1 or first.fixed_in is None:
        return first
    dates = (each.fix_date for each in duplicates if each.fix_date is not None)
    earliest = min(dates, key=lambda date: date.at, default=None)
    return first if earliest is first.fix_date else replace(first, fix_date=earliest)


def _get_sort_key(finding: Finding) -> tuple[str, str, str, int, str, str]:
    return *get_finding_key(finding), -finding.severity, finding.installed, finding.fixed_in or ""
