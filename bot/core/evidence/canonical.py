"""One name for one vulnerability: the CVEs that an advisory is about, and one finding for each package that has it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from bot.model.evidence import Finding

_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.ASCII)
"""https://cve.mitre.org/cve/identifiers/syntaxchange.html"""
_GHSA = re.compile(r"GHSA(?:-[0-9a-z]{4}){3}", re.ASCII)

Key = tuple[str, str, str]
"""The canonical id, the type of the package and its name. A version is no part of it: the same hole in a newer package
is the same hole."""


def is_cve(text: str) -> bool:
    """Say whether a text is the id of a CVE."""
    return _CVE.fullmatch(text) is not None


def canonical_ids(given: str, aliases: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what a vulnerability is called wherever somebody counts it, in order; never nothing.

    A CVE stands for itself, and an advisory for every CVE that it names. One that names none is a GHSA if that is one
    of its names, else what the scanner calls it.
    """
    if is_cve(given):
        return (given,)
    named = sorted(set(aliases))
    if cves := tuple(filter(is_cve, named)):
        return cves
    advisories = (name for name in (given, *named) if _GHSA.fullmatch(name))
    return (next(advisories, given),)


def key(finding: Finding) -> Key:
    """Return what makes two findings the same."""
    return finding.id, finding.package_type, finding.package


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return each finding once, the worst of those that are the same: a source package has many binary ones."""
    return tuple(next(same) for _, same in groupby(sorted(findings, key=_order), key=key))


def _order(finding: Finding) -> tuple[str, str, str, int, str, str]:
    return *key(finding), -finding.severity, finding.installed, finding.fixed_in or ""
