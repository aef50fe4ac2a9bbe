"""Template data for short lists of vulnerabilities: those that matter most, and all of them by package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.evidence.compare import count_distinct
from bot.core.evidence.packages import VersionLookup
from bot.core.markdown import EscapedText, Link, Plain, Text, link_vulnerability
from bot.core.proposal.view.contents import list_latest_versions
from bot.model.evidence import Evidence, Finding, Severity

MAX_NOTABLE = 5
"""Limit for the vulnerabilities that are shown without unfolding a list. More do not fit on one screen."""
MAX_NOTABLE_BESIDE_OTHERS = 3
"""The value of MAX_NOTABLE for the fixed vulnerabilities of an update that also adds some, to keep the text short."""
MAX_TITLE_LENGTH = 30
"""Limit for the characters of a title in these lists, so that a row fits on one line."""
HIGH_EPSS = 0.1
"""From this probability of exploitation on, a vulnerability matters whatever its severity."""
MAX_PACKAGE_NAMES = 3
"""Limit for the names that are shown of packages with the same versions and vulnerabilities."""
MAX_FINDINGS_OF_PACKAGE = 200
"""Limit for the vulnerabilities that are shown of one package."""

_FIRST_WORD = re.compile(r"(?P<word>[A-Za-z0-9][A-Za-z0-9.+_-]*)(?: -|:)\s+(?=\S)", re.ASCII)
_NO_LETTERS = re.compile(r"[^a-z]+")


@dataclass(frozen=True, slots=True)
class NotableView:
    """One vulnerability that matters, with all packages that have it."""

    id: Text | Link
    title: EscapedText | None
    """The title without the name of the package."""
    severity: Severity
    is_exploited: bool
    epss: float | None
    """The probability of exploitation within thirty days, in per cent (EPSS); None if it is unknown."""
    packages: tuple[Text | Plain, ...]
    """The names of the packages. A long list is truncated and ends with the number of omitted packages."""
    installed: Text
    """The version of the first package."""
    other: tuple[Text | Plain, ...] | None
    """The versions of the first package in the other image, as in `FindingView`."""
    fixed_in: Text | None
    """The version that fixes the vulnerability; None if no version does."""
    platforms: tuple[Text, ...]
    """The scanned platforms on which the finding exists; empty if it exists on all of them."""


@dataclass(frozen=True, slots=True)
class PackageFindingView:
    """One vulnerability in a list by package."""

    id: Text | Link
    severity: Severity
    is_exploited: bool
    fixed_in: Text | None
    platforms: tuple[Text, ...]
    """The scanned platforms on which the finding exists; empty if it exists on all of them."""


@dataclass(frozen=True, slots=True)
class PackageFindingsView:
    """The vulnerabilities of a package, or of several packages with the same versions and vulnerabilities."""

    packages: tuple[Text | Plain, ...]
    """The names of the packages. A long list is truncated and ends with the number of omitted packages."""
    installed: Text
    other: tuple[Text | Plain, ...] | None
    """The versions in the other image, as in `FindingView`."""
    findings: tuple[PackageFindingView, ...]
    """The vulnerabilities, worst first. The list may have been truncated."""
    cut: int
    """The number of vulnerabilities that were left out."""


@dataclass(frozen=True, slots=True)
class FindingGroups:
    """The vulnerabilities of one list by package, and the number of vulnerabilities that no group shows."""

    groups: tuple[PackageFindingsView, ...]
    cut: int


def list_notable(
    findings: Iterable[Finding], evidence: Evidence, versions: VersionLookup, rows: int, limit: int = MAX_NOTABLE
) -> tuple[NotableView, ...]:
    """Return the vulnerabilities that matter most: known exploited ones, critical ones, and ones with a high EPSS.

    The next worst vulnerabilities follow. The list has at most `limit` and at most `rows` entries. `versions` looks up
    packages in the other image.
    """
    by_id: dict[str, list[Finding]] = {}
    for finding in findings:
        by_id.setdefault(finding.id, []).append(finding)
    worst = {each: max(found, key=lambda finding: finding.severity) for each, found in by_id.items()}
    ordered = sorted(worst.values(), key=lambda finding: _get_order(finding, evidence))
    return tuple(_build_notable(each, by_id[each.id], evidence, versions) for each in ordered[: min(rows, limit)])


def group_by_package(
    findings: Sequence[Finding], evidence: Evidence, versions: VersionLookup, rows: int
) -> FindingGroups:
    """Return vulnerabilities by package in at most `rows` groups, beginning with the worst vulnerability.

    Packages that have the same versions and the same vulnerabilities share a group, because they usually come from the
    same source package.
    """
    by_package: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        by_package.setdefault((finding.package_type, finding.package, finding.installed), []).append(finding)
    groups: dict[tuple[object, ...], list[tuple[str, list[Finding]]]] = {}
    for (package_type, name, installed), found in by_package.items():
        found.sort(key=lambda finding: (not _is_exploited(finding, evidence), -finding.severity, finding.id))
        key = (package_type, installed, versions(found[0]), tuple((each.id, each.platforms) for each in found))
        groups.setdefault(key, []).append((name, found))
    ordered = sorted(groups.values(), key=lambda group: _get_group_order(group[0][1], evidence))
    views = tuple(_build_group(group, evidence, versions) for group in ordered[:rows])
    shown = {each.id for group in ordered[:rows] for each in group[0][1][:MAX_FINDINGS_OF_PACKAGE]}
    return FindingGroups(views, count_distinct(findings) - len(shown))


def strip_package_name(title: str, package: str) -> str:
    """Return the title of a vulnerability without the name of its package or product at the beginning.

    Scanners' titles begin like `openssl: heap overflow`. The name is removed if it resembles the package: one of both
    contains the other, apart from digits and punctuation.
    """
    match = _FIRST_WORD.match(title)
    if match is None:
        return title
    word, name = (_NO_LETTERS.sub("", text.lower()) for text in (match["word"], package))
    return title[match.end() :] if word and name and (word in name or name in word) else title


def _is_exploited(finding: Finding, evidence: Evidence) -> bool:
    return evidence.exploited_ids is not None and finding.id in evidence.exploited_ids


def _get_epss(finding: Finding, evidence: Evidence) -> float | None:
    return evidence.epss_scores.get(finding.id) if evidence.epss_scores is not None else None


def _get_order(finding: Finding, evidence: Evidence) -> tuple[bool, bool, bool, int, float, str]:
    epss = _get_epss(finding, evidence) or 0
    return (
        not _is_exploited(finding, evidence),
        finding.severity is not Severity.CRITICAL,
        epss < HIGH_EPSS,
        -finding.severity,
        -epss,
        finding.id,
    )


def _get_group_order(found: Sequence[Finding], evidence: Evidence) -> tuple[bool, int, int, str]:
    return not _is_exploited(found[0], evidence), -found[0].severity, -len(found), found[0].package


def _truncate_names(names: Sequence[str]) -> tuple[Text | Plain, ...]:
    hidden = len(names) - MAX_PACKAGE_NAMES
    return (*map(Text, names[:MAX_PACKAGE_NAMES]), *([Plain(f"{hidden} more")] if hidden > 0 else []))


def _build_notable(
    finding: Finding, found: Sequence[Finding], evidence: Evidence, versions: VersionLookup
) -> NotableView:
    names = [
        finding.package,
        *(each for each in dict.fromkeys(each.package for each in found) if each != finding.package),
    ]
    title, epss, other = (
        strip_package_name(finding.title, finding.package),
        _get_epss(finding, evidence),
        versions(finding),
    )
    return NotableView(
        id=link_vulnerability(finding.id),
        title=EscapedText(title, MAX_TITLE_LENGTH) if title else None,
        severity=finding.severity,
        is_exploited=_is_exploited(finding, evidence),
        epss=round(100 * epss, 1) if epss is not None else None,
        packages=_truncate_names(names),
        installed=Text(finding.installed),
        other=list_latest_versions(other) if other is not None else None,
        fixed_in=Text(finding.fixed_in) if finding.fixed_in else None,
        platforms=tuple(map(Text, finding.platforms)),
    )


def _build_group(
    group: Sequence[tuple[str, Sequence[Finding]]], evidence: Evidence, versions: VersionLookup
) -> PackageFindingsView:
    found = group[0][1]
    other = versions(found[0])
    return PackageFindingsView(
        packages=_truncate_names(sorted(name for name, _ in group)),
        installed=Text(found[0].installed),
        other=list_latest_versions(other) if other is not None else None,
        findings=tuple(
            PackageFindingView(
                link_vulnerability(each.id),
                each.severity,
                _is_exploited(each, evidence),
                Text(each.fixed_in) if each.fixed_in else None,
                tuple(map(Text, each.platforms)),
            )
            for each in found[:MAX_FINDINGS_OF_PACKAGE]
        ),
        cut=max(0, len(found) - MAX_FINDINGS_OF_PACKAGE),
    )
