"""Add published data about vulnerabilities to the results of scanners: VEX statements and public lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.core.evidence.vex import group_by_image, suppress_findings
from bot.model.advisory import AdvisoryResult
from bot.model.decision import Transition
from bot.model.evidence import Evidence, Scan, ScanOutcome, ScanSubject
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.worker_pool import WorkerPool
from bot.ports import AdvisorySource


@dataclass(frozen=True, slots=True)
class VexResult:
    """The scan outcomes without suppressed findings, and the documents that could not be read."""

    outcomes: Mapping[ScanSubject, ScanOutcome]
    failures: tuple[RunFailure, ...] = ()


def apply_vex(
    outcomes: Mapping[ScanSubject, ScanOutcome], advisories: AdvisorySource | None, pool: WorkerPool
) -> VexResult:
    """Suppress findings according to VEX statements of accepted authors; without findings no statements are read."""
    if advisories is None or not any(isinstance(each, Scan) and each.findings for each in outcomes.values()):
        return VexResult(outcomes)
    vex = advisories.load_statements()
    statements_by_image = group_by_image(vex.statements)
    failures = tuple(RunFailure(key, FailureStage.ASSESS, error) for key, error in vex.errors)
    if not statements_by_image:
        return VexResult(outcomes, failures)
    names = pool.map(advisories.list_digests, outcomes)
    suppressed = (
        suppress_findings(outcome, subject, statements_by_image, digests)
        for (subject, outcome), digests in zip(outcomes.items(), names, strict=True)
    )
    return VexResult(dict(zip(outcomes, suppressed, strict=True)), failures)


@dataclass(frozen=True, slots=True)
class EnrichResult:
    """The evidence with data of public lists, and the lists that could not be read."""

    evidence: Mapping[Transition, Evidence]
    failures: tuple[RunFailure, ...] = ()


def enrich_evidence(evidence: Mapping[Transition, Evidence], advisories: AdvisorySource | None) -> EnrichResult:
    """Query the public lists once for all findings; without findings they are not read."""
    ids = {transition: _collect_ids(each) for transition, each in evidence.items()}
    all_ids = frozenset().union(*ids.values())
    if advisories is None or not all_ids:
        return EnrichResult(evidence)
    advisory_result = advisories.query_lists(all_ids)
    enriched = {
        transition: _add_list_data(each, ids[transition], advisory_result) for transition, each in evidence.items()
    }
    failures = (
        RunFailure(f"enrichment.{listing}", FailureStage.ASSESS, error)
        for listing, error in advisory_result.errors.items()
    )
    return EnrichResult(enriched, tuple(failures))


def _add_list_data(evidence: Evidence, ids: frozenset[str], advisory_result: AdvisoryResult) -> Evidence:
    return replace(
        evidence,
        exploited_ids=None if advisory_result.exploited_ids is None else advisory_result.exploited_ids & ids,
        epss_scores=None
        if advisory_result.epss_scores is None
        else {each: advisory_result.epss_scores[each] for each in ids & advisory_result.epss_scores.keys()},
        list_versions=advisory_result.list_versions,
    )


def _collect_ids(evidence: Evidence) -> frozenset[str]:
    scans = (each for each in (evidence.old, evidence.new) if isinstance(each, Scan))
    return frozenset(finding.id for scan in scans for finding in scan.findings)
