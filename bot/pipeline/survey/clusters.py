"""Read which images run in clusters, and store them for later runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from bot.model.phases import ProgressStep
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.model.workload import ClusterOutcome, ClusterReading, StoredCluster, StoredRunningImage, UnreadCluster
from bot.pipeline.run_context import ClusterServices, RunContext
from bot.pipeline.worker_pool import REGISTRY_POOL
from bot.ports import ClusterReader


def find_running_images(context: RunContext) -> ClusterServices:
    """Return the images that run in clusters.

    If sweeps read the clusters, the images come from the state. Otherwise, the clusters are read now. The result is
    `context.clusters` with `known`: all clusters of the config, sorted by name, without those that were never read.
    Failures are noted in the log of `context`.
    """
    if not context.clusters.readers:
        return context.clusters
    return _load_clusters(context, ()) if context.clusters.is_read_by_sweeps else read_clusters(context)


def read_clusters(context: RunContext) -> ClusterServices:
    """Read all clusters of the config at the same time, and store the outcome if a state is configured.

    If a cluster cannot be read, a failure is noted, and the result has the state's data about this cluster. The result
    has the form of `find_running_images`.
    """
    if not context.clusters.readers:
        return context.clusters
    outcomes = REGISTRY_POOL.run_phase(
        ProgressStep.READ_CLUSTERS, _read_images, context.clusters.readers, context.progress
    )
    context.failures.add(
        RunFailure(each.cluster, FailureStage.CLUSTERS, each.detail)
        for each in outcomes
        if isinstance(each, UnreadCluster)
    )
    with context.failures.note_state_error(FailureStage.CLUSTERS):
        context.state.running_images.record_clusters(outcomes, context.now)
    return _load_clusters(context, outcomes)


def _read_images(reader: ClusterReader) -> ClusterOutcome:
    return reader.read_images()


def _load_clusters(context: RunContext, outcomes: Sequence[ClusterOutcome]) -> ClusterServices:
    """Return the clusters in `outcomes`, and the other clusters of the config as the state remembers them."""
    known: dict[str, StoredCluster] = {}
    with context.failures.note_state_error(FailureStage.CLUSTERS):
        known = {each.cluster: each for each in context.state.running_images.load_clusters()}
    for each in outcomes:
        match each:
            case ClusterReading(cluster, images):
                if cluster not in known:
                    seen = tuple(StoredRunningImage(image, context.now) for image in images)
                    known[cluster] = StoredCluster(cluster, context.now, None, seen)
            case UnreadCluster():
                pass
            case _:
                assert_never(each)
    names = {each.name for each in context.clusters.readers}
    clusters = (each for name, each in sorted(known.items()) if name in names and each.read_at is not None)
    return replace(context.clusters, known=tuple(clusters))
