"""Assess: scan each distinct image once in a run, and compare old with new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.compare import compare
from bot.model.decision import Transition
from bot.model.evidence import Evidence, ScanOutcome, Subject
from bot.pipeline.pool import Pool
from bot.ports import Progress, Scanner


def assess(
    transitions: Iterable[Transition], scanner: Scanner, pool: Pool, progress: Progress
) -> Mapping[Transition, Evidence]:
    """Return the evidence of every transition."""
    wanted = sorted(set(transitions), key=lambda move: (move.line, move.old or "", move.new, move.platform))
    subjects = sorted({subject for move in wanted for subject in _subjects(move)}, key=repr)
    progress.phase("Scanning images", len(subjects))

    def scan(subject: Subject) -> ScanOutcome:
        try:
            return scanner.scan(subject)
        finally:
            progress.step()

    outcomes = dict(zip(subjects, pool.map(scan, subjects), strict=True))
    progress.done()
    return {
        move: compare(
            outcomes[Subject(move.line, move.old, move.platform)] if move.old else None,
            outcomes[Subject(move.line, move.new, move.platform)],
        )
        for move in wanted
    }


def _subjects(move: Transition) -> Iterable[Subject]:
    return [Subject(move.line, digest, move.platform) for digest in (move.old, move.new) if digest]
