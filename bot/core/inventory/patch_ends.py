"""Find out when fixes of vulnerabilities reached each stage: proposed, merged, rebuilt, running."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum, auto

from bot.core.inventory.rebuilds import MergedUpdate
from bot.core.inventory.stage_index import StageIndex
from bot.core.inventory.update_stages import follow_update
from bot.core.proposal.branch_ownership import parse_targets
from bot.model.image_name import Digest
from bot.model.patch_times import Patch
from bot.model.stage_facts import StageFacts
from bot.model.update_stages import ReachedStage, UpdateProgress, UpdateStage, WaitReason

_AFTER_MERGE = (UpdateStage.REBUILT, UpdateStage.RUNNING)


class _UnknownEnd(Enum):
    UNKNOWN = auto()


_End = datetime | None | _UnknownEnd
"""The time at which a stage was reached; None if the fix still waits for the stage."""


def add_ends(patches: Iterable[Patch], facts: StageFacts) -> tuple[Patch, ...]:
    """Return the patches with the times at which they reached each stage.

    `facts` are the facts of the whole fleet, and contain builds or clusters. A patch is rebuilt or runs if this holds
    for all files that use the image now.
    """
    index = StageIndex(facts)
    return tuple(replace(each, ends=dict(_list_ends(each, index))) for each in patches)


def _list_ends(patch: Patch, index: StageIndex) -> Iterator[tuple[UpdateStage, datetime | None]]:
    """Yield the stages about which something is known, with their times."""
    if patch.proposed_at is not None:
        yield UpdateStage.PROPOSED, patch.proposed_at
    yield UpdateStage.MERGED, patch.patched_at
    followed = [follow_update(update, index) for update in _list_updates(patch, index)]
    for stage in _AFTER_MERGE:
        ends = [
            _find_end(progress, stage)
            for progress in followed
            if stage in index.facts.scope.list_stages(progress.use.kind)
        ]
        end = _find_last(ends)
        if not isinstance(end, _UnknownEnd):
            yield stage, end if patch.patched_at is not None else None


def _list_updates(patch: Patch, index: StageIndex) -> Iterator[MergedUpdate]:
    """Yield the update of each file that the patch changes. Later digests of the image contain the fix, too."""
    held = patch.replaced
    if held is None or held.digest is None:
        return
    proposed: dict[str, set[Digest]] = defaultdict(set)
    tags: dict[str, set[str | None]] = defaultdict(set, {held.repository: {held.tag}})
    for repository, tag, digest in parse_targets(patch.request.targets):
        proposed[repository].add(Digest(digest))
        tags[repository].add(tag)
    for repository in sorted({held.repository, *proposed}):
        replaced = {held.digest} if repository == held.repository else set()
        merged = ReachedStage(
            UpdateStage.MERGED, patch.patched_at or patch.available_at, is_exact=patch.is_merged_by_basebump
        )
        for use in index.list_uses(held.key, repository):
            digests = frozenset(proposed[repository])
            if patch.patched_at is not None and held.ended_at is not None:
                digests = index.list_digests_since(use, held.ended_at)
            if index.is_use_of(use, tags[repository], held.ended_at):
                earlier = (index.list_ended_digests(use) | replaced) - digests
                yield MergedUpdate(use, digests, earlier, merged)


def _find_end(progress: UpdateProgress, stage: UpdateStage) -> _End:
    """Return when an update reached a stage; unknown if no container runs the image, which is perhaps not deployed."""
    reached = progress.get_time(stage)
    if reached is not None:
        return reached
    wait = progress.wait
    if wait is None or wait.reason.is_unknown or wait.reason is WaitReason.NOT_SEEN:
        return _UnknownEnd.UNKNOWN
    return None


def _find_last(ends: Sequence[_End]) -> _End:
    """Return the end of a patch, computed from its files.

    A patch waits as long as one of its files waits.
    """
    if not ends:
        return _UnknownEnd.UNKNOWN
    if any(each is None for each in ends):
        return None
    times = [each for each in ends if isinstance(each, datetime)]
    return max(times) if len(times) == len(ends) else _UnknownEnd.UNKNOWN
