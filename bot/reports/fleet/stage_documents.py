"""Renders the stages of updates as JSON and as cells of CSV."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from bot.model.fleet_stages import FleetStages
from bot.model.update_stages import ClusterCoverage, ImageUse, StageFunnel, UpdateProgress, UpdateStage, UpdateWait
from bot.model.workload import RunningImage
from bot.reports.parts.inventory_document import build_branch
from bot.reports.parts.json_text import JsonValue, format_time
from bot.reports.parts.stage_section import StageReport

MAX_WORKLOADS = 100
"""The maximum number of containers that are listed for one update. The key `running` of `usage` lists all of them."""


def build_fleet_stages(report: StageReport) -> JsonValue:
    """Return how far the updates of a fleet got. Facts that come only from clusters are private evidence."""
    stages = report.stages
    has_running = stages.scope.has_clusters and report.shows_names
    return {
        "funnels": [_build_funnel(each) for each in stages.funnels],
        "stuck": [_build_stuck(each, report) for each in stages.list_stuck(report.now)],
        "unwanted": [{**_build_running(each.image), "unwanted": each.reason.value} for each in stages.unwanted]
        if has_running
        else None,
        "unlisted": [_build_running(each) for each in stages.unlisted] if has_running else None,
        "clusters": _build_clusters(stages.clusters) if has_running else None,
    }


def _build_stuck(progress: UpdateProgress, report: StageReport) -> JsonValue:
    state = progress.describe_state(report.stages.scope)
    return {"use": _build_use(progress.use), "state": state, **_build_update(progress, report)}


def build_updates(updates: Iterable[UpdateProgress], report: StageReport) -> JsonValue:
    """Return how far the updates of one image reference got."""
    return [_build_update(each, report) for each in updates]


def build_uses(updates: Iterable[UpdateProgress], report: StageReport) -> JsonValue:
    """Return how far one update got in each use of the image."""
    return [{"path": each.use.path, "line": each.use.line_number, **_build_update(each, report)} for each in updates]


def _build_update(progress: UpdateProgress, report: StageReport) -> dict[str, JsonValue]:
    return {
        "digest": progress.digest,
        "latest": progress.is_latest,
        "stage": progress.stage.value if progress.stage is not None else None,
        "since": format_time(progress.since),
        "reached": [
            {"stage": each.stage.value, "at": format_time(each.at), "exact": each.is_exact} for each in progress.reached
        ],
        "waits_for": _build_wait(progress.wait, report) if progress.wait is not None else None,
        "stuck": progress.is_stuck(report.now),
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
        "workloads": _build_workloads(progress.workloads, report),
    }


def _build_wait(wait: UpdateWait, report: StageReport) -> JsonValue:
    return {
        "reason": wait.reason.value,
        "unknown": wait.reason.is_unknown,
        "since": format_time(wait.since),
        "check": {"name": wait.check.name, "url": wait.check.url} if wait.check is not None else None,
        "images": list(wait.images),
        "last_built_at": format_time(wait.last_built_at),
        "manifests": [_build_use(each) for each in wait.manifests],
        "workloads": _build_workloads(wait.workloads, report),
        "clusters": list(wait.clusters) if report.shows_names else None,
    }


def _build_workloads(images: Iterable[RunningImage], report: StageReport) -> JsonValue:
    """Return the first containers that run an update; None if their names must not be shown."""
    return [_build_running(each) for each in islice(images, MAX_WORKLOADS)] if report.shows_names else None


def _build_use(use: ImageUse) -> JsonValue:
    return {
        **build_branch(use.key),
        "path": use.path,
        "line": use.line_number,
        "canonical": use.repository,
        "tag": use.tag,
        "digest": use.digest,
    }


def _build_running(image: RunningImage) -> dict[str, JsonValue]:
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


def build_stages(report: StageReport | None, images: Iterable[RunningImage]) -> dict[str, JsonValue]:
    """Return the funnels, some running images and the clusters.

    All values are None if `report` is None. The running images and the clusters are None if the config has no clusters,
    or if their names must not be shown.
    """
    if report is None:
        return {"funnels": None, "running": None, "clusters": None}
    stages = report.stages
    shows_clusters = stages.scope.has_clusters and report.shows_names
    return {
        "funnels": [_build_funnel(each) for each in stages.funnels],
        "running": _build_running_images(stages, images) if shows_clusters else None,
        "clusters": _build_clusters(stages.clusters) if shows_clusters else None,
    }


def _build_running_images(stages: FleetStages, images: Iterable[RunningImage]) -> JsonValue:
    """Return running images.

    For each: whether a repository contains its name, and whether the registry still has its digest.
    """
    unlisted = set(stages.unlisted)
    reasons = {each.image: each.reason.value for each in stages.unwanted}
    return [
        {**_build_running(each), "in_repository": each not in unlisted, "unwanted": reasons.get(each)}
        for each in images
    ]


def _build_clusters(clusters: Iterable[ClusterCoverage]) -> JsonValue:
    return [
        {"cluster": each.cluster, "read_at": format_time(each.read_at), "problem": each.problem} for each in clusters
    ]


def _build_funnel(funnel: StageFunnel) -> JsonValue:
    """Return the numbers of the uses of an image by stage. A number is null if no use passes its stage."""
    counts = {each: funnel.counts.get(each) for each in UpdateStage}
    return {
        "image": funnel.image,
        "uses": funnel.uses,
        "not_proposed": funnel.not_proposed,
        "declined": funnel.declined,
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
