"""Apply a plan that an earlier command made. Only the forge is contacted.

Every repository is first compared with the plan: its base commit, basebump's branches and pull requests, and the
dashboard issue. If anything changed in a repository, nothing is written to this repository. The edits are verified on
the base commit by the same code as during planning. After that, the steps are executed by the same functions as in a
run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from bot.core.budgets import RunBudget, TreeBudget
from bot.model.errors import BasebumpError, EditError, PlanError
from bot.model.fleet_plan import FleetPlan, PlannedRepository, ProposalContent
from bot.model.forge import GitRepository
from bot.model.phases import ProgressStep
from bot.model.proposal import RemoteRequest
from bot.model.report import RepositoryReport, RunFailure, RunReport
from bot.model.vocabulary import FailureStage
from bot.pipeline.failures import FailureLog
from bot.pipeline.plans.plan_run import PlanOrigin
from bot.pipeline.plans.planned_edits import EditProver
from bot.pipeline.plans.planned_judge import PlannedJudge
from bot.pipeline.plans.planned_limits import PlanLimitError, PlanLimits
from bot.pipeline.plans.planned_steps import (
    FileContents,
    InconsistentPlanError,
    build_branch_plan,
    describe_request,
    hash_dashboard,
    is_writing,
)
from bot.pipeline.proposal.dashboard_sync import sync_dashboards
from bot.pipeline.proposal.execute_steps import RepositoryVisit, execute_visits
from bot.pipeline.proposal.plan_proposals import ProposalPlan
from bot.pipeline.proposal.repository_plan import BranchPlan, RepositoryPlan
from bot.pipeline.references.extract import ExtractResult, extract_references
from bot.pipeline.references.reader_slots import ReaderSlots
from bot.pipeline.run_context import RunOptions
from bot.pipeline.survey.fleet_scan import RepositoryScan
from bot.pipeline.survey.triage import ListedBaseBranch
from bot.pipeline.worker_pool import FORGE_POOL
from bot.ports import Clock, FileFormat, Fleet, ProgressReporter, RulesReader

MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""The maximum difference between the clocks of the two machines. A plan from further in the future is refused."""

_NEXT_PLAN = "nothing was written here; hint: make a new plan"
_MISJUDGED = (
    "the plan calls the branch {} basebump's, but the branch contains other changes than the plan states, or cannot be "
    "compared"
)


@dataclass(frozen=True, slots=True)
class ApplyContext:
    """The services that applying a plan needs, which include no registry, no scanner and no state."""

    formats: Sequence[FileFormat]
    read_rules: RulesReader
    clock: Clock
    progress: ProgressReporter
    reader_slots: ReaderSlots | None = None


class _ChangedSincePlanError(Exception):
    """Raised if the repository changed after the plan was made. The message says what changed."""


def check_plan(plan: FleetPlan, origin: PlanOrigin, branch_prefix: str, now: datetime, max_age: timedelta) -> None:
    """Raise PlanError if this program must not apply a plan now with this config."""
    if plan.version != origin.version:
        raise PlanError(
            f"the plan was made by basebump {plan.version}, but this is {origin.version}; hint: use the same version "
            "for `plan` and `apply`"
        )
    if plan.config != origin.config or plan.branch_prefix != branch_prefix:
        raise PlanError(
            "the plan was made with another config; hint: pass the same config file to `plan` and `apply`, and make a "
            "new plan after each change"
        )
    age = now - plan.planned_at
    if age > max_age:
        raise PlanError(
            f"the plan is {_count_hours(age)} old, but at most {_count_hours(max_age)} are allowed; hint: make a "
            "new plan, or allow an older one with --max-age"
        )
    if age < -MAX_CLOCK_DIFFERENCE:
        raise PlanError(
            f"the plan was made in the future, at {plan.planned_at.isoformat()}; hint: set the clocks of both machines"
        )


def _count_hours(duration: timedelta) -> str:
    hours = duration // timedelta(hours=1)
    return "1 hour" if hours == 1 else f"{hours} hours"


def apply_plan(plan: FleetPlan, fleets: Sequence[Fleet], context: ApplyContext, options: RunOptions) -> RunReport:
    """Apply a plan that `check_plan` accepted, and return the report on its repositories.

    `options` are the options of a run with the level of the plan.
    """
    started = context.clock.now()
    failures = FailureLog()
    listed = _find_repositories(plan, fleets, failures)
    run_budget = RunBudget()

    def prepare(planned: PlannedRepository) -> RepositoryVisit | RunFailure:
        return _RepositoryCheck(planned, listed.get(planned.key), context, options, run_budget).prepare()

    prepared = FORGE_POOL.run_phase(ProgressStep.COMPARE_REPOSITORIES, prepare, plan.repositories, context.progress)
    unlisted = {each.subject for each in failures.list_all()}
    failures.add(each for each in prepared if isinstance(each, RunFailure) and each.subject not in unlisted)
    visits = [each for each in prepared if isinstance(each, RepositoryVisit)]
    keys = {_get_key(each.repository) for each in visits}
    changed = {each.key[:3] for each in plan.repositories if each.key not in keys}
    without_dashboards = [  # a dashboard shows all base branches of its repository
        replace(each, plan=replace(each.plan, dashboard=None)) if _get_key(each.repository)[:3] in changed else each
        for each in visits
    ]
    executed = execute_visits(without_dashboards, context.progress, options.level)
    evidence = {each.transition: each.evidence for each in plan.evidence}
    failures.add(failure for each in executed for failure in each.failures)
    failures.add(sync_dashboards(executed, evidence, options))
    reports = tuple(each.report for each in executed)
    return RunReport(options.level, reports, evidence, failures.list_all(), started, context.clock.now())


def _find_repositories(
    plan: FleetPlan, fleets: Sequence[Fleet], failures: FailureLog
) -> Mapping[tuple[str, str, str, str], ListedBaseBranch]:
    """Return the plan's repositories that the config selects, by key. Note the failures of listing them."""
    names = frozenset(each.configured_name or each.name for each in plan.repositories)
    found: dict[tuple[str, str, str, str], ListedBaseBranch] = {}
    if not names:
        return found
    for fleet in fleets:
        for each in fleet.list_repositories(names):
            if isinstance(each, RunFailure):
                failures.add([each])
            else:
                found.setdefault(_get_key(each), ListedBaseBranch(fleet, each))
    return found


def _get_key(repository: GitRepository) -> tuple[str, str, str, str]:
    """Return the key of a base branch, in the form of `PlannedRepository.key`."""
    return repository.forge, repository.server, repository.name, repository.base_branch or ""


def _restore_links(report: RepositoryReport, repository: GitRepository) -> RepositoryReport:
    """Return the report of a plan, with the current URL of the repository's files."""
    return replace(report, files_url=repository.files_url)


@dataclass(frozen=True, slots=True)
class _RepositoryCheck:
    """Compares one repository with the plan, and verifies the edits. Nothing is written."""

    planned: PlannedRepository
    listed: ListedBaseBranch | None
    context: ApplyContext
    options: RunOptions
    run_budget: RunBudget

    def prepare(self) -> RepositoryVisit | RunFailure:
        """Return the visit with the steps to execute, or a failure.

        The result is a failure if the repository changed, or if the plan must not be applied to it.
        """
        subject = self.planned.name
        try:
            repository_plan = self._prepare()
            report = _restore_links(self.planned.report, repository_plan.repository_scan.repository)
            return RepositoryVisit(repository_plan, report)
        except _ChangedSincePlanError as change:
            return RunFailure(subject, FailureStage.PROPOSE, f"{change} since the plan was made; {_NEXT_PLAN}")
        except InconsistentPlanError:
            return RunFailure(subject, FailureStage.PROPOSE, f"the plan contradicts itself; {_NEXT_PLAN}")
        except EditError as error:
            return RunFailure(subject, FailureStage.EDIT, f"{error}; {_NEXT_PLAN}")
        except PlanLimitError as error:
            return RunFailure(subject, FailureStage.PROPOSE, f"{error}; {_NEXT_PLAN}")
        except BasebumpError as error:
            return RunFailure(subject, FailureStage.PROPOSE, str(error))

    def _prepare(self) -> RepositoryPlan:
        planned, listed = self.planned, self.listed
        if listed is None:
            raise _ChangedSincePlanError("the config or the forge no longer lists this repository or its base branch")
        repository = listed.repository
        if repository.commit != planned.commit:
            raise _ChangedSincePlanError("the base branch moved")
        if repository.is_public != planned.is_public:
            raise _ChangedSincePlanError("the repository became public or private")
        forge = listed.fleet.get_forge(repository)
        extract = cache(lambda: self._extract(repository))
        get_prover = cache(lambda: EditProver(extract(), self.options.policy_config, self.context.clock.now().date()))

        def prove(content: ProposalContent) -> FileContents:
            return get_prover().prove(content)

        judge = PlannedJudge(planned, extract, prove, self.context.formats)
        requests = forge.list_requests(self.options.branch_prefix, frozenset(planned.listed_branches), judge)
        if judge.branch_of_other_account is not None:
            raise PlanError(
                "the plan was made with the token of another account, which did not create the branch "
                f"{judge.branch_of_other_account}; nothing was written here; hint: use two tokens of the same account"
            )
        if judge.misjudged_branch is not None:
            raise PlanLimitError(_MISJUDGED.format(judge.misjudged_branch))
        requests = _match_requests(planned, requests, judge.judged_heads)
        dashboard = listed.fleet.get_dashboard(repository) if planned.has_dashboard else None
        dashboard_issue = dashboard.read() if dashboard is not None else None
        if planned.has_dashboard and hash_dashboard(dashboard_issue) != planned.dashboard:
            raise _ChangedSincePlanError("the dashboard issue changed")
        plan_limits = PlanLimits(self.options, forge.limits, lambda: extract().rules)
        extract_result = ExtractResult(repository, has_repository_config=planned.has_config)
        return RepositoryPlan(
            RepositoryScan(extract_result, listed),
            ProposalPlan((), ()),
            (),
            self._build_branch_plans(requests, plan_limits, judge, prove),
            forge,
            requests,
            dashboard=dashboard,
            dashboard_issue=dashboard_issue,
        )

    def _build_branch_plans(
        self,
        requests: Sequence[RemoteRequest],
        plan_limits: PlanLimits,
        judge: PlannedJudge,
        prove: Callable[[ProposalContent], FileContents],
    ) -> tuple[BranchPlan, ...]:
        """Return the steps, with the verified contents of the files that the steps push."""
        branch_plans: list[BranchPlan] = []
        for each in self.planned.branches:
            if not each.branch.startswith(self.options.branch_prefix):
                raise InconsistentPlanError
            branch_plan = build_branch_plan(each, requests, {}, {})
            plan_limits.check(each.branch, branch_plan.step, branch_plan.desired)
            if is_writing(branch_plan.step, self.options.level):
                if each.request is not None and not judge.is_verified(requests[each.request]):
                    raise PlanLimitError(_MISJUDGED.format(each.branch))
                if each.must_push and each.proposal is not None:
                    contents = prove(each.proposal)
                    reduced = each.proposal.without_protected
                    reduced_contents = prove(reduced) if reduced is not None else {}
                    branch_plan = build_branch_plan(each, requests, contents, reduced_contents)
            branch_plans.append(branch_plan)
        return tuple(branch_plans)

    def _extract(self, repository: GitRepository) -> ExtractResult:
        """Read the files of the base commit as a run reads them."""
        if self.listed is None:
            raise InconsistentPlanError
        context = self.context
        return extract_references(
            repository,
            self.listed.fleet.open_tree(repository),
            context.formats,
            context.read_rules,
            TreeBudget(self.run_budget),
            reader_slots=context.reader_slots,
        )


def _match_requests(
    planned: PlannedRepository, requests: Sequence[RemoteRequest], judged_heads: Collection[str]
) -> tuple[RemoteRequest, ...]:
    """Return the forge's pull requests in the order of the plan.

    Raises _ChangedSincePlanError if they differ from the plan.
    """
    found = {(each.branch, each.number, each.state): each for each in requests}
    listed = {(each.branch, each.number, each.state) for each in planned.requests}
    changed = sorted({key[0] for key in found.keys() ^ listed})
    matched: list[RemoteRequest] = []
    for each in planned.requests:
        request = found.get((each.branch, each.number, each.state))
        if request is None or describe_request(request, judged_heads) != each:
            changed.append(each.branch)
        else:
            matched.append(request)
    if changed:
        raise _ChangedSincePlanError(f"the branch {changed[0]} or its pull request changed")
    return tuple(matched)
