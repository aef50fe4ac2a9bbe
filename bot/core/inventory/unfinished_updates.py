"""Find merged updates that must run by their due dates, and that do not run yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.core.inventory.rebuilds import MergedUpdate
from bot.core.inventory.stage_index import StageIndex
from bot.core.inventory.update_stages import follow_update
from bot.core.proposal.branch_ownership import parse_targets
from bot.model.due_date import DueUntil
from bot.model.fleet_history import BranchRequest
from bot.model.image_name import Digest
from bot.model.proposal import RequestState
from bot.model.unfinished_update import UnfinishedUpdate
from bot.model.update_stages import ReachedStage, UpdateProgress, UpdateStage, WaitReason


def find_unfinished(index: StageIndex) -> tuple[UnfinishedUpdate, ...]:
    """Return the merged updates that must run and do not run everywhere, the earliest due date first.

    An update is followed even if later digests replaced its digest, because they contain its fixes, too. Files whose
    images no container runs are left out, because these images are perhaps not deployed at all. Without clusters,
    nothing is known.
    """
    if not index.facts.scope.has_clusters:
        return ()
    found = (_find_unfinished(each, index) for each in index.facts.history.requests)
    known = [each for each in found if each is not None]
    return tuple(sorted(known, key=lambda each: (each.due_at, each.key, each.request.branch, each.request.number)))


def _find_unfinished(found: BranchRequest, index: StageIndex) -> UnfinishedUpdate | None:
    request = found.request
    must_run = request.state is RequestState.MERGED and request.due_until is DueUntil.RUNNING
    if not must_run or request.due_at is None or request.due_for is None:
        return None
    waiting = [
        progress
        for progress in _follow_request(found, index)
        if progress.wait is not None and progress.wait.reason is not WaitReason.NOT_SEEN
    ]
    if not waiting:
        return None
    return UnfinishedUpdate(found.key, request, request.due_at, request.due_for, min(waiting, key=_get_order))


def _get_order(progress: UpdateProgress) -> tuple[bool, int, str, int]:
    """Return the key that sorts updates: updates that are known to wait first, then updates in earlier stages."""
    is_unknown = progress.wait is None or progress.wait.reason.is_unknown
    position = progress.stage.position if progress.stage is not None else -1
    return is_unknown, position, progress.use.path, progress.use.line_number


def _follow_request(found: BranchRequest, index: StageIndex) -> Iterator[UpdateProgress]:
    """Yield how far the update of a merged pull request got in each file that uses its images now."""
    key, request = found.key, found.request
    for repository, tag, digest in sorted(parse_targets(request.targets)):
        spans = [each for each in index.list_spans(key, repository) if each.digest == digest]
        since = min((each.since for each in spans), default=None)
        merged_at = request.ended_at or since
        if merged_at is None:
            continue
        merged = ReachedStage(UpdateStage.MERGED, merged_at, is_exact=request.ended_at is not None)
        for use in index.list_uses(key, repository):
            later = index.list_digests_since(use, since) if since is not None else frozenset()
            digests = later | {Digest(digest)}
            if index.is_use_of(use, {tag}, since):
                earlier = index.list_ended_digests(use) - digests
                progress = follow_update(MergedUpdate(use, digests, earlier, merged), index)
                yield replace(progress, digest=Digest(digest))
