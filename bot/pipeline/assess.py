"""Assess: scan each distinct image once in a run, and compare old with new."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.evidence.compare import compare
from bot.core.evidence.several_platforms import united
from bot.model.decision import Transition
from bot.model.errors import StateError
from bot.model.evidence import Evidence, NotScanned, Scan, ScannerIdentity, ScanOutcome, Subject, Unscanned
from bot.model.reference import Digest
from bot.model.report import Failed
from bot.model.vocabulary import Stage
from bot.pipeline.enrich import answer, enrich
from bot.pipeline.look import subjects_on
from bot.pipeline.pool import Pool
from bot.pipeline.troubles import STATE, each_once
from bot.ports import Advisories, Memory, Progress, Scanner, ScannerOf

_BROKEN = frozenset({Unscanned.SCANNER_MISSING, Unscanned.FAILED, Unscanned.TIMED_OUT})
"""What a scanner could not do; the other states are things that it found."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The evidence of every transition, and what could not be scanned."""

    evidence: Mapping[Transition, Evidence]
    failed: tuple[Failed, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """One image that has to be scanned."""

    scanner: Scanner
    identity: ScannerIdentity | None
    same: Sequence[Subject]
    """It, in every repository and under every tag that has it."""


def assess(
    transitions: Iterable[Transition],
    scanner_of: ScannerOf,
    memory: Memory,
    pool: Pool,
    progress: Progress,
    advisories: Advisories | None = None,
) -> Assessment:
    """Scan and compare; what a scanner has scanned before with this very database is not scanned again.

    `advisories` are asked about what was found, where the config names any; what is remembered knows nothing of them.

    Raises StateError when the memory cannot be read.
    """
    wanted = sorted(set(transitions), key=lambda move: move.order)
    subjects = sorted({subject for move in wanted for subject in subjects_of(move)}, key=repr)
    outcomes, not_kept = _scan_all(subjects, scanner_of, memory, pool, progress)
    answered = answer(outcomes, advisories, pool)
    compared = {move: united({on: _compared(move, on, answered.outcomes) for on in move.platforms}) for move in wanted}
    enriched = enrich(compared, advisories)
    failed = (*_failures(answered.outcomes), *not_kept, *answered.failed, *enriched.failed)
    return Assessment(enriched.evidence, failed)


def _scan_all(
    subjects: Sequence[Subject], scanner_of: ScannerOf, memory: Memory, pool: Pool, progress: Progress
) -> tuple[Mapping[Subject, ScanOutcome], Sequence[Failed]]:
    """Scan what the memory does not have; return all outcomes, and what could not be remembered."""
    progress.phase("Scanning images", len(subjects))
    outcomes: dict[Subject, ScanOutcome] = {}
    left: list[_Task] = []
    for scanner, theirs in _by_scanner(subjects, scanner_of).items():
        identity = scanner.identity()
        if identity:
            outcomes |= memory.evidence(identity, theirs)
        unknown = [same for same in _by_image(theirs) if same[0] not in outcomes]
        scanner.expect([subject for same in unknown for subject in same])
        left += [_Task(scanner, identity, same) for same in unknown]
    not_kept: list[Failed] = []

    def scan(task: _Task) -> ScanOutcome:
        outcome = _scan(task.same, task.scanner, progress)
        try:
            if isinstance(outcome, Scan) and task.identity:  # at once: a run that is killed has not scanned in vain
                memory.keep_evidence({task.same[0]: outcome})
        except StateError as error:
            not_kept.append(Failed(STATE, Stage.ASSESS, str(error)))
        return outcome

    for task, outcome in zip(left, pool.map(scan, left), strict=True):
        outcomes |= dict.fromkeys(task.same, outcome)
    progress.done()
    return outcomes, not_kept[:1]  # the database says the same for every image


def subjects_of(move: Transition) -> list[Subject]:
    """Return the images of a transition on all of its platforms."""
    return [subject for platform in move.platforms for subject in subjects_on(move, platform)]


def _compared(move: Transition, platform: str, outcomes: Mapping[Subject, ScanOutcome]) -> Evidence:
    images = [outcomes[subject] for subject in subjects_on(move, platform)]
    return compare(images[0] if move.old else None, images[-1])


def _by_scanner(subjects: Iterable[Subject], scanner_of: ScannerOf) -> Mapping[Scanner, Sequence[Subject]]:
    scanners: dict[Scanner, list[Subject]] = defaultdict(list)
    for subject in subjects:
        scanners[scanner_of(subject.line)].append(subject)
    return scanners


def _by_image(subjects: Iterable[Subject]) -> Iterable[Sequence[Subject]]:
    """Return what is the same image in several repositories, or under several tags, together."""
    images: dict[tuple[Digest, str], list[Subject]] = defaultdict(list)
    for subject in subjects:
        images[subject.digest, subject.platform].append(subject)
    return images.values()


def _scan(same: Sequence[Subject], scanner: Scanner, progress: Progress) -> ScanOutcome:
    """Scan one image, in the next repository that has it where it cannot be had from the first."""
    outcome: ScanOutcome = NotScanned(Unscanned.NO_SCANNER)
    for subject in same:
        if not isinstance(outcome, Scan):
            outcome = scanner.scan(subject)
        progress.step()
    return outcome


def _failures(outcomes: Mapping[Subject, ScanOutcome]) -> Iterator[Failed]:
    return each_once(
        Failed(f"{subject.line}@{subject.digest}", Stage.ASSESS, outcome.detail or outcome.why.sentence)
        for subject, outcome in outcomes.items()
        if isinstance(outcome, NotScanned) and outcome.why in _BROKEN
    )
