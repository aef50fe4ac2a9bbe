"""Determine the progress of updates of an image, repository or fleet, and running images that need attention."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from bot.core.inventory.stage_index import StageIndex
from bot.core.inventory.unfinished_updates import find_unfinished
from bot.core.inventory.update_stages import find_progress
from bot.model.fleet_stages import FleetStages
from bot.model.image_name import Digest
from bot.model.stage_facts import StageFacts
from bot.model.update_stages import (
    ClusterCoverage,
    ImageUse,
    StageCount,
    StageFunnel,
    StageScope,
    UnwantedImage,
    UnwantedReason,
    UpdateProgress,
    UpdateStage,
    WaitReason,
)
from bot.model.workload import RunningImage


def find_fleet_stages(
    facts: StageFacts, now: datetime, is_selected: Callable[[ImageUse], bool] = lambda _: True
) -> FleetStages:
    """Return how far the updates of the selected uses got."""
    index = StageIndex(facts)
    selected = [stored for stored in facts.uses if is_selected(stored.use)]
    selected.sort(key=lambda stored: _get_position(stored.use))
    updates = tuple(progress for stored in selected for progress in find_progress(stored, index))
    running = _list_running(facts)
    return FleetStages(
        scope=facts.scope,
        updates=updates,
        running=running,
        unlisted=tuple(_list_unlisted(running, facts, index)),
        unwanted=tuple(_list_unwanted(running, facts, index)),
        clusters=tuple(
            ClusterCoverage(each.cluster, each.read_at, each.failure.problem.value if each.failure else None)
            for each in sorted(facts.clusters, key=lambda each: each.cluster)
        ),
        unfinished=tuple(each for each in find_unfinished(index) if is_selected(each.progress.use)),
        funnels=tuple(summarise_updates(updates, facts.scope, now)),
        origins=facts.origins,
    )


def summarise_updates(updates: Iterable[UpdateProgress], scope: StageScope, now: datetime) -> Iterator[StageFunnel]:
    """Yield the funnel of each image, sorted by name. Only the latest update of each use counts."""
    by_image: dict[str, list[UpdateProgress]] = defaultdict(list)
    for each in updates:
        if each.is_latest:
            by_image[each.use.name].append(each)
    for image, group in sorted(by_image.items()):
        yield _summarise(image, group, scope, now)


def _summarise(image: str, updates: Sequence[UpdateProgress], scope: StageScope, now: datetime) -> StageFunnel:
    passed = {stage for each in updates for stage in scope.list_stages(each.use.kind)}
    stages = tuple(stage for stage in UpdateStage if stage in passed)
    reasons = [each.wait.reason for each in updates if each.stage is None and each.wait is not None]
    return StageFunnel(
        image=image,
        stages=stages,
        counts={stage: _count([each for each in updates if each.stage is stage], now) for stage in stages},
        not_proposed=reasons.count(WaitReason.NOT_PROPOSED),
        declined=reasons.count(WaitReason.DECLINED),
        held=reasons.count(WaitReason.HELD),
        unknown=reasons.count(WaitReason.NOT_PINNED),
    )


def _count(updates: Sequence[UpdateProgress], now: datetime) -> StageCount:
    unknown = sum(each.wait is not None and each.wait.reason.is_unknown for each in updates)
    done = sum(each.wait is None for each in updates)
    stuck = sum(each.is_stuck(now) for each in updates)
    return StageCount(done, len(updates) - done - unknown, unknown, stuck)


def _get_position(use: ImageUse) -> tuple[str | int, ...]:
    """Return the position of a use. Comparing texts is many times as fast as comparing keys of branches."""
    key = use.key
    place = (key.forge, key.host, key.repository, key.base_branch, use.path, use.line_number)
    return (*place, use.repository, use.tag or "", use.digest or "")


def _list_running(facts: StageFacts) -> tuple[RunningImage, ...]:
    """Return the images that run in all clusters, sorted by workload and container."""
    running = (stored.image for cluster in facts.clusters for stored in cluster.images if stored.ended_at is None)
    return tuple(sorted(running, key=_get_running_position))


def _get_running_position(image: RunningImage) -> tuple[str, ...]:
    workload = image.workload
    place = (workload.cluster, workload.namespace, workload.kind, workload.name, image.container)
    return (*place, image.repository, image.digest or "")


def _list_unlisted(running: Iterable[RunningImage], facts: StageFacts, index: StageIndex) -> Iterator[RunningImage]:
    """Yield the running images that no file of the fleet names, and that are not built from such a file."""
    if facts.listed_repositories is None:
        return
    built = {link.image for links in facts.links.values() for link in links}
    known = {index.get_origin(each) for each in facts.listed_repositories | built}
    for image in running:
        if image.repository not in known:
            yield image


def _list_unwanted(running: Iterable[RunningImage], facts: StageFacts, index: StageIndex) -> Iterator[UnwantedImage]:
    """Yield the running images whose digest is gone or blocked."""
    unwanted: dict[str, dict[Digest, UnwantedReason]] = defaultdict(dict)
    for (repository, digest), reason in sorted(facts.unwanted.items()):
        unwanted[index.get_origin(repository)].setdefault(digest, reason)
    for image in running:
        digests = unwanted.get(image.repository)
        if digests is None or image.digest is None or not index.is_among(image.digest, digests.keys()):
            continue
        running_digest = image.digest
        reason = next(reason for digest, reason in digests.items() if index.is_same_image(running_digest, digest))
        yield UnwantedImage(image, reason)
