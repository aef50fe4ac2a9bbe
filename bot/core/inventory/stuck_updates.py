"""Select the merged updates that make no progress, by base branch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from itertools import islice

from bot.model.fleet_stages import FleetStages
from bot.model.inventory import BranchKey
from bot.model.stuck_update import StuckUpdate
from bot.model.update_stages import StageScope, UpdateProgress, UpdateStage, UpdateWait
from bot.model.workload import count_pods

MAX_NAMES = 5
"""The maximum number of images, manifests or workloads that are kept of one update."""


def group_stuck_updates(stages: FleetStages, now: datetime) -> Mapping[BranchKey, tuple[StuckUpdate, ...]]:
    """Return the stuck updates by base branch, the longest wait first.

    Base branches without stuck updates are left out. Updates of open pull requests are left out, because users see the
    pull requests.
    """
    groups: dict[BranchKey, list[StuckUpdate]] = defaultdict(list)
    for each in stages.list_stuck(now):
        if each.stage is not UpdateStage.PROPOSED and each.since is not None and each.wait is not None:
            groups[each.use.key].append(_build_update(each, each.wait, each.since, stages.scope))
    return {key: tuple(group) for key, group in groups.items()}


def _build_update(progress: UpdateProgress, wait: UpdateWait, since: datetime, scope: StageScope) -> StuckUpdate:
    workloads = islice(count_pods(wait.workloads), MAX_NAMES)
    return StuckUpdate(
        path=progress.use.path,
        line_number=progress.use.line_number,
        image=progress.use.name,
        state=progress.describe_state(scope),
        since=since,
        reason=wait.reason.value,
        images=wait.images[:MAX_NAMES],
        manifests=tuple(f"{each.key.repository} {each.path}:{each.line_number}" for each in wait.manifests[:MAX_NAMES]),
        workloads=tuple(each.title for each in workloads),
        check_name=wait.check.name if wait.check is not None else None,
        check_url=wait.check.url if wait.check is not None else None,
    )
