"""Assess: scan each distinct image once in a run, and compare old with new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.core.compare import compare
from bot.model.decision import Transition
from bot.model.evidence import Evidence, NotScanned, ScanOutcome, Subject, Unscanned
from bot.model.report import Failed
from bot.model.vocabulary import Stage
from bot.pipeline.pool import Pool
from bot.ports import Progress, Scanner

_BROKEN = frozenset({Unscanned.SCANNER_MISSING, Unscanned.FAILED, Unscanned.TIMED_OUT})
"""What a scanner could not do; the other states are things that it found."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The evidence of every transition, and what could not be scanned."""

    evidence: Mapping[Transition, Evidence]
    failed: tuple[Failed, ...]


def assess(transitions: Iterable[Transition], scanner: Scanner, pool: Pool, progress: Progress) -> Assessment:
    """Scan and compare."""
    wanted = sorted(set(transitions), key=lambda move: move.order)
    subjects = sorted({subject for move in wanted for subject in _subjects(move)}, key=repr)
    progress.phase("Scanning images", len(subjects))

    def scan(subject: Subject) -> ScanOutcome:
        try:
            return scanner.scan(subject)
        finally:
            progress.step()

    outcomes = dict(zip(subjects, pool.map(scan, subjects), strict=True))
    progress.done()
    evidence = {
        move: compare(
            outcomes[Subject(move.line, move.old, move.platform)] if move.old else None,
            outcomes[Subject(move.line, move.new, move.platform)],
        )
        for move in wanted
    }
    return Assessment(evidence, tuple(_failures(outcomes)))


def _failures(outcomes: Mapping[Subject, ScanOutcome]) -> Iterable[Failed]:
    """Yield each thing that broke once, though it may have broken for every image."""
    said: set[str] = set()
    for subject, outcome in outcomes.items():
        if isinstance(outcome, NotScanned) and outcome.why in _BROKEN:
            error = outcome.detail or outcome.why.sentence
            if error not in said:
                said.add(error)
                yield Failed(f"{subject.line}@{subject.digest}", Stage.ASSESS, error)


def _subjects(move: Transition) -> Iterable[Subject]:
    return [Subject(move.line, digest, move.platform) for digest in (move.old, move.new) if digest]
