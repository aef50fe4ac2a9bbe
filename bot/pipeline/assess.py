"""Scan each distinct image once per run, and compare old and new images.

Published data is added to the results of scanners: VEX statements, and lists of exploited vulnerabilities.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.several_platforms import merge_platforms
from bot.core.evidence.vex import group_by_image, suppress_findings
from bot.model.advisory import AdvisoryResult
from bot.model.decision import Transition
from bot.model.errors import StateError
from bot.model.evidence import Evidence, NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.reference import Digest
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.inspect_images import list_subjects_on
from bot.pipeline.registry_failures import STATE_SUBJECT, deduplicate_failures
from bot.pipeline.worker_pool import WorkerPool
from bot.ports import AdvisorySource, ProgressReporter, Scanner, ScannerSelector, StateStore

_BROKEN = frozenset({UnscannedReason.SCANNER_MISSING, UnscannedReason.FAILED, UnscannedReason.TIMED_OUT})
"""States in which the scanner itself failed; the other states are results of a scan."""


@dataclass(frozen=True, slots=True)
class AssessmentResult:
    """The evidence of every transition, and the failures."""

    evidence: Mapping[Transition, Evidence]
    failures: tuple[RunFailure, ...]


@dataclass(frozen=True, slots=True)
class _ScanTask:
    """One image to scan."""

    scanner: Scanner
    identity: ScannerIdentity | None
    subjects: Sequence[ScanSubject]
    """The image in every repository and under every tag that has it."""


def assess(
    transitions: Iterable[Transition],
    select_scanner: ScannerSelector,
    state_store: StateStore,
    pool: WorkerPool,
    progress: ProgressReporter,
    advisories: AdvisorySource | None = None,
) -> AssessmentResult:
    """Scan and compare images; scans that the scanner made earlier with the same database are reused.

    `advisories` adds data of public lists and VEX statements; stored scans do not contain that data.

    Raises:
        StateError: If the state cannot be read.
    """
    ordered = sorted(set(transitions), key=lambda transition: transition.sort_key)
    subjects = sorted({subject for transition in ordered for subject in list_subjects(transition)}, key=repr)
    outcomes, save_failures = _scan_all(subjects, select_scanner, state_store, pool, progress)
    vex_result = apply_vex(outcomes, advisories, pool)
    compared = {
        transition: merge_platforms(
            {on: _compare_on_platform(transition, on, vex_result.outcomes) for on in transition.platforms}
        )
        for transition in ordered
    }
    enriched = enrich_evidence(compared, advisories)
    failures = (*_list_failures(vex_result.outcomes), *save_failures, *vex_result.failures, *enriched.failures)
    return AssessmentResult(enriched.evidence, failures)


def _scan_all(
    subjects: Sequence[ScanSubject],
    select_scanner: ScannerSelector,
    state_store: StateStore,
    pool: WorkerPool,
    progress: ProgressReporter,
) -> tuple[Mapping[ScanSubject, ScanOutcome], Sequence[RunFailure]]:
    """Scan the images that have no stored scan; return all outcomes, and failures to store scans."""
    progress.start_phase("Scanning images", len(subjects))
    outcomes: dict[ScanSubject, ScanOutcome] = {}
    tasks: list[_ScanTask] = []
    for scanner, scanner_subjects in _group_by_scanner(subjects, select_scanner).items():
        identity = scanner.get_identity()
        if identity:
            outcomes |= state_store.load_scans(identity, scanner_subjects)
        unscanned = [same for same in _group_by_image(scanner_subjects) if same[0] not in outcomes]
        scanner.prefetch([subject for same in unscanned for subject in same])
        tasks += [_ScanTask(scanner, identity, same) for same in unscanned]
    save_failures: list[RunFailure] = []

    def scan(task: _ScanTask) -> ScanOutcome:
        outcome = _scan_image(task.subjects, task.scanner, progress)
        try:
            if isinstance(outcome, Scan) and task.identity:  # stored at once, so that a killed run keeps it
                state_store.save_scans({task.subjects[0]: outcome})
        except StateError as error:
            save_failures.append(RunFailure(STATE_SUBJECT, FailureStage.ASSESS, str(error)))
        return outcome

    for task, outcome in zip(tasks, pool.map(scan, tasks), strict=True):
        outcomes |= dict.fromkeys(task.subjects, outcome)
    progress.finish_phase()
    return outcomes, save_failures[:1]  # the error is the same for every image


def list_subjects(transition: Transition) -> list[ScanSubject]:
    """Return both images of a transition on all of its platforms."""
    return [subject for platform in transition.platforms for subject in list_subjects_on(transition, platform)]


def _compare_on_platform(
    transition: Transition, platform: str, outcomes: Mapping[ScanSubject, ScanOutcome]
) -> Evidence:
    images = [outcomes[subject] for subject in list_subjects_on(transition, platform)]
    return compare_scans(images[0] if transition.old else None, images[-1])


def _group_by_scanner(
    subjects: Iterable[ScanSubject], select_scanner: ScannerSelector
) -> Mapping[Scanner, Sequence[ScanSubject]]:
    scanners: dict[Scanner, list[ScanSubject]] = defaultdict(list)
    for subject in subjects:
        scanners[select_scanner(subject.tag_ref)].append(subject)
    return scanners


def _group_by_image(subjects: Iterable[ScanSubject]) -> Iterable[Sequence[ScanSubject]]:
    """Group subjects that are the same image in several repositories or under several tags."""
    images: dict[tuple[Digest, str], list[ScanSubject]] = defaultdict(list)
    for subject in subjects:
        images[subject.digest, subject.platform].append(subject)
    return images.values()


def _scan_image(subjects: Sequence[ScanSubject], scanner: Scanner, progress: ProgressReporter) -> ScanOutcome:
    """Scan an image; if a repository does not have it, try the next repository."""
    outcome: ScanOutcome = NotScanned(UnscannedReason.NO_SCANNER)
    for subject in subjects:
        if not isinstance(outcome, Scan):
            outcome = scanner.scan(subject)
        progress.advance()
    return outcome


def _list_failures(outcomes: Mapping[ScanSubject, ScanOutcome]) -> Iterator[RunFailure]:
    return deduplicate_failures(
        RunFailure(
            f"{subject.tag_ref}@{subject.digest}", FailureStage.ASSESS, outcome.detail or outcome.reason.sentence
        )
        for subject, outcome in outcomes.items()
        if isinstance(outcome, NotScanned) and outcome.reason in _BROKEN
    )


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
