"""Stores the last commit of each of basebump's branches, so that the next run need not read the branches' content."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model.branch_ownership import BranchPush
from bot.model.errors import StateError
from bot.model.forge import GitRepository
from bot.model.proposal import Proposal, RequestState
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.execute_steps import ExecutionResult
from bot.pipeline.registry_failures import STATE_SUBJECT
from bot.pipeline.repository_plan import BranchPlan, RepositoryPlan
from bot.pipeline.run_context import RunContext

_EXISTING_STATES = (RequestState.OPEN, RequestState.BRANCH)


def record_pushes(
    repository_plans: Sequence[RepositoryPlan], results: Sequence[ExecutionResult], context: RunContext
) -> tuple[RunFailure, ...]:
    """Store the commits that this run pushed, and those whose content is that of the desired proposal.

    Return a failure if the state cannot be written. The next run then reads the content of the branches.
    """
    pushes: dict[GitRepository, dict[str, BranchPush]] = {}
    for repository_plan, result in zip(repository_plans, results, strict=True):
        confirmed_pushes = {
            each.branch: push
            for each in repository_plan.branch_plans
            if (push := _find_confirmed_push(each)) is not None
        }
        if new_pushes := {**confirmed_pushes, **result.pushes}:
            pushes.setdefault(repository_plan.repository_scan.repository, {}).update(new_pushes)
    try:
        if pushes:
            context.push_store.record_pushes(pushes, context.now)
    except StateError as error:
        return (RunFailure(STATE_SUBJECT, FailureStage.PROPOSE, str(error)),)
    return ()


def _find_confirmed_push(branch_plan: BranchPlan) -> BranchPush | None:
    """Return the last commit of a branch if its content was judged, and is that of the desired proposal."""
    desired = branch_plan.desired
    if not isinstance(desired, Proposal):
        return None
    return next(
        (
            BranchPush(each.head, desired.intent)
            for each in branch_plan.requests
            if each.state in _EXISTING_STATES and each.head is not None
            if each.is_confirmed and each.intent == desired.intent
        ),
        None,
    )
