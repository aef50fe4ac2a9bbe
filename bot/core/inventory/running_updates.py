"""Find out whether containers run an update, and which ones still run the image before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from bot.core.inventory.stage_index import StageIndex
from bot.model.update_stages import ReachedStage, UpdateStage, UpdateWait, WaitReason
from bot.model.workload import RunningImage, StoredRunningImage


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
    images: Sequence[StoredRunningImage],
    classify: Callable[[StoredRunningImage], RunningRelation],
    may_be_of_others: Callable[[StoredRunningImage], bool],
    since: datetime,
    index: StageIndex,
) -> RunningResult:
    """Return whether containers run an update.

    Args:
        images: All containers that run or ran an image that the update replaces.
        classify: Returns the relation of a running image to the update.
        may_be_of_others: Returns True if the older image of a container is still in the files of another base branch,
            so that the container may be of that base branch.
        since: The time at which the update reached the stage before. Containers that ended before do not count.
        index: The facts.
    """
    grouped: dict[RunningRelation, list[StoredRunningImage]] = {each: [] for each in RunningRelation}
    for stored in images:
        grouped[classify(stored)].append(stored)
    older = grouped[RunningRelation.OLDER]
    updated = [each for each in grouped[RunningRelation.UPDATED] if each.ended_at is None or each.ended_at > since]
    running_older = [each for each in older if each.ended_at is None]
    workloads = _list_current(updated)
    if updated and not running_older:
        return RunningResult(_build_stage(updated, older, since), None, workloads)
    unread = index.list_unread_clusters(since)
    seen_older = [each for each in running_older if each.image.workload.cluster not in unread]
    if seen_older and updated and all(map(may_be_of_others, seen_older)):
        reason = WaitReason.SHARED_IMAGE
    elif seen_older:
        reason = WaitReason.OLDER_RUNS
    elif unread:
        reason = WaitReason.CLUSTER_NOT_READ
    elif any(each.ended_at is None for each in grouped[RunningRelation.OTHER]):
        reason = WaitReason.OTHER_DIGEST
    else:
        reason = WaitReason.NOT_SEEN
    clusters = unread if reason is WaitReason.CLUSTER_NOT_READ else ()
    wait = UpdateWait(reason, since, workloads=_list_current(seen_older), clusters=clusters)
    return RunningResult(None, wait, workloads)


def _build_stage(
    updated: Sequence[StoredRunningImage], older: Sequence[StoredRunningImage], since: datetime
) -> ReachedStage:
    """Return the stage `running`, which begins when the first container ran the update and the last older one ended.

    New containers with the update therefore do not move the time. A cluster is read from time to time, so that the end
    of a container is known only roughly.
    """
    started_at = min(map(_get_start, updated))
    ends = [each.ended_at for each in older if each.ended_at is not None]
    at = max((since, started_at, *ends))
    is_exact = at == started_at and any(each.image.since == at for each in updated)
    return ReachedStage(UpdateStage.RUNNING, at, is_exact)


def _get_start(stored: StoredRunningImage) -> datetime:
    """Return the first known time at which a container ran an image. The pods of a workload start again later."""
    since = stored.image.since
    return min(since, stored.first_seen_at) if since is not None else stored.first_seen_at


def _list_current(images: Iterable[StoredRunningImage]) -> tuple[RunningImage, ...]:
    return tuple(each.image for each in images if each.ended_at is None)
