"""Deduplication: one id for each vulnerability (its CVE), and one finding for each package that has it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from bot.model.evidence import Finding

_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.ASCII)
"""https://cve.mitre.org/cve/identifiers/syntaxchange.html"""
_GHSA = re.compile(r"GHSA(?:-[0-9a-z]{4}){3}", re.ASCII)

FindingKey = tuple[str, str, str]
"""Canonical id, package type and package name. The version is left out, because the same vulnerability in a newer
version of the package is the same finding."""


def is_cve(text: str) -> bool:
    """Return True if a text is a CVE id."""
    return _CVE.fullmatch(text) is not None


def get_canonical_ids(vulnerability_id: str, aliases: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the ids that a vulnerability is counted under, in order; never empty.

    A CVE counts under its own id, and an advisory under each CVE that it names. An advisory without a CVE counts under
    its GHSA id if it has one, else under the id from the scanner.
    """
    if is_cve(vulnerability_id):
        return (vulnerability_id,)
    sorted_aliases = sorted(set(aliases))
    if cves := tuple(filter(is_cve, sorted_aliases)):
        return cves
    advisories = (name for name in (vulnerability_id, *sorted_aliases) if _GHSA.fullmatch(name))
    return (next(advisories, vulnerability_id),)


def get_finding_key(finding: Finding) -> FindingKey:
    """Return the key by which two findings are equal."""
    return finding.id, finding.package_type, finding.package


def merge_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return each finding once, with its worst severity.

    Findings occur several times because scanners report a source package once for each of its binary packages.
    """
    return tuple(next(same) for _, same in groupby(sorted(findings, key=_get_sort_key), key=get_finding_key))


def _get_sort_key(finding: Finding) -> tuple[str, str, str, int, str, str]:
    return *get_finding_key(finding), -finding.severity, finding.installed, finding.fixed_in or ""
