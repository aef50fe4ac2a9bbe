"""Enrich: what others publish of the vulnerabilities that scanners found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.core.evidence.vex import by_image, set_aside
from bot.model.advisory import Listed
from bot.model.decision import Transition
from bot.model.evidence import Evidence, Scan, ScanOutcome, Subject
from bot.model.report import Failed
from bot.model.vocabulary import Stage
from bot.pipeline.pool import Pool
from bot.ports import Advisories


@dataclass(frozen=True, slots=True)
class Answered:
    """The same scans without the findings that somebody answers for, and the documents that could not be read."""

    outcomes: Mapping[Subject, ScanOutcome]
    failed: tuple[Failed, ...] = ()


def answer(outcomes: Mapping[Subject, ScanOutcome], advisories: Advisories | None, pool: Pool) -> Answered:
    """Set aside what accepted authors say needs no looking at; where nothing was found, nothing is read."""
    if advisories is None or not any(isinstance(each, Scan) and each.findings for each in outcomes.values()):
        return Answered(outcomes)
    vex = advisories.statements()
    said = by_image(vex.statements)
    failed = tuple(Failed(key, Stage.ASSESS, error) for key, error in vex.troubles)
    if not said:
        return Answered(outcomes, failed)
    names = pool.map(advisories.names, outcomes)
    answered = (
        set_aside(outcome, subject, said, known)
        for (subject, outcome), known in zip(outcomes.items(), names, strict=True)
    )
    return Answered(dict(zip(outcomes, answered, strict=True)), failed)


@dataclass(frozen=True, slots=True)
class Enriched:
    """The same evidence with what the lists say, and the lists that could not be read."""

    evidence: Mapping[Transition, Evidence]
    failed: tuple[Failed, ...] = ()


def enrich(evidence: Mapping[Transition, Evidence], advisories: Advisories | None) -> Enriched:
    """Ask the lists once about all that was found; where nothing was, they are not read."""
    ids = {move: _ids(each) for move, each in evidence.items()}
    found = frozenset().union(*ids.values())
    if advisories is None or not found:
        return Enriched(evidence)
    listed = advisories.about(found)
    enriched = {move: _with(each, ids[move], listed) for move, each in evidence.items()}
    failed = (Failed(f"enrichment.{listing}", Stage.ASSESS, error) for listing, error in listed.troubles.items())
    return Enriched(enriched, tuple(failed))


def _with(evidence: Evidence, ids: frozenset[str], listed: Listed) -> Evidence:
    return replace(
        evidence,
        known_exploited=None if listed.exploited is None else listed.exploited & ids,
        epss=None if listed.scores is None else {each: listed.scores[each] for each in ids & listed.scores.keys()},
        asked=listed.asked,
    )


def _ids(evidence: Evidence) -> frozenset[str]:
    scans = (each for each in (evidence.old, evidence.new) if isinstance(each, Scan))
    return frozenset(finding.id for scan in scans for finding in scan.findings)
