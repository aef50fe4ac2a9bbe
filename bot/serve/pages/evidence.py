"""Tables of the evidence for updates: the vulnerabilities that the next digests of images fix and add."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.evidence.compare import count_by_severity, filter_exploited
from bot.core.evidence.private_evidence import remove_private_evidence
from bot.core.evidence.trust import describe_signature
from bot.core.markdown import get_advisory_url
from bot.model.decision import Transition
from bot.model.evidence import Evidence, Finding, NotScanned, Scan
from bot.model.inventory import BranchKey
from bot.model.report import RepositoryReport
from bot.serve.pages.cells import (
    build_cell,
    build_digest_part,
    link_image,
    link_outside,
    show_severities,
    show_text,
    show_time,
)
from bot.serve.pages.content import Cell, CellStyle, Column, Part, Table
from bot.serve.pages.ports import PagePorts

MAX_TRANSITIONS = 20
"""The maximum number of updates of an image or a repository whose evidence is shown."""
MAX_FINDINGS = 20
"""The maximum number of fixed vulnerabilities that are shown."""
EVIDENCE_LEFT_OUT = (
    "Evidence is left out, because it is private or about private repositories, and `serve.user_header` is not set."
)
_COLUMNS = (
    *(Column("Update"), Column("From"), Column("To"), Column("Fixed"), Column("Added")),
    *(Column("Signature"), Column("Image built")),
)
_FINDING_COLUMNS = (
    *(Column("Vulnerability"), Column("Severity"), Column("Package"), Column("Installed"), Column("Fixed in")),
    *(Column("Exploited"), Column("Title")),
)


@dataclass(frozen=True, slots=True)
class ShownEvidence:
    """The evidence that a page shows."""

    evidence: Mapping[Transition, Evidence]
    is_incomplete: bool
    """True if evidence was left out, because not everyone who can open the page is allowed to see it."""


def load_shown_evidence(ports: PagePorts, reports: Mapping[BranchKey, RepositoryReport]) -> ShownEvidence:
    """Return the evidence that the page is allowed to show for the updates in some reports.

    Evidence for the same update in several repositories is shown if it is allowed for one of the repositories.
    """
    users: dict[Transition, set[BranchKey]] = {}
    for key, report in reports.items():
        for verdict in report.verdicts:
            if verdict.transition is not None:
                users.setdefault(verdict.transition, set()).add(key)
    chosen = sorted(users, key=lambda each: each.sort_key)[:MAX_TRANSITIONS]
    found = ports.reports.load_evidence(chosen)
    public = ports.fleet.select_public(reports.keys()) if found else frozenset()
    shown = {
        each: found[each] if ports.has_users else remove_private_evidence(found[each])
        for each in chosen
        if each in found and ports.can_show_evidence(found[each], is_public=not public.isdisjoint(users[each]))
    }
    return ShownEvidence(shown, len(shown) < len(found))


def build_evidence_tables(shown: ShownEvidence, now: datetime) -> Iterator[Table]:
    """Yield a table with the evidence of each update, and a table with the most severe fixed vulnerabilities."""
    if not shown.evidence:
        return
    yield Table(
        name="evidence",
        heading="What the next digests change",
        columns=_COLUMNS,
        rows=[_build_row(transition, evidence, now) for transition, evidence in shown.evidence.items()],
        empty="",
        note="According to the last scans.",
    )
    findings = list(_list_fixed(shown.evidence.values()))
    if findings:
        yield Table(
            name="findings",
            heading="Vulnerabilities that the next digests fix",
            columns=_FINDING_COLUMNS,
            rows=[_build_finding_row(each, evidence) for each, evidence in findings[:MAX_FINDINGS]],
            empty="",
            note=_count_left_out(len(findings) - MAX_FINDINGS),
        )


def _build_row(transition: Transition, evidence: Evidence, now: datetime) -> tuple[Cell, ...]:
    delta = evidence.delta
    unknown = _show_unknown(evidence)
    return (
        build_cell(link_image(str(transition.new_tag_ref)), note=", ".join(transition.platforms)),
        build_cell(build_digest_part(transition.old)) if transition.old is not None else show_text("not pinned"),
        build_cell(build_digest_part(transition.new)),
        _show_findings(delta.fixed, evidence) if delta is not None else unknown,
        _show_findings(delta.introduced, evidence) if delta is not None else unknown,
        show_text(describe_signature(evidence.signatures.new) if evidence.signatures is not None else "not checked"),
        show_time(evidence.new.created if isinstance(evidence.new, Scan) else None, now),
    )


def _show_unknown(evidence: Evidence) -> Cell:
    unscanned = next((each for each in (evidence.new, evidence.old) if isinstance(each, NotScanned)), None)
    return show_text(f"not known: {unscanned.reason.sentence}" if unscanned is not None else "not known")


def _show_findings(findings: Sequence[Finding], evidence: Evidence) -> Cell:
    counts = {severity.word: count for severity, count in count_by_severity(findings).items()}
    if evidence.exploited_ids is not None:
        exploited = {each.id for each in filter_exploited(findings, evidence.exploited_ids)}
        counts = {"exploited": len(exploited), **counts}
    return show_severities(counts)


def _list_fixed(all_evidence: Collection[Evidence]) -> Iterator[tuple[Finding, Evidence]]:
    """Return the fixed vulnerabilities without duplicates, the exploited and most severe ones first."""
    found: dict[tuple[str, str], tuple[Finding, Evidence]] = {}
    for evidence in all_evidence:
        for finding in evidence.delta.fixed if evidence.delta is not None else ():
            found.setdefault((finding.id, finding.package), (finding, evidence))
    yield from sorted(found.values(), key=lambda each: (not _is_exploited(*each), -each[0].severity, each[0]))


def _is_exploited(finding: Finding, evidence: Evidence) -> bool:
    return evidence.exploited_ids is not None and finding.id in evidence.exploited_ids


def _build_finding_row(finding: Finding, evidence: Evidence) -> tuple[Cell, ...]:
    is_exploited = _is_exploited(finding, evidence)
    styles = {"critical": CellStyle.CRITICAL, "high": CellStyle.HIGH}
    severity = Part(finding.severity.word, styles.get(finding.severity.word, CellStyle.PLAIN), is_badge=True)
    exploited = show_text("yes", CellStyle.CRITICAL) if is_exploited else Cell()
    return (
        build_cell(link_outside(finding.id, get_advisory_url(finding.id))),
        build_cell(severity),
        show_text(finding.package),
        show_text(finding.installed),
        show_text(finding.fixed_in or ""),
        exploited,
        show_text(finding.title),
    )


def _count_left_out(count: int) -> str:
    return f"The most severe {MAX_FINDINGS}; {count:,} more are fixed." if count > 0 else ""
