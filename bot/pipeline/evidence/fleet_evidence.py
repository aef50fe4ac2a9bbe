"""Add two facts to the evidence: where the images run, and the outcomes of CI elsewhere in the fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.core.inventory.ci_counts import MAX_REQUEST_AGE, count_outcomes
from bot.core.inventory.running_uses import RunningUseFinder
from bot.model.decision import Transition
from bot.model.evidence import Evidence
from bot.model.image import Resolution, ResolvedTag
from bot.model.image_name import Digest, TagRef
from bot.model.own_build import StoredBuild
from bot.model.vocabulary import FailureStage
from bot.pipeline.run_context import RunContext


def add_fleet_outcomes(evidence: Mapping[Transition, Evidence], context: RunContext) -> Mapping[Transition, Evidence]:
    """Return the evidence with the outcomes of CI on all pull requests that propose the new digests.

    The outcomes come from the state. If it cannot be read, return the evidence unchanged.
    """
    if not evidence:
        return evidence
    targets = {transition: f"{transition.new_tag_ref}@{transition.new}" for transition in evidence}
    with context.failures.note_state_error(FailureStage.ASSESS):
        requests = context.state.inventory.load_requests(
            {each.tag_ref.repository for each in evidence}, context.now - MAX_REQUEST_AGE
        )
        outcomes = count_outcomes(requests, set(targets.values()))
        return {each: replace(found, fleet_outcome=outcomes.get(targets[each])) for each, found in evidence.items()}
    return evidence


def add_running_uses(
    evidence: Mapping[Transition, Evidence], resolutions: Mapping[TagRef, Resolution], context: RunContext
) -> Mapping[Transition, Evidence]:
    """Add to the evidence the namespaces in which the images run, and own images that were built on them.

    Without clusters, the evidence is returned unchanged. `resolutions` are the results of the lookups of all tags.
    """
    if context.clusters.known is None or not evidence:
        return evidence
    builds: Sequence[StoredBuild] = ()
    with context.failures.note_state_error(FailureStage.ASSESS):
        builds = context.state.own_builds.load_builds()
    clusters = context.clusters
    finder = RunningUseFinder(clusters.known or (), [each.build for each in builds], clusters.find_origin)
    return {
        transition: replace(found, running=finder.find_uses(transition, _list_old_images(transition, resolutions)))
        for transition, found in evidence.items()
    }


def _list_old_images(transition: Transition, resolutions: Mapping[TagRef, Resolution]) -> list[Digest]:
    """Return the digests of the images in the old index; empty if the old image is not an index."""
    resolution = resolutions.get(transition.tag_ref)
    if not isinstance(resolution, ResolvedTag) or transition.old is None:
        return []
    manifest = resolution.pinned_manifests.get(transition.old)
    return [child.digest for child in manifest.children] if manifest is not None else []
