"""Find out whether containers run an update, and which ones still run the image before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from bot.core.inventory.running_groups import RunningGroup
from bot.core.inventory.stage_index import StageIndex
from bot.model.update_stages import ReachedStage, UpdateStage, UpdateWait, WaitReason
from bot.model.workload import RunningImage


class RunningRelation(Enum):
    """The relation of a running image to an update."""

    UPDATED = auto()
    OLDER = auto()
    """The base branch contained it, or was its base, before the update."""
    OTHER = auto()
    """It is not known to be older or newer than the update."""


@dataclass(frozen=True, slots=True)
class RunningResult:
    """Whether containers run an update. One of `reached` and `wait` is None."""

    reached: ReachedStage | None
    wait: UpdateWait | None
    workloads: tuple[RunningImage, ...]
    """The containers that run the update now."""


def find_running(
    groups: Sequence[RunningGroup],
    classify: Callable[[RunningGroup], RunningRelation],
    may_be_of_others: Callable[[RunningGroup], bool],
    since: datetime,
    index: StageIndex,
) -> RunningResult:
    """Return whether containers run an update.

    Args:
        groups: All containers that run or ran an image that the update replaces.
        classify: Returns the relation of running images to the update.
        may_be_of_others: Returns True if the older image of containers is still in the files of another base branch, so
            that the containers may be of that base branch.
        since: The time at which the update reached the stage before. Containers that ended before do not count.
        index: The facts.
    """
    grouped: dict[RunningRelation, list[RunningGroup]] = {each: [] for each in RunningRelation}
    for group in groups:
        grouped[classify(group)].append(group)
    older = grouped[RunningRelation.OLDER]
    updated = [each for each in grouped[RunningRelation.UPDATED] if each.find_start(since) is not None]
    workloads = index.list_current(updated)
    if updated and not any(each.clusters for each in older):
        return RunningResult(_build_stage(updated, older, since), None, workloads)
    unread = index.list_unread_clusters(since)
    seen_older = [each for each in older if not set(each.clusters) <= set(unread)]
    if seen_older and updated and all(map(may_be_of_others, seen_older)):
        reason = WaitReason.SHARED_IMAGE
    elif seen_older:
        reason = WaitReason.OLDER_RUNS
    elif unread:
        reason = WaitReason.CLUSTER_NOT_READ
    elif any(each.clusters for each in grouped[RunningRelation.OTHER]):
        reason = WaitReason.OTHER_DIGEST
    else:
        reason = WaitReason.NOT_SEEN
    clusters = unread if reason is WaitReason.CLUSTER_NOT_READ else ()
    wait = UpdateWait(reason, since, workloads=index.list_current(seen_older, unread), clusters=clusters)
    return RunningResult(None, wait, workloads)


def _build_stage(updated: Sequence[RunningGroup], older: Sequence[RunningGroup], since: datetime) -> ReachedStage:
    """Return the stage `running`, which begins when the first container ran the update and the last older one ended.

    New containers with the update therefore do not move the time. A cluster is read from time to time, so that the end
    of a container is known only roughly.
    """
    started_at, is_rough = min(start for each in updated if (start := each.find_start(since)) is not None)
    ends = [each.last_end for each in older if each.last_end is not None]
    at = max((since, started_at, *ends))
    return ReachedStage(UpdateStage.RUNNING, at, is_exact=at == started_at and not is_rough)
