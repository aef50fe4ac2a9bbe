"""Renders how far updates got as metrics in Prometheus' text format, for runs and for the service.

Every label has a fixed set of values. Series about stages that are not configured are left out, and also series about
clusters that were never read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bot.model.fleet_stages import FleetStages
from bot.model.update_stages import StageScope, UnwantedReason, UpdateStage, WaitReason
from bot.reports.parts.prometheus_text import Sample, render_family
from bot.reports.parts.stage_section import StageReport, group_running, group_unwanted, list_fleet_stages
from bot.reports.parts.stage_words import count_states

_STUCK: tuple[tuple[UpdateStage, WaitReason], ...] = (
    (UpdateStage.PROPOSED, WaitReason.REVIEW),
    (UpdateStage.MERGED, WaitReason.BUILD_FAILED),
    (UpdateStage.MERGED, WaitReason.NOT_BUILT),
    (UpdateStage.MERGED, WaitReason.OLDER_RUNS),
    (UpdateStage.REBUILT, WaitReason.NOT_DEPLOYED),
    (UpdateStage.REBUILT, WaitReason.OLDER_RUNS),
)
"""The stages in which an update can be stuck, each with a reason."""
_BUILD_REASONS = frozenset({WaitReason.BUILD_FAILED, WaitReason.NOT_BUILT})


def render_stage_metrics(report: StageReport) -> Iterator[str]:
    """Yield the lines of all metrics about stages."""
    stages = report.stages
    stuck = Counter((each.stage, each.wait.reason) for each in stages.list_stuck(report.now) if each.wait is not None)
    yield from render_family(
        "stuck",
        "Updates that wait longer than usual, by the last stage that they reached and by the reason.",
        [
            ({"state": stage.value, "reason": reason.value}, stuck[stage, reason])
            for stage, reason in _STUCK
            if _can_be_stuck(stage, reason, stages.scope)
        ],
    )
    yield from render_family(
        "stage_uses",
        "Image references, by the last stage that their latest update reached.",
        _count_uses(stages),
    )
    if stages.scope.has_clusters and any(each.read_at is not None for each in stages.clusters):
        yield from _render_running(stages)


def _can_be_stuck(stage: UpdateStage, reason: WaitReason, scope: StageScope) -> bool:
    """Return True if a config of this scope can have updates that are stuck for a reason."""
    if stage is UpdateStage.PROPOSED:
        return True
    return scope.has_builds if reason in _BUILD_REASONS else stage in list_fleet_stages(scope) and scope.has_clusters


def _count_uses(stages: FleetStages) -> list[Sample]:
    counts = count_states(stages.funnels, list_fleet_stages(stages.scope))
    return [({"state": state.replace(" ", "-")}, count.uses) for state, count in counts]


def _render_running(stages: FleetStages) -> Iterator[str]:
    unwanted = Counter(group[0].reason for group in group_unwanted(stages.unwanted))
    yield from render_family(
        "running_unwanted_digests",
        "Digests that run although they are gone from their registry or blocked.",
        [({"reason": each.value}, unwanted[each]) for each in UnwantedReason],
    )
    yield from render_family(
        "running_unlisted_digests",
        "Digests that run, and whose image is in no repository.",
        [({}, len(group_running(stages.unlisted)))],
    )
    failed = sum(each.problem is not None for each in stages.clusters)
    yield from render_family(
        "clusters",
        "Clusters of the config, by whether the last attempt to read them succeeded.",
        [({"result": "done"}, len(stages.clusters) - failed), ({"result": "failed"}, failed)],
    )
    oldest = min((each.read_at for each in stages.clusters if each.read_at is not None), default=None)
    if oldest is not None:
        yield from render_family(
            "clusters_oldest_read_timestamp_seconds",
            "The earliest of the times at which clusters were last read.",
            [({}, oldest.timestamp())],
        )
