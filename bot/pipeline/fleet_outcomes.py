"""Add to the evidence on updates how CI ended in other repositories of the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.core.inventory.ci_counts import MAX_REQUEST_AGE, count_outcomes
from bot.model.decision import Transition
from bot.model.errors import StateError
from bot.model.evidence import Evidence
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.collect_evidence import EvidenceResult
from bot.pipeline.registry_failures import STATE_SUBJECT
from bot.pipeline.run_context import RunContext


def add_fleet_outcomes(evidence: Mapping[Transition, Evidence], context: RunContext) -> EvidenceResult:
    """Return the evidence with the outcome of CI on the requests that propose the new digests, from the state alone.

    Without a state, the evidence is returned unchanged. If the state cannot be read, a failure is returned.
    """
    if not context.inventory_store.is_available or not evidence:
        return EvidenceResult(evidence)
    targets = {transition: f"{transition.new_tag_ref}@{transition.new}" for transition in evidence}
    try:
        requests = context.inventory_store.load_requests(
            {each.tag_ref.repository for each in evidence}, context.now - MAX_REQUEST_AGE
        )
    except StateError as error:
        return EvidenceResult(evidence, (RunFailure(STATE_SUBJECT, FailureStage.ASSESS, str(error)),))
    outcomes = count_outcomes(requests, set(targets.values()))
    return EvidenceResult(
        {each: replace(found, fleet_outcome=outcomes.get(targets[each])) for each, found in evidence.items()}
    )
