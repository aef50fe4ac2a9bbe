"""Describes in words how far an update got. All outputs use these words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from bot.core.markdown import describe_rest
from bot.model.update_stages import (
    ClusterCoverage,
    StageCount,
    StageFunnel,
    UnwantedReason,
    UpdateStage,
    UpdateWait,
    WaitReason,
)
from bot.model.workload import RunningImage, count_pods
from bot.reports.parts.inventory_document import count_things, describe_duration, format_minute

MAX_DETAILS = 5
"""The maximum number of workloads, images, manifests or clusters that a sentence names."""
LATER_UPDATE = "a later update is available"
"""The remark on an update that is not the latest one of its image reference."""
UNWANTED_SENTENCES: Mapping[UnwantedReason, str] = {
    UnwantedReason.GONE: "The registry no longer has the digest, so a new pod cannot start.",
    UnwantedReason.BLOCKED: "A list of blocked images contains the digest.",
}


def count_states(funnels: Iterable[StageFunnel], stages: Iterable[UpdateStage]) -> tuple[tuple[str, StageCount], ...]:
    """Return the numbers of uses of several images by the state of their latest update, in words such as `held`."""
    funnels = tuple(funnels)
    return (
        ("not proposed", StageCount(waiting=sum(each.not_proposed for each in funnels))),
        ("declined", StageCount(waiting=sum(each.declined for each in funnels))),
        ("held", StageCount(waiting=sum(each.held for each in funnels))),
        *((stage.value, _add_counts([each.counts.get(stage, StageCount()) for each in funnels])) for stage in stages),
        ("not pinned", StageCount(unknown=sum(each.unknown for each in funnels))),
    )


def _add_counts(counts: Sequence[StageCount]) -> StageCount:
    return StageCount(
        sum(each.done for each in counts),
        sum(each.waiting for each in counts),
        sum(each.unknown for each in counts),
        sum(each.stuck for each in counts),
    )


def describe_wait(wait: UpdateWait, *, shows_workloads: bool) -> str:
    """Return why an update did not reach its next stage.

    The result can contain names of workloads and clusters, which are private evidence.
    """
    details = ", ".join(_list_details(wait, shows_workloads=shows_workloads))
    sentence = f"{wait.reason.sentence.removesuffix('.')}: {details}." if details else wait.reason.sentence
    if not wait.workloads or not wait.manifests:
        return sentence
    workloads = describe_workloads(wait.workloads, shows_workloads=shows_workloads)
    return f"{sentence} {WaitReason.OLDER_RUNS.sentence.removesuffix('.')}: {workloads}."


def _list_details(wait: UpdateWait, *, shows_workloads: bool) -> Iterator[str]:
    """Yield the names of the own images, manifests, workloads or clusters for which an update waits."""
    yield from _cut(wait.images)
    yield from _cut([f"{each.key.repository} {each.path}:{each.line_number}" for each in wait.manifests])
    if wait.workloads and not wait.manifests:
        yield describe_workloads(wait.workloads, shows_workloads=shows_workloads)
    if shows_workloads:
        yield from _cut(wait.clusters)


def _cut(names: Sequence[str]) -> Iterator[str]:
    """Yield the first names, and the number of further names."""
    return _add_rest(names[:MAX_DETAILS], len(names))


def _add_rest(shown: Iterable[str], count: int) -> Iterator[str]:
    """Yield the first of `count` names, and the number of further names."""
    yield from shown
    if rest := describe_rest(count, MAX_DETAILS):
        yield rest


def describe_workloads(images: Iterable[RunningImage], *, shows_workloads: bool) -> str:
    """Return the workloads of running images, such as `prod/payments/Deployment/web (12 pods)`, or only counts."""
    pods = count_pods(images)
    if not shows_workloads:
        workloads = count_things(len(pods), "workload", "workloads")
        return f"{workloads} with {count_things(sum(pods.values()), 'pod', 'pods')}"
    shown = [
        f"{each.title} ({count_things(count, 'pod', 'pods')})" for each, count in islice(pods.items(), MAX_DETAILS)
    ]
    return ", ".join(_add_rest(shown, len(pods)))


def describe_clusters(clusters: Iterable[ClusterCoverage], now: datetime, *, shows_names: bool) -> Iterator[str]:
    """Yield sentences about the age of the data from the clusters. The names of clusters are private evidence."""
    clusters = tuple(clusters)
    if not clusters:
        yield "No cluster was read yet, so nothing is known about running images."
        return
    if shows_names:
        yield from (_describe_cluster(f"Cluster {each.cluster}", each, now) for each in clusters)
        return
    failed = [each for each in clusters if each.problem is not None]
    times = [each.read_at for each in clusters if each.read_at is not None]
    age = f" The oldest of the last readings is {_describe_age(min(times), now)} old." if times else ""
    yield f"{count_things(len(clusters), 'cluster', 'clusters')}.{age}"
    if failed:
        yield f"The last attempt failed for {count_things(len(failed), 'cluster', 'clusters')}."


def _describe_cluster(title: str, cluster: ClusterCoverage, now: datetime) -> str:
    problem = f" The last attempt failed: {cluster.problem}." if cluster.problem is not None else ""
    if cluster.read_at is None:
        return f"{title} was never read, so nothing is known about it.{problem}"
    return f"{title} was read {_describe_age(cluster.read_at, now)} ago, on {format_minute(cluster.read_at)}.{problem}"


def _describe_age(time: datetime, now: datetime) -> str:
    return describe_duration((now - time).total_seconds())
