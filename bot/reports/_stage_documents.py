"""Renders the stages of updates as JSON and as cells of CSV."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.model.update_stages import (
    ClusterCoverage,
    FleetStages,
    ImageUse,
    StageFunnel,
    UpdateProgress,
    UpdateStage,
    UpdateWait,
)
from bot.model.workload import RunningImage
from bot.reports._inventory_parts import build_branch
from bot.reports.json_text import JsonValue, format_time


def build_updates(updates: Iterable[UpdateProgress], now: datetime) -> JsonValue:
    """Return how far the updates of one image reference got."""
    return [_build_update(each, now) for each in updates]


def build_uses(updates: Iterable[UpdateProgress], now: datetime) -> JsonValue:
    """Return how far one update got in each place that uses the image."""
    return [{"path": each.use.path, "line": each.use.line_number, **_build_update(each, now)} for each in updates]


def _build_update(progress: UpdateProgress, now: datetime) -> dict[str, JsonValue]:
    return {
        "digest": progress.digest,
        "latest": progress.is_latest,
        "stage": progress.stage.value if progress.stage is not None else None,
        "since": format_time(progress.since),
        "reached": [
            {"stage": each.stage.value, "at": format_time(each.at), "exact": each.is_exact} for each in progress.reached
        ],
        "waits_for": _build_wait(progress.wait) if progress.wait is not None else None,
        "stuck": progress.is_stuck(now),
        "due_at": format_time(progress.due_at),
        "builds": [
            {
                "canonical": each.repository,
                "digest": each.digest,
                "built_at": format_time(each.built_at),
                "base_known_by": each.evidence.value,
                "file_known_by": each.link.value,
            }
            for each in progress.builds
        ],
        "workloads": [build_running(each) for each in progress.workloads],
    }


def _build_wait(wait: UpdateWait) -> JsonValue:
    return {
        "reason": wait.reason.value,
        "unknown": wait.reason.is_unknown,
        "since": format_time(wait.since),
        "check": {"name": wait.check.name, "url": wait.check.url} if wait.check is not None else None,
        "images": list(wait.images),
        "last_built_at": format_time(wait.last_built_at),
        "manifests": [_build_use(each) for each in wait.manifests],
        "workloads": [build_running(each) for each in wait.workloads],
        "clusters": list(wait.clusters),
    }


def _build_use(use: ImageUse) -> JsonValue:
    return {
        **build_branch(use.key),
        "path": use.path,
        "line": use.line_number,
        "canonical": use.repository,
        "tag": use.tag,
        "digest": use.digest,
    }


def build_running(image: RunningImage) -> dict[str, JsonValue]:
    """Return a running image with its workload."""
    workload = image.workload
    return {
        "cluster": workload.cluster,
        "namespace": workload.namespace,
        "kind": workload.kind,
        "name": workload.name,
        "container": image.container,
        "canonical": image.repository,
        "tag": image.tag,
        "digest": image.digest,
        "pods": image.pods,
        "since": format_time(image.since),
    }


def build_running_images(stages: FleetStages, images: Iterable[RunningImage]) -> JsonValue:
    """Return running images, and whether a repository names them and the registry still has them."""
    unlisted = set(stages.unlisted)
    reasons = {each.image: each.reason.value for each in stages.unwanted}
    return [
        {**build_running(each), "in_repository": each not in unlisted, "unwanted": reasons.get(each)} for each in images
    ]


def build_clusters(clusters: Iterable[ClusterCoverage]) -> JsonValue:
    return [
        {"cluster": each.cluster, "read_at": format_time(each.read_at), "problem": each.problem} for each in clusters
    ]


def build_funnel(funnel: StageFunnel) -> JsonValue:
    """Return the numbers of the uses of an image by stage. Stages that no use passes are null."""
    counts = {each: funnel.counts.get(each) for each in UpdateStage}
    return {
        "image": funnel.image,
        "uses": funnel.uses,
        "not_proposed": funnel.not_proposed,
        "held": funnel.held,
        "unknown": funnel.unknown,
        "stuck": funnel.stuck,
        **{
            stage.value: {
                "uses": count.uses,
                "done": count.done,
                "waiting": count.waiting,
                "unknown": count.unknown,
                "stuck": count.stuck,
            }
            if count is not None
            else None
            for stage, count in counts.items()
        },
    }
