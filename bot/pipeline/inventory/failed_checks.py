"""Find the failed check of base branches that merged an update without a new image being built."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.core.inventory.stage_funnels import find_fleet_stages
from bot.model.ci import FailedCheck
from bot.model.forge import GitRepository
from bot.model.inventory import BranchKey
from bot.model.phases import ProgressStep
from bot.model.run_scope import RunScope
from bot.model.update_stages import UpdateProgress, WaitReason
from bot.model.vocabulary import FailureStage
from bot.pipeline.inventory.own_builds import OwnImages
from bot.pipeline.run_context import RunContext, RunOptions
from bot.pipeline.worker_pool import FORGE_POOL
from bot.ports import Fleet

MAX_BRANCHES = 200
"""The maximum number of base branches whose checks one run reads, with about one HTTP request each.

Base branches that merged an update most recently come first.
"""

_REASONS = frozenset({WaitReason.NOT_BUILT, WaitReason.BUILD_FAILED})


def record_failed_checks(
    branches: Iterable[tuple[Fleet, GitRepository]], context: RunContext, options: RunOptions
) -> None:
    """Read and store the failed checks of base branches that wait for a build.

    `branches` are all base branches of the fleet. Nothing is done without a state, without own images, or in a run that
    is limited to a part of the fleet.
    """
    if options.scope != RunScope() or not OwnImages(context.builds, options.policy_config):
        return
    with context.failures.note_state_error(FailureStage.SURVEY):
        facts = context.state.stages.load_fleet_facts()
        waiting = _list_waiting(find_fleet_stages(facts, context.now).updates)
        listed = {BranchKey.of(repository): (fleet, repository) for fleet, repository in branches}
        heads = {
            key: facts.heads[key]
            for key in waiting
            if key in listed and listed[key][1].commit == facts.heads.get(key)  # the next visit reads new commits
        }
        keys = list(heads)[:MAX_BRANCHES]

        def read(key: BranchKey) -> FailedCheck | None:
            fleet, repository = listed[key]
            return fleet.find_failed_check(repository, heads[key])

        checks = FORGE_POOL.run_phase(ProgressStep.READ_FAILED_CHECKS, read, keys, context.progress) if keys else []
        context.state.failed_checks.record_checks(dict(zip(keys, checks, strict=True)), heads)


def _list_waiting(updates: Sequence[UpdateProgress]) -> list[BranchKey]:
    """Return the base branches that wait for a build, sorted by their last merged update, newest first."""
    waiting = [
        (each.since, each.use.key)
        for each in updates
        if each.since is not None and each.wait is not None and each.wait.reason in _REASONS
    ]
    return list(dict.fromkeys(key for _, key in sorted(waiting, reverse=True)))
