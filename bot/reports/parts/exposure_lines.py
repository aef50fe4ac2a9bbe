"""Describes the exposure of images in use in a few words: what they contain, and where a fix exists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from bot.core.evidence.compare import count_distinct
from bot.core.evidence.effect import FindingSummary, summarise_findings
from bot.core.evidence.exposure import list_urgent_findings
from bot.core.evidence.package_versions import OS_PACKAGE_TYPES
from bot.core.markdown import make_console_line
from bot.core.transition import shorten_digest
from bot.model.decision import Transition
from bot.model.evidence import FixDate, FixDateOrigin, NotScanned, Scan, Severity
from bot.model.exposure import ExposedFinding, Exposure, FixPlace
from bot.model.report import RunReport, Verdict
from bot.reports.parts.inventory_document import describe_duration
from bot.reports.parts.styled_lines import Line, Style, StyledLine
from bot.reports.parts.text_table import Column, render_table

_DISTRIBUTION_NAMES = {
    "alma": "AlmaLinux",
    "amazon": "Amazon Linux",
    "azurelinux": "Azure Linux",
    "cbl-mariner": "CBL-Mariner",
    "centos": "CentOS",
    "minimos": "MinimOS",
    "opensuse-leap": "openSUSE",
    "opensuse-tumbleweed": "openSUSE",
    "oracle": "Oracle Linux",
    "photon": "Photon OS",
    "redhat": "Red Hat",
    "rocky": "Rocky Linux",
    "sles": "SUSE Linux",
}
"""The names of distributions that are not only the scanner's name with a capital letter."""
UPSTREAM = "upstream"
"""The publisher of fixes in packages that do not belong to a distribution."""
_COLUMNS = (
    Column("vulnerability"),
    Column("severity", drop_rank=2),
    Column("package"),
    Column("installed", drop_rank=1),
    Column("fixed in"),
    Column("fix"),
)


def describe_urgent_exposure(verdict: Verdict, exposure: Exposure) -> str:
    """Return a phrase about the vulnerabilities that are critical or exploited, and have a fix.

    An example is `1 critical, fixed in Debian for 9 days, not in the image`. Vulnerabilities that the proposed update
    fixes are left out, because the effect of the update contains them. Return an empty string if there are none.
    """
    urgent = list_urgent_findings(exposure)
    by_fix = {place: [each for each in urgent if each.fix is place] for place in (*FixPlace, None)}
    image = "new image" if verdict.status.is_updatable else "image"
    parts = []
    if (found := by_fix[FixPlace.IN_UPDATE]) and not verdict.status.is_updatable:
        parts.append(f"{_count_urgent(found, exposure)}, fixed in the newer digest")
    if found := by_fix[FixPlace.IN_DISTRIBUTION]:
        fixed = f"fixed {_name_publishers(found, exposure)}{_describe_oldest_fix(found, exposure)}"
        parts.append(f"{_count_urgent(found, exposure)}, {fixed}, not in the {image}")
    if found := by_fix[None]:
        parts.append(f"{_count_urgent(found, exposure)} with a fix, not known if in the newer digest")
    return "; ".join(parts)


def _describe_oldest_fix(found: Iterable[ExposedFinding], exposure: Exposure) -> str:
    """Return since when the oldest of the fixes is published; empty if that is unknown or less than a day ago."""
    oldest = min(
        (each.finding.fix_date for each in found if each.finding.fix_date is not None),
        key=lambda fix: fix.at,
        default=None,
    )
    if oldest is None or exposure.at is None or exposure.at - oldest.at < timedelta(days=1):
        return ""
    return f" {describe_fix_age(oldest, exposure.at)}"


def describe_fix_age(fix_date: FixDate, now: datetime) -> str:
    """Return since when a fix is published, such as `for 9 days`, or `for at least 9 days` if it may be older."""
    age = describe_duration((now - fix_date.at).total_seconds())
    return f"for at least {age}" if fix_date.origin is FixDateOrigin.AT_LEAST else f"for {age}"


def _count_urgent(found: Sequence[ExposedFinding], exposure: Exposure) -> str:
    """Return the number of critical and of exploited vulnerabilities, such as `2 critical (1 exploited)`."""
    summary = _summarise(found, exposure)
    if not summary.critical:
        return f"{summary.exploited} exploited"
    return f"{summary.critical} critical" + (f" ({summary.exploited} exploited)" if summary.exploited else "")


def _summarise(found: Iterable[ExposedFinding], exposure: Exposure) -> FindingSummary:
    return summarise_findings((each.finding for each in found), exposure.exploited_ids)


def _name_publishers(found: Iterable[ExposedFinding], exposure: Exposure) -> str:
    """Return where fixes were published: `in Debian`, or `upstream` for packages that are not of the distribution."""
    in_distribution = {each.finding.package_type in OS_PACKAGE_TYPES for each in found}
    words = []
    if True in in_distribution and isinstance(exposure.in_use, Scan):
        words.append(f"in {name_distribution(exposure.in_use.os)}")
    if False in in_distribution:
        words.append(UPSTREAM)
    return " or ".join(words)


def name_distribution(os: str) -> str:
    """Return the name of the distribution of an operating system, such as `Debian` for `debian 12.7`."""
    family = os.partition(" ")[0]
    return _DISTRIBUTION_NAMES.get(family) or make_console_line(family.capitalize())


def name_publisher(distribution: str) -> str:
    """Return who published fixes: the name of a distribution; UPSTREAM if `distribution` is empty."""
    return name_distribution(distribution) if distribution else UPSTREAM


def summarise_exposures(report: RunReport) -> Iterator[str]:
    """Yield sentences about the exposure of all images in use. An image counts once, however many files use it."""
    if not report.exposures:
        return
    waiting = [
        exposure
        for exposure in report.exposures.values()
        if any(each.fix is FixPlace.IN_DISTRIBUTION for each in list_urgent_findings(exposure))
    ]
    if waiting:
        have = "1 image in use has" if len(waiting) == 1 else f"{len(waiting)} images in use have"
        yield (
            f"{have} a critical or exploited vulnerability that its distribution has fixed, but no digest of the tag "
            "contains the fix."
        )
    unknown = [each.in_use for each in report.exposures.values() if isinstance(each.in_use, NotScanned)]
    if unknown and not all(each.is_expected for each in unknown):
        reasons = Counter(each.reason for each in unknown)
        words = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        yield f"The vulnerabilities of {len(unknown)} of {len(report.exposures)} images in use are unknown ({words})."


def render_exposures(report: RunReport, screen_width: int | None) -> Iterator[Line]:
    """Yield a table of the vulnerabilities of each image in use, with all that have a fix; nothing without exposures.

    `screen_width` is the width of the terminal; None for a file.
    """
    for transition, exposure in sorted(report.exposures.items(), key=lambda item: item[0].sort_key):
        yield StyledLine("", f"{_name_image(transition)}: {_describe_exposure(exposure)}", Style.EXPLANATION)
        rows = [_build_row(each, exposure) for each in exposure.findings if each.fix is not FixPlace.NO_FIX]
        if rows:
            yield from render_table(_COLUMNS, rows, screen_width)


def _name_image(transition: Transition) -> str:
    tag_ref, digest = transition.tag_ref, transition.old or transition.new
    return make_console_line(f"{tag_ref.repository}:{tag_ref.tag} {shorten_digest(digest)}")


def _describe_exposure(exposure: Exposure) -> str:
    if isinstance(exposure.in_use, NotScanned):
        return f"not scanned: {exposure.in_use.reason.sentence}"
    if not exposure.findings:
        return "no known vulnerabilities"
    counts = {
        place: _summarise((each for each in exposure.findings if each.fix is place), exposure) for place in FixPlace
    }
    unknown = count_distinct(each.finding for each in exposure.findings if each.fix is None)
    words = [f"{place} {summary}" for place, summary in counts.items() if summary.count]
    return ", ".join([*words, *([f"{unknown} with a fix that the newer digest may contain"] if unknown else [])])


def _build_row(exposed: ExposedFinding, exposure: Exposure) -> tuple[str, ...]:
    finding = exposed.finding
    is_exploited = exposure.exploited_ids is not None and finding.id in exposure.exploited_ids
    severity = finding.severity.word if finding.severity is not Severity.UNKNOWN else "unknown"
    return (
        finding.id,
        f"{severity}, exploited" if is_exploited else severity,
        finding.package,
        finding.installed,
        finding.fixed_in or "",
        exposed.fix.value if exposed.fix is not None else "not known",
    )
