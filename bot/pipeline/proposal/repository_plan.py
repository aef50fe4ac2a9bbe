"""Plan the work in a repository: determine the next step for each of basebump's branches.

A request is a pull request or merge request. The step depends on the desired proposal for the branch, and on the
branch's requests on the forge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial

from bot.core.proposal.due_dates import FixTimes, find_recorded_due_date, read_due_date
from bot.core.proposal.lifecycle import next_step, omit_protected_files
from bot.core.proposal.missing_attributes import is_accepted
from bot.core.proposal.requested_actions import DashboardActions, parse_dashboard
from bot.core.proposal.update_groups import UpdateGroup, build_onboarding_group, get_update_group
from bot.model.dashboard import DashboardIssue
from bot.model.decision import (
    BlockedReference,
    Decision,
    HeldUpdate,
    ImageUpdate,
    RefusedUpdate,
    SkippedReference,
    Transition,
    UpToDate,
    get_tracked_image,
)
from bot.model.errors import BasebumpError, ForgeError
from bot.model.evidence import Evidence
from bot.model.forge import GitRepository
from bot.model.image import Resolution
from bot.model.image_name import TagRef
from bot.model.inventory import BranchKey
from bot.model.proposal import (
    DeclineScope,
    NoChange,
    NoChangeReason,
    NoProposal,
    Proposal,
    ProposalStep,
    RemoteRequest,
    RequestState,
)
from bot.model.rebuild_effect import RebuildEffect
from bot.model.report import RunFailure
from bot.model.source import FilePath
from bot.model.vocabulary import FailureStage
from bot.pipeline.proposal.branch_judge import (
    ContentJudge,
    DesiredContent,
    RecordingJudge,
    collect_known_versions,
    list_desired_contents,
)
from bot.pipeline.proposal.plan_proposals import PlannedProposal, ProposalPlan, plan_proposals
from bot.pipeline.proposal.resolved_branches import (
    DesiredState,
    find_unresolved_reason,
    is_fully_resolved_branch,
    list_proposed_tags,
    replace_blocked_request,
)
from bot.pipeline.references.extract import ExtractResult
from bot.pipeline.run_context import RunContext, RunOptions
from bot.pipeline.survey.fleet_scan import RepositoryScan
from bot.ports import Dashboard, Forge


def group_by_branch(
    decisions: Sequence[Decision], non_default_base: str | None, branch_prefix: str
) -> Mapping[str, Sequence[Decision]]:
    """Return the decisions on the images of each branch that basebump may create, by the name of the branch."""
    decisions_by_group: dict[UpdateGroup, list[Decision]] = defaultdict(list)
    for decision in decisions:
        tracked_image = get_tracked_image(decision)
        if tracked_image is not None:
            decisions_by_group[get_update_group(tracked_image, non_default_base)].append(decision)
    all_decisions = [decision for group_decisions in decisions_by_group.values() for decision in group_decisions]
    by_branch = {
        update_group.get_branch(branch_prefix): decided for update_group, decided in decisions_by_group.items()
    }
    return by_branch | {build_onboarding_group(non_default_base).get_branch(branch_prefix): all_decisions}


def group_by_tag(decisions: Iterable[Decision]) -> Mapping[str, Sequence[Decision]]:
    """Return the decisions on each tag. The keys are written as `repository:tag`."""
    decisions_by_tag: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        tracked_image = get_tracked_image(decision)
        if tracked_image is not None:
            decisions_by_tag[str(tracked_image.tag_ref)].append(decision)
    return decisions_by_tag


def explain_no_proposal(decisions: Sequence[Decision]) -> str:
    """Return a sentence that says why a branch has no proposal. `decisions` are about the images of the branch."""
    if any(isinstance(decision, ImageUpdate) for decision in decisions):
        return "It is part of another proposal now."
    if any(isinstance(decision, BlockedReference) for decision in decisions):
        return "No replacement for the blocked digest is known now."
    reasons = [
        decision.reason.sentence
        for decision in decisions
        if isinstance(decision, SkippedReference | RefusedUpdate | HeldUpdate)
    ]
    if reasons:
        return reasons[0]
    if any(isinstance(decision, UpToDate) for decision in decisions):
        return "The base branch already has what the tag points to."
    return "No file uses this image any more."


_WAITING = frozenset({NoChangeReason.ACCEPTED, NoChangeReason.SLIDING})


@dataclass(frozen=True, slots=True)
class BranchPlan:
    """The plan for one branch: the desired proposal, its pull requests on the forge, and the next step."""

    branch: str
    desired: Proposal | NoProposal
    requests: tuple[RemoteRequest, ...]
    """The pull requests of the branch, newest first; empty if there are none."""
    is_fully_resolved: bool
    """True if this run could read all data on which the proposal for the branch depends."""
    step: ProposalStep
    updates: tuple[ImageUpdate, ...] = ()
    """The updates in the desired proposal; empty if no proposal is desired."""

    @property
    def waiting_request(self) -> RemoteRequest | None:
        """The open pull request, if a newer update is available but must wait; otherwise None.

        For example, basebump does not change a pull request for some days after a user approved it.
        """
        step = self.step
        return step.request if isinstance(step, NoChange) and step.reason in _WAITING else None

    @property
    def decline(self) -> tuple[RemoteRequest, DeclineScope] | None:
        """The closed pull request because of which the update is not proposed, and what it declines, if any."""
        step = self.step
        if not isinstance(step, NoChange) or step.request is None or step.reason.decline_scope is None:
            return None
        return step.request, step.reason.decline_scope

    @property
    def muted_request(self) -> RemoteRequest | None:
        """The closed pull request that prevents newer updates of its tags; None if there is none.

        It is a pull request that a user closed, if the policy sets `on_close: line`.
        """
        step = self.step
        return step.request if isinstance(step, NoChange) and step.reason is NoChangeReason.MUTED else None

    def expedite(self, now: datetime) -> BranchPlan:
        """Return the plan with the desired proposal marked as urgent, so that the next step does not wait.

        Return the plan unchanged if no proposal is desired.
        """
        if not isinstance(self.desired, Proposal):
            return self
        urgent = replace(self.desired, is_urgent=True)
        return replace(
            self,
            desired=urgent,
            step=next_step(urgent, self.requests, is_fully_resolved=self.is_fully_resolved, now=now) or self.step,
        )


@dataclass(frozen=True, slots=True)
class RepositoryPlan:
    """The planned steps on one base branch of a repository."""

    repository_scan: RepositoryScan
    proposal_plan: ProposalPlan
    failures: tuple[RunFailure, ...]
    branch_plans: tuple[BranchPlan, ...] = ()
    forge: Forge | None = None
    """The operations on the forge; None if nothing can be done in the repository."""
    requests: tuple[RemoteRequest, ...] | None = None
    """All of basebump's branches and pull requests that were listed; None if they could not be listed."""
    listed_branches: frozenset[str] = frozenset()
    """The branches whose closed and merged pull requests were also listed."""
    judged_heads: frozenset[str] = frozenset()
    """The last commits of branches whose content was judged. Other branches were judged only by their commit messages.
    """
    dashboard: Dashboard | None = None
    """None if the dashboard could not be read, and therefore must not be written."""
    dashboard_issue: DashboardIssue | None = None
    """The dashboard issue as it was before this run; None if it does not exist or was not read."""

    def replace_branch_plans(self, change: Callable[[BranchPlan], BranchPlan]) -> RepositoryPlan:
        """Return the plan with the result of `change` for each of its branch plans."""
        return replace(self, branch_plans=tuple(map(change, self.branch_plans)))


@dataclass(frozen=True, slots=True)
class RepositoryPlanner:
    """Plans the steps on one base branch of a repository. `context.now` is the time of planning."""

    repository_scan: RepositoryScan
    options: RunOptions
    context: RunContext
    resolutions: Mapping[TagRef, Resolution]
    """The result of each tag's lookup in this run."""

    @property
    def _repository(self) -> GitRepository:
        return self.repository_scan.repository

    @property
    def _extract_result(self) -> ExtractResult:
        return self.repository_scan.extract_result

    @property
    def _onboarding_branch(self) -> str:
        return build_onboarding_group(self._repository.non_default_base).get_branch(self.options.branch_prefix)

    @property
    def _has_onboarding_proposal(self) -> bool:
        """True if a repository starts with an onboarding proposal: its first proposal, which contains all updates.

        If the config does not set `first_proposal`, this is True for a repository that the config selects by owner or
        topic, and False for a repository that the config names.
        """
        first_proposal = self.options.rollout.first_proposal
        return self._repository.is_selected_by_owner if first_proposal is None else first_proposal

    def _find_rebuild(self, paths: Collection[FilePath]) -> RebuildEffect | None:
        """Return the own images that are rebuilt after a change of some files is merged; None if unknown."""
        finder, key = self.context.rebuild_finder, BranchKey.of(self._repository)
        return finder.find_effect(key, paths) if finder is not None and key is not None else None

    def plan_repository(self, decisions: Sequence[Decision], evidence: Mapping[Transition, Evidence]) -> RepositoryPlan:
        """Return the plan of the repository, based on its pull requests on the forge.

        Errors of the forge do not raise an exception, but become failures in the plan.
        """
        extract_result, fleet = self._extract_result, self.repository_scan.fleet
        proposal_plan = ProposalPlan(tuple(decisions), ())
        try:
            forge = fleet.get_forge(self._repository)
            style = self.options.build_style(forge.limits, self._repository)
            fix_times = FixTimes(self.resolutions, self.context.now)
            plan = partial(
                plan_proposals, extract_result, decisions, evidence, style, fix_times, find_rebuild=self._find_rebuild
            )
            proposal_plan = plan()
            if self._repository.base_branch is None:
                return RepositoryPlan(self.repository_scan, proposal_plan, extract_result.failures)
            dashboard = fleet.get_dashboard(self._repository)
            dashboard_issue, failures = self._read_dashboard(dashboard)

            @cache
            def plan_onboarding() -> ProposalPlan:
                return plan(all_at_once=True)

            judge = self._build_judge(proposal_plan, plan_onboarding)
            branches = self._list_desired_branches(proposal_plan)
            requests = forge.list_requests(self.options.branch_prefix, branches, judge)
            if self._is_onboarding(requests):
                proposal_plan = plan_onboarding()
            branch_plans = self._plan_branches(requests, proposal_plan, _parse_requested_actions(dashboard_issue))
        except BasebumpError as error:
            failure = RunFailure(self._repository.name, FailureStage.PROPOSE, str(error))
            failures = (*extract_result.failures, *proposal_plan.failures, failure)
            return RepositoryPlan(self.repository_scan, proposal_plan, failures)
        return RepositoryPlan(
            self.repository_scan,
            proposal_plan,
            (*extract_result.failures, *proposal_plan.failures, *failures),
            branch_plans,
            forge,
            requests,
            branches,
            judge.judged_heads,
            None if failures else dashboard,
            dashboard_issue,
        )

    def _list_desired_branches(self, proposal_plan: ProposalPlan) -> frozenset[str]:
        """Return the branches whose closed and merged pull requests are needed.

        These are the branches of the planned proposals and, if the repository starts with an onboarding proposal, the
        branch of that proposal.
        """
        branches = frozenset(each.proposal.branch for each in proposal_plan.proposals)
        return branches | {self._onboarding_branch} if branches and self._has_onboarding_proposal else branches

    def _build_judge(self, proposal_plan: ProposalPlan, plan_onboarding: Callable[[], ProposalPlan]) -> RecordingJudge:
        """Return the judge of the contents of basebump's branches."""
        planned_by_branch = {each.proposal.branch: each for each in proposal_plan.proposals}
        onboarding_branch = self._onboarding_branch if self._has_onboarding_proposal else None

        def list_desired(branch: str) -> list[DesiredContent]:
            if branch == onboarding_branch:
                return list_desired_contents(next(iter(plan_onboarding().proposals), None))
            return list_desired_contents(planned_by_branch.get(branch))

        return RecordingJudge(
            ContentJudge(
                self._extract_result,
                self.context.formats,
                list_desired,
                collect_known_versions(self.resolutions, proposal_plan.proposals),
                self.context.state.pushes.load_pushes(self._repository),
            )
        )

    def _is_onboarding(self, requests: Sequence[RemoteRequest]) -> bool:
        """Return True if all updates of the repository are to be in a single onboarding proposal.

        The onboarding ends when this proposal is merged, or when basebump has another pull request in the repository.
        """
        if not self._has_onboarding_proposal:
            return False
        branch = self._onboarding_branch
        is_onboarded = any(each.branch == branch and each.state is RequestState.MERGED for each in requests)
        return not is_onboarded and all(each.branch == branch for each in requests)

    def _read_dashboard(self, dashboard: Dashboard | None) -> tuple[DashboardIssue | None, tuple[RunFailure, ...]]:
        """Return the dashboard issue. Return None and a failure if the issue cannot be read.

        The issue is read if dashboards are enabled, or if the repository has a config file of its own, because basebump
        reports errors of that file in the issue. In all other cases, None is returned without a failure.
        """
        is_needed = self.options.has_dashboards or self._extract_result.has_repository_config
        if dashboard is None or not is_needed:
            return None, ()
        try:
            return dashboard.read(), ()
        except ForgeError as error:
            return None, (report_dashboard_failure(self._repository, error),)

    def _plan_branches(
        self, requests: Iterable[RemoteRequest], proposal_plan: ProposalPlan, dashboard_actions: DashboardActions
    ) -> tuple[BranchPlan, ...]:
        """Return the plans of the branches for which there is a step to execute or to report, sorted by branch name."""
        requests_by_branch: dict[str, list[RemoteRequest]] = defaultdict(list)
        for each in requests:
            requests_by_branch[each.branch].append(each)
        planned_by_branch = {
            planned.proposal.branch: _add_requested_actions(
                planned.keep_due_date(find_recorded_due_date(requests_by_branch[planned.proposal.branch])),
                dashboard_actions,
                requests_by_branch[planned.proposal.branch],
            )
            for planned in proposal_plan.proposals
        }
        decisions_by_branch = group_by_branch(
            proposal_plan.decisions, self._repository.non_default_base, self.options.branch_prefix
        )
        decisions_by_tag = group_by_tag(proposal_plan.decisions)
        branch_plans: list[BranchPlan] = []
        for branch in sorted(planned_by_branch.keys() | requests_by_branch.keys()):
            decisions = decisions_by_branch.get(branch) or [
                decision
                for tag in sorted(list_proposed_tags(requests_by_branch[branch]))
                for decision in decisions_by_tag.get(tag, ())
            ]
            branch_plans += self._plan_branch(
                branch, planned_by_branch.get(branch), decisions, tuple(requests_by_branch[branch])
            )
        return tuple(branch_plans)

    def _plan_branch(
        self,
        branch: str,
        planned_proposal: PlannedProposal | None,
        decisions: Sequence[Decision],
        requests: tuple[RemoteRequest, ...],
    ) -> Iterator[BranchPlan]:
        """Yield the plan of a branch. Yield nothing if there is no step to execute or to report.

        `planned_proposal` is None if no update is to be proposed on the branch. `decisions` are those on the images
        that the branch updates.
        """
        desired = (
            omit_protected_files(planned_proposal.proposal, requests)
            if planned_proposal is not None
            else NoProposal(
                explain_no_proposal(decisions), read_due_date(find_recorded_due_date(requests), self.context.now)
            )
        )
        updates = planned_proposal.updates if planned_proposal is not None else ()
        is_fully_resolved = is_fully_resolved_branch(planned_proposal, decisions, requests, self._extract_result)
        blocklist = self.options.policy_config.blocklist
        state = replace_blocked_request(DesiredState(desired, is_fully_resolved), requests, blocklist, self.resolutions)
        desired, is_fully_resolved = state.desired, state.is_fully_resolved
        step = next_step(desired, requests, is_fully_resolved=is_fully_resolved, now=self.context.now)
        if isinstance(step, NoChange) and step.reason is NoChangeReason.UNKNOWN:
            step = replace(step, reason=find_unresolved_reason(decisions))
        if step is not None:
            yield BranchPlan(branch, desired, requests, is_fully_resolved, step, updates)


def report_dashboard_failure(repository: GitRepository, error: ForgeError) -> RunFailure:
    """Return the failure for a dashboard that could not be read or written."""
    return RunFailure(f"{repository.name} dashboard", FailureStage.PROPOSE, str(error))


def _parse_requested_actions(issue: DashboardIssue | None) -> DashboardActions:
    """Return the actions that users requested with checkboxes in the dashboard issue.

    There are none if there is no issue or if the issue is closed.
    """
    return parse_dashboard(issue.body) if issue is not None and issue.is_open else DashboardActions()


def _add_requested_actions(
    planned_proposal: PlannedProposal, dashboard_actions: DashboardActions, requests: Sequence[RemoteRequest]
) -> PlannedProposal:
    """Return the planned proposal with the actions that users requested for its branch.

    `requests` are the pull requests of the branch on the forge.
    """
    proposal = planned_proposal.proposal
    has_accepted = any(each.state is RequestState.OPEN and is_accepted(each) for each in requests)
    branch_actions = dashboard_actions.select_for_branch(proposal.branch, is_accepted=has_accepted)
    return (
        replace(planned_proposal, proposal=replace(proposal, requested_actions=branch_actions))
        if branch_actions
        else planned_proposal
    )
