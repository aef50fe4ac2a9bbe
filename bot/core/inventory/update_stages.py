"""Find out how far the updates of images got: proposed, merged, rebuilt, running.

Only observed facts count: a use is `merged` if its file contains the digest, `rebuilt` if a build shows this base, and
`running` if containers run the digest or such a build, and no container is known to run an older one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from bot.core.inventory.rebuilds import ImageRelation, MergedUpdate, find_rebuild, find_relation
from bot.core.inventory.running_groups import RunningGroup
from bot.core.inventory.stage_index import ProposedTarget, StageIndex
from bot.model.fleet_history import DigestMove
from bot.model.image_name import Digest
from bot.model.inventory import StoredRequest
from bot.model.own_build import OwnBuild
from bot.model.stage_facts import StoredUse
from bot.model.update_stages import (
    ReachedStage,
    UpdateProgress,
    UpdateStage,
    UpdateWait,
    UseKind,
    WaitReason,
)
from bot.model.usage import RequestLink
from bot.model.vocabulary import HELD_STATUSES, UPDATABLE_STATUSES
from bot.model.workload import RunningImage

BUILD_FORMATS = frozenset({"dockerfile", "bake", "bazel", "jib", "ko", "msbuild"})
"""The formats of files from which images are built."""
_WORKLOAD_FORMATS = frozenset({"helm", "kubernetes", "kustomize"})
"""The formats of files whose images run in a cluster. Compose and quadlet files are for other machines."""


@dataclass(frozen=True, slots=True)
class _RunningResult:
    """The result for the stage `running` of an update. One of `reached` and `wait` is None."""

    reached: ReachedStage | None
    wait: UpdateWait | None
    workloads: tuple[RunningImage, ...]
    """The containers that run the update now."""


def get_use_kind(format_name: str) -> UseKind:
    """Return the effect of a changed image reference in a file of a format: a build, a deployment or neither."""
    if format_name in BUILD_FORMATS:
        return UseKind.BUILD
    return UseKind.WORKLOAD if format_name in _WORKLOAD_FORMATS else UseKind.OTHER


def find_progress(stored: StoredUse, index: StageIndex) -> tuple[UpdateProgress, ...]:
    """Return how far the updates of an image reference got: the update to the digest in the file, and a later update.

    There is at least one update, and only the last one is the latest.
    """
    later = _find_later_update(stored, index)
    if stored.use.digest is None:
        unpinned = UpdateProgress(stored.use, None, (), UpdateWait(WaitReason.NOT_PINNED, None))
        return (later or unpinned,)
    merged = _find_merged_update(stored, stored.use.digest, index)
    return (merged,) if later is None else (replace(merged, is_latest=False), later)


def _find_later_update(stored: StoredUse, index: StageIndex) -> UpdateProgress | None:
    """Return the update from the digest in the file to a later one; None if no later digest is known."""
    target = index.find_open_target(stored.use)
    if target is not None and target.digest != stored.use.digest:
        return _build_proposed(stored, target)
    if stored.status in UPDATABLE_STATUSES:
        reason = WaitReason.DECLINED if index.is_declined(stored.use) else WaitReason.NOT_PROPOSED
        return UpdateProgress(stored.use, None, (), UpdateWait(reason, None))
    if stored.status in HELD_STATUSES:
        return UpdateProgress(stored.use, None, (), UpdateWait(WaitReason.HELD, None))
    return None


def _build_proposed(stored: StoredUse, target: ProposedTarget) -> UpdateProgress:
    request = target.request
    reached = ReachedStage(UpdateStage.PROPOSED, request.opened_at or stored.read_at, request.opened_at is not None)
    return UpdateProgress(
        stored.use,
        target.digest,
        (reached,),
        UpdateWait(WaitReason.REVIEW, reached.at),
        request=_build_request(request),
        due_at=request.due_at,
    )


def _build_request(request: StoredRequest) -> RequestLink:
    return RequestLink(request.number, request.url, request.opened_at)


def _find_merged_update(stored: StoredUse, digest: Digest, index: StageIndex) -> UpdateProgress:
    """Return how far the update to the digest in the file got."""
    move = index.find_move(stored.use)
    merged = _find_merge(stored, move)
    update = MergedUpdate(
        use=stored.use,
        digests=frozenset({digest}),
        earlier=index.list_earlier_digests(stored.use, stored.since),
        merged=merged,
    )
    request = move.request if move is not None else None
    progress = follow_update(update, index)
    return replace(
        progress,
        digest=digest,
        reached=(*_list_proposals(request, merged), *progress.reached),
        request=_build_request(request) if request is not None else None,
        due_at=request.due_at if request is not None else None,
    )


def _find_merge(stored: StoredUse, move: DigestMove | None) -> ReachedStage:
    """Return the stage `merged`. The time is exact only if a pull request of basebump was merged at a known time."""
    if move is None or move.request is None or move.request.ended_at is None:
        return ReachedStage(UpdateStage.MERGED, stored.since, is_exact=False)
    return ReachedStage(UpdateStage.MERGED, move.request.ended_at)


def _list_proposals(request: StoredRequest | None, merged: ReachedStage) -> Iterator[ReachedStage]:
    """Yield the stage `proposed` of a merged update, if basebump proposed it."""
    if request is not None:
        at = request.opened_at if request.opened_at is not None else merged.at
        yield ReachedStage(UpdateStage.PROPOSED, min(at, merged.at), request.opened_at is not None)


def follow_update(update: MergedUpdate, index: StageIndex) -> UpdateProgress:
    """Return how far an update got since its merge."""
    progress = UpdateProgress(update.use, None, (update.merged,), None)
    stages = index.facts.scope.list_stages(update.use.kind)
    match update.use.kind:
        case UseKind.BUILD if UpdateStage.REBUILT in stages:
            return _follow_builds(update, progress, index)
        case UseKind.WORKLOAD if UpdateStage.RUNNING in stages:
            return _add_running(progress, _find_running_digests(update, index))
        case UseKind.BUILD | UseKind.WORKLOAD | UseKind.OTHER:
            return progress
        case _:
            assert_never(update.use.kind)


def _find_running_digests(update: MergedUpdate, index: StageIndex) -> _RunningResult:
    """Return whether containers run the digest of an update."""
    use = update.use

    def classify(group: RunningGroup) -> ImageRelation:
        if group.digest is not None and index.is_among(group.digest, update.digests):
            return ImageRelation.UPDATED
        is_older = group.digest is not None and index.is_among(group.digest, update.earlier)
        return ImageRelation.OLDER if is_older else ImageRelation.UNKNOWN

    def may_be_of_others(group: RunningGroup) -> bool:
        return group.digest is not None and index.is_held_elsewhere(use, group.digest)

    others = index.list_digests_of_other_tags(use)

    def may_be_of_use(group: RunningGroup) -> bool:
        if classify(group) is not ImageRelation.UNKNOWN:
            return True
        is_of_other_tag = group.digest is not None and index.is_among(group.digest, others)
        return group.tag in {None, use.tag} and not is_of_other_tag

    groups = [each for each in index.list_running(use.repository) if may_be_of_use(each)]
    return _find_running(groups, classify, may_be_of_others, update.merged.at, index)


def _follow_builds(update: MergedUpdate, progress: UpdateProgress, index: StageIndex) -> UpdateProgress:
    """Return how far an update got in a file from which own images are built."""
    links = index.facts.links.get((update.use.key, update.use.path), ())
    rebuild = find_rebuild(update, links, index)
    own_images = {link.image for link in links}
    running: _RunningResult | None = None
    if index.facts.scope.has_clusters:
        since = rebuild.reached.at if rebuild.reached is not None else update.merged.at
        running = _find_running_builds(update, own_images, since, index)
    progress = replace(progress, builds=rebuild.builds, workloads=running.workloads if running is not None else ())
    if rebuild.reached is None:
        return replace(progress, wait=rebuild.wait)
    progress = replace(progress, reached=(*progress.reached, rebuild.reached))
    deployed = _find_deployment(update, own_images, rebuild.reached.at, index)
    if running is None:
        return replace(progress, wait=deployed)
    progress = _add_running(progress, running)
    if progress.wait is not None and progress.wait.reason is WaitReason.OLDER_RUNS and deployed is not None:
        return replace(progress, wait=replace(deployed, workloads=progress.wait.workloads))
    if progress.wait is not None and progress.wait.reason is WaitReason.NOT_SEEN and deployed is not None:
        return replace(progress, wait=deployed)
    return progress


def _find_running_builds(
    update: MergedUpdate, own_images: Collection[str], since: datetime, index: StageIndex
) -> _RunningResult:
    """Return whether containers run builds on an update."""
    groups: list[RunningGroup] = []
    found: dict[RunningGroup, OwnBuild] = {}
    for image in sorted(own_images):
        builds = [stored.build for stored in index.list_builds(image)]
        for group in index.list_running(image):
            groups.append(group)
            build = next((each for each in builds if each.has_digest(group.digest)), None)
            if build is not None:
                found[group] = build
    relations = {group: find_relation(build, update, index) for group, build in found.items()}

    def classify(group: RunningGroup) -> ImageRelation:
        return relations.get(group, ImageRelation.UNKNOWN)

    def may_be_of_others(group: RunningGroup) -> bool:
        """Return True if the image is also built from other base branches, such as one for an older release."""
        build = found[group]
        others = index.list_builders(build.repository) - {update.use.key}
        return any(index.is_held_by(others, update.use, base.digest) for base in build.bases)

    return _find_running(groups, classify, may_be_of_others, since, index)


def _find_deployment(
    update: MergedUpdate, own_images: Collection[str], since: datetime, index: StageIndex
) -> UpdateWait | None:
    """Return the wait of a rebuilt update if manifests contain only digests of older builds; otherwise None.

    A manifest without a digest uses the build to which its tag points, so that nothing has to change in it. A manifest
    with a digest that is not known to be an older build may be up to date.
    """
    uses = [use for image in sorted(own_images) for use in index.list_own_uses(image) if use.kind is UseKind.WORKLOAD]
    older = {
        (stored.build.repository, digest)
        for image in own_images
        for stored in index.list_builds(image)
        if find_relation(stored.build, update, index) is ImageRelation.OLDER
        for digest in (stored.build.digest, *stored.build.children)
    }
    if not uses or any((use.repository, use.digest) not in older for use in uses):
        return None
    return UpdateWait(WaitReason.NOT_DEPLOYED, since, manifests=tuple(uses))


def _add_running(progress: UpdateProgress, running: _RunningResult) -> UpdateProgress:
    reached = (running.reached,) if running.reached is not None else ()
    return replace(progress, reached=(*progress.reached, *reached), wait=running.wait, workloads=running.workloads)


def _find_running(
    groups: Sequence[RunningGroup],
    classify: Callable[[RunningGroup], ImageRelation],
    may_be_of_others: Callable[[RunningGroup], bool],
    since: datetime,
    index: StageIndex,
) -> _RunningResult:
    """Return whether containers run an update.

    Args:
        groups: All containers that run or ran an image that the update replaces.
        classify: Returns the relation of running images to the update.
        may_be_of_others: Returns True if the older image of containers is still in the files of another base branch, so
            that the containers may be of that base branch.
        since: The time at which the update reached the previous stage. Containers that ended before do not count.
        index: The facts.
    """
    grouped: dict[ImageRelation, list[RunningGroup]] = {each: [] for each in ImageRelation}
    for group in groups:
        grouped[classify(group)].append(group)
    older = grouped[ImageRelation.OLDER]
    updated = [each for each in grouped[ImageRelation.UPDATED] if each.find_start(since) is not None]
    workloads = index.list_current(updated)
    if updated and not any(each.clusters for each in older):
        return _RunningResult(_build_running(updated, older, since), None, workloads)
    unread = index.list_unread_clusters(since)
    seen_older = [each for each in older if not set(each.clusters) <= set(unread)]
    if seen_older and updated and all(map(may_be_of_others, seen_older)):
        reason = WaitReason.SHARED_IMAGE
    elif seen_older:
        reason = WaitReason.OLDER_RUNS
    elif unread:
        reason = WaitReason.CLUSTER_NOT_READ
    elif any(each.clusters for each in grouped[ImageRelation.UNKNOWN]):
        reason = WaitReason.OTHER_DIGEST
    else:
        reason = WaitReason.NOT_SEEN
    clusters = unread if reason is WaitReason.CLUSTER_NOT_READ else ()
    wait = UpdateWait(reason, since, workloads=index.list_current(seen_older, unread), clusters=clusters)
    return _RunningResult(None, wait, workloads)


def _build_running(updated: Sequence[RunningGroup], older: Sequence[RunningGroup], since: datetime) -> ReachedStage:
    """Return the stage `running`, which begins when the first container ran the update and the last older one ended.

    New containers with the update therefore do not move the time. A cluster is read from time to time, so that the end
    of a container is known only roughly.
    """
    started_at, is_rough = min(start for each in updated if (start := each.find_start(since)) is not None)
    ends = [each.last_end for each in older if each.last_end is not None]
    at = max((since, started_at, *ends))
    return ReachedStage(UpdateStage.RUNNING, at, is_exact=at == started_at and not is_rough)
