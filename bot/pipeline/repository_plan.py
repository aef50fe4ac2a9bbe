"""Plan the work in each repository of a run, and apply limits to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from bot.core.proposal.limits import OpenQueue, defer_proposals
from bot.core.proposal.update_groups import build_onboarding_group
from bot.core.proposal.user_requests import parse_checkboxes
from bot.model.dashboard import DashboardIssue
from bot.model.decision import Decision, Transition
from bot.model.errors import BasebumpError, ForgeError
from bot.model.evidence import Evidence
from bot.model.forge import GitRepository
from bot.model.limits import DEFAULT_FLEET_LIMITS, DEFAULT_REPOSITORIES_PER_RUN, ProposalLimits
from bot.model.proposal import CloseRequest, OpenRequest, RemoteRequest, RequestState
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.extract import ExtractResult
from bot.pipeline.plan_branches import BranchPlan, plan_branches
from bot.pipeline.plan_proposals import ProposalPlan, plan_proposals
from bot.pipeline.run_options import RunOptions
from bot.ports import Dashboard, Fleet, Forge


@dataclass(frozen=True, slots=True)
class RepositoryScan:
    """A repository and the image references extracted from it."""

    fleet: Fleet
    extract_result: ExtractResult

    @property
    def repository(self) -> GitRepository:
        return self.extract_result.repository


@dataclass(frozen=True, slots=True)
class RepositoryPlan:
    """The planned work in one repository."""

    repository_scan: RepositoryScan
    proposal_plan: ProposalPlan
    failures: tuple[RunFailure, ...]
    branch_plans: tuple[BranchPlan, ...] = ()
    forge: Forge | None = None
    """None if nothing can be done in the repository."""
    dashboard: Dashboard | None = None
    """None if the dashboard could not be read, so that it is not written either."""
    dashboard_issue: DashboardIssue | None = None
    """The dashboard issue before this run; None if there is none."""


def plan_repository(
    repository_scan: RepositoryScan,
    decisions: Sequence[Decision],
    evidence: Mapping[Transition, Evidence],
    options: RunOptions,
    now: datetime,
) -> RepositoryPlan:
    """Plan the branches of a repository, based on the requests on its forge; errors are recorded in the result."""
    extract_result, name = repository_scan.extract_result, repository_scan.repository.name
    proposal_plan = ProposalPlan(tuple(decisions), ())
    try:
        forge = repository_scan.fleet.get_forge(repository_scan.repository)
        style = options.build_style(forge.limits, repository_scan.repository)
        proposal_plan = plan_proposals(extract_result, decisions, evidence, style)
        if repository_scan.repository.base_branch is None:
            return RepositoryPlan(repository_scan, proposal_plan, extract_result.failures)
        dashboard = repository_scan.fleet.get_dashboard(repository_scan.repository)
        dashboard_issue, failures = _read_dashboard(dashboard, extract_result, options)
        user_requests = (
            parse_checkboxes(dashboard_issue.body)
            if dashboard_issue is not None and dashboard_issue.is_open
            else frozenset()
        )
        requests = _list_requests(forge, proposal_plan, repository_scan.repository, options)
        if _is_onboarding(
            requests,
            build_onboarding_group(repository_scan.repository.non_default_base).get_branch(options.branch_prefix),
            repository_scan.repository,
            options,
        ):
            proposal_plan = plan_proposals(extract_result, decisions, evidence, style, all_at_once=True)
        branch_plans = plan_branches(requests, extract_result, proposal_plan, user_requests, options.branch_prefix, now)
    except BasebumpError as error:
        return RepositoryPlan(
            repository_scan,
            proposal_plan,
            (*extract_result.failures, RunFailure(name, FailureStage.PROPOSE, str(error))),
        )
    return RepositoryPlan(
        repository_scan,
        proposal_plan,
        (*extract_result.failures, *failures),
        branch_plans,
        forge,
        None if failures else dashboard,
        dashboard_issue,
    )


def _list_requests(
    forge: Forge, proposal_plan: ProposalPlan, repository: GitRepository, options: RunOptions
) -> tuple[RemoteRequest, ...]:
    """List the requests of the planned branches and, if the repository is onboarded by one, the onboarding request."""
    branches = frozenset(each.proposal.branch for each in proposal_plan.proposals)
    if branches and _has_onboarding_proposal(repository, options):
        branches |= {build_onboarding_group(repository.non_default_base).get_branch(options.branch_prefix)}
    return forge.list_requests(options.branch_prefix, branches)


def _is_onboarding(
    requests: Sequence[RemoteRequest], onboarding_branch: str, repository: GitRepository, options: RunOptions
) -> bool:
    """Return True if the onboarding request is not merged yet and there are no other requests of basebump."""
    if not _has_onboarding_proposal(repository, options):
        return False
    is_onboarded = any(each.branch == onboarding_branch and each.state is RequestState.MERGED for each in requests)
    return not is_onboarded and all(each.branch == onboarding_branch for each in requests)


def _has_onboarding_proposal(repository: GitRepository, options: RunOptions) -> bool:
    """Return True if the repository starts with one proposal for all updates.

    Unless the config sets it, this applies to repositories that are selected by owner or topic.
    """
    first_proposal = options.rollout.first_proposal
    return repository.is_selected_by_owner if first_proposal is None else first_proposal


def _read_dashboard(
    dashboard: Dashboard, extract_result: ExtractResult, options: RunOptions
) -> tuple[DashboardIssue | None, tuple[RunFailure, ...]]:
    """Return the dashboard issue if one is enabled or may have to be closed, or the failure to read it.

    If dashboards are not enabled, the issue only reports that the repository's own config file is not valid.
    """
    if not (options.has_dashboards or extract_result.has_repository_config):
        return None, ()
    try:
        return dashboard.read(), ()
    except ForgeError as error:
        return None, (report_dashboard_failure(extract_result.repository, error),)


def report_dashboard_failure(repository: GitRepository, error: ForgeError) -> RunFailure:
    """Return the failure for a dashboard that could not be read or written."""
    return RunFailure(f"{repository.name} dashboard", FailureStage.PROPOSE, str(error))


def list_branch_plans(repository_plans: Iterable[RepositoryPlan]) -> list[BranchPlan]:
    """Return the branch plans of all repositories in one list."""
    return [branch_plan for each in repository_plans for branch_plan in each.branch_plans]


def replace_branch_plans(
    repository_plans: Sequence[RepositoryPlan], branch_plans: Iterable[BranchPlan]
) -> list[RepositoryPlan]:
    """Return the repository plans with other branch plans, given in the number and order of `list_branch_plans`."""
    remaining = iter(branch_plans)
    return [replace(each, branch_plans=tuple(islice(remaining, len(each.branch_plans)))) for each in repository_plans]


def apply_limits(
    repository_plans: Sequence[RepositoryPlan], options: RunOptions, now: datetime
) -> Iterator[BranchPlan]:
    """Yield all branch plans; the step of proposals that have to wait is replaced by a deferral."""
    deferrals_by_plan = defer_proposals([_build_queue(each, options) for each in repository_plans], now)
    for each, deferred in zip(repository_plans, deferrals_by_plan, strict=True):
        for branch_plan in each.branch_plans:
            yield replace(branch_plan, step=deferred.get(branch_plan.branch, branch_plan.step))


def _build_queue(repository_plan: RepositoryPlan, options: RunOptions) -> OpenQueue:
    """Return the proposals waiting to be opened for a base branch, with their limits.

    Repositories that the config names have no default limits.
    """
    repository_scan, configured_wave = repository_plan.repository_scan, options.rollout.repositories_per_run
    is_selected = repository_scan.repository.is_selected_by_owner
    limits = options.limits or (DEFAULT_FLEET_LIMITS if is_selected else ProposalLimits())
    wave = configured_wave or (DEFAULT_REPOSITORIES_PER_RUN if is_selected else None)
    steps = [branch_plan.step for branch_plan in repository_plan.branch_plans]
    states = (each.state for branch_plan in repository_plan.branch_plans for each in branch_plan.requests)
    open_now = sum(state is RequestState.OPEN for state in states) - sum(
        isinstance(step, CloseRequest) for step in steps
    )
    opens = [step for step in steps if isinstance(step, OpenRequest)]
    return OpenQueue((id(repository_scan.fleet), repository_scan.repository.name), limits, opens, open_now, wave)
