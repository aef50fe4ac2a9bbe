"""Apply the limits on opening proposals, which all runs with the same state share.

Before a run opens proposals, it reserves them in the ledger of the state. If several runs use the state at the same
time, such as the parts of one run, they together stay within the limits. If a run is interrupted, its reservations stay
in the ledger, and the next run opens these proposals without counting them again. If two runs reserve the same
proposal, neither of them gives it back, because one of them may have opened it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.proposal.limits import OpenQueue, defer_proposals
from bot.model.limits import DEFAULT_FLEET_LIMITS, DEFAULT_REPOSITORIES_PER_RUN, Opening, ProposalLimits
from bot.model.proposal import CloseStep, DeferProposal, OpenStep, RequestState
from bot.model.vocabulary import FailureStage, ProposalOutcome, RunLevel
from bot.pipeline.proposal.execute_steps import RepositoryVisit
from bot.pipeline.proposal.repository_plan import RepositoryPlan
from bot.pipeline.run_context import RunContext, RunOptions

_OPENED = frozenset({ProposalOutcome.OPENED, ProposalOutcome.WOULD_OPEN})
"""The outcomes of proposals that were opened, or whose branches were pushed."""


@dataclass(frozen=True, slots=True)
class LimitResult:
    """The plans of all repositories after applying the limits."""

    repository_plans: tuple[RepositoryPlan, ...]
    openings: tuple[Opening, ...]
    """The proposals that this run may open, and that no other run reserved before."""


def apply_limits(repository_plans: Sequence[RepositoryPlan], context: RunContext, options: RunOptions) -> LimitResult:
    """Apply the limits and schedules for opening proposals, and reserve the proposals that may be opened.

    If a proposal must not be opened in this run, the step to open it is replaced with a step that defers it. If the
    state cannot be used, only the proposals of this run are counted. A run that opens nothing reserves nothing.
    """
    queues = [_build_queue(each, options) for each in repository_plans]
    deferrals, new_openings = list[dict[str, DeferProposal]](), list[Opening]()

    def choose(recent: Sequence[Opening]) -> Sequence[Opening]:
        deferrals[:] = defer_proposals(queues, context.now, recent)
        openings = tuple(_list_openings(queues, deferrals)) if options.level >= RunLevel.PUSH else ()
        reserved = {(each.repository, each.branch) for each in recent}
        new_openings[:] = [each for each in openings if (each.repository, each.branch) not in reserved]
        return openings

    window = options.limits.window if options.limits is not None else DEFAULT_FLEET_LIMITS.window
    is_reserved = False
    with context.failures.note_state_error(FailureStage.PROPOSE):
        context.state.openings.reserve(choose, context.now, window)
        is_reserved = True
    if not is_reserved:
        choose(())
    limited = map(_defer_steps, repository_plans, deferrals)
    return LimitResult(tuple(limited), tuple(new_openings))


def give_back_unopened(openings: Sequence[Opening], visits: Iterable[RepositoryVisit], context: RunContext) -> None:
    """Remove the reservations of proposals that could not be opened, so that other proposals can be opened instead.

    `context.now` must be the time of the reservations. If the state cannot be used, the proposals count until the
    window of the limits has passed.
    """
    opened = {
        (_get_full_name(visit.plan), report.branch)
        for visit in visits
        for report in visit.result.reports
        if report.outcome in _OPENED
    }
    unopened = [each for each in openings if (each.repository, each.branch) not in opened]
    with context.failures.note_state_error(FailureStage.PROPOSE):
        if unopened:
            context.state.openings.give_back(unopened, context.now)


def _get_full_name(repository_plan: RepositoryPlan) -> tuple[str, str, str]:
    """Return the key of a repository in the ledger."""
    repository = repository_plan.repository_scan.repository
    return repository.forge, repository.server, repository.name


def _defer_steps(repository_plan: RepositoryPlan, deferred: Mapping[str, DeferProposal]) -> RepositoryPlan:
    """Return the plan in which the deferred proposals, by branch, replace the steps that would open them."""
    return repository_plan.replace_branch_plans(lambda each: replace(each, step=deferred.get(each.branch, each.step)))


def _list_openings(queues: Sequence[OpenQueue], deferrals: Sequence[Mapping[str, DeferProposal]]) -> Iterator[Opening]:
    for queue, deferred in zip(queues, deferrals, strict=True):
        for step in queue.open_steps:
            if step.proposal.branch not in deferred:
                yield queue.build_opening(step.proposal)


def _build_queue(repository_plan: RepositoryPlan, options: RunOptions) -> OpenQueue:
    """Return the proposals to open in a repository, with the limits that apply to them.

    If the config sets no limits, there are default limits for repositories that the config selects by owner or topic,
    and no limits for repositories that it names.
    """
    repository_scan, configured_wave = repository_plan.repository_scan, options.rollout.repositories_per_run
    is_selected = repository_scan.repository.is_selected_by_owner
    steps = [branch_plan.step for branch_plan in repository_plan.branch_plans]
    states = (each.state for branch_plan in repository_plan.branch_plans for each in branch_plan.requests)
    open_now = sum(state is RequestState.OPEN for state in states) - sum(isinstance(step, CloseStep) for step in steps)
    return OpenQueue(
        repository=(id(repository_scan.fleet), repository_scan.repository.name),
        limits=options.limits or (DEFAULT_FLEET_LIMITS if is_selected else ProposalLimits()),
        open_steps=[step for step in steps if isinstance(step, OpenStep)],
        open_count=open_now,
        repositories_per_run=configured_wave or (DEFAULT_REPOSITORIES_PER_RUN if is_selected else None),
        full_name=_get_full_name(repository_plan),
    )
