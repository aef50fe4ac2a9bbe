"""Read which images run in clusters, and store them for later runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from bot.model.errors import StateError
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.model.workload import ClusterOutcome, ClusterReading, StoredCluster, StoredRunningImage, UnreadCluster
from bot.pipeline.failures import STATE_SUBJECT
from bot.pipeline.run_context import ClusterServices, RunContext
from bot.pipeline.worker_pool import REGISTRY_POOL
from bot.ports import ClusterReader


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """The known data about the clusters of the config, and the failures of reading clusters."""

    services: ClusterServices
    """The services of the run with `known`: all clusters of the config, sorted by name, without those that were never
    read."""
    failures: tuple[RunFailure, ...] = ()


def find_running_images(context: RunContext) -> ClusterResult:
    """Return the images that run in clusters.

    If sweeps read the clusters, the images come from the state. Otherwise, the clusters are read now.
    """
    if not context.clusters.readers:
        return ClusterResult(context.clusters)
    return _load_clusters(context, ()) if context.clusters.is_read_by_sweeps else read_clusters(context)


def read_clusters(context: RunContext) -> ClusterResult:
    """Read all clusters of the config at the same time, and store the outcome if a state is configured.

    If a cluster cannot be read, the result has the state's data about this cluster, and a failure.
    """
    if not context.clusters.readers:
        return ClusterResult(context.clusters)
    outcomes = REGISTRY_POOL.run_phase("Reading clusters", _read_images, context.clusters.readers, context.progress)
    failures = [
        RunFailure(each.cluster, FailureStage.CLUSTERS, each.detail)
        for each in outcomes
        if isinstance(each, UnreadCluster)
    ]
    if context.clusters.store is not None:
        try:
            context.clusters.store.record_clusters(outcomes, context.now)
        except StateError as error:
            failures.append(RunFailure(STATE_SUBJECT, FailureStage.CLUSTERS, str(error)))
    loaded = _load_clusters(context, outcomes)
    return ClusterResult(loaded.services, tuple(dict.fromkeys((*failures, *loaded.failures))))


def _read_images(reader: ClusterReader) -> ClusterOutcome:
    return reader.read_images()


def _load_clusters(context: RunContext, outcomes: Sequence[ClusterOutcome]) -> ClusterResult:
    """Return the clusters in `outcomes`, and the other clusters of the config as the state remembers them."""
    known: dict[str, StoredCluster] = {}
    failures: tuple[RunFailure, ...] = ()
    if context.clusters.store is not None:
        try:
            known = {each.cluster: each for each in context.clusters.store.load_clusters()}
        except StateError as error:
            failures = (RunFailure(STATE_SUBJECT, FailureStage.CLUSTERS, str(error)),)
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
    return ClusterResult(replace(context.clusters, known=tuple(clusters)), failures)
