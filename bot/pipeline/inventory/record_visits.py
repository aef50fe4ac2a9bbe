"""Store the results of a run in the inventory, for the base branches that it read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bot.core.inventory.settle import (
    are_decisions_lasting,
    find_due_time,
    is_ci_awaited,
    is_evidence_lasting,
    is_step_done,
    list_possible_transitions,
    list_tracked_images,
)
from bot.core.inventory.triage import find_tag_reason
from bot.model.decision import ImageUpdate, Transition
from bot.model.inventory import BranchConditions, BranchKey, BranchVisit, SettledBranch, StoredRequest, VisitReason
from bot.model.phases import ProgressStep
from bot.model.proposal import (
    CloseStep,
    DeleteBranch,
    OpenStep,
    Proposal,
    RequestState,
    UpdateStep,
)
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.choice.decide_updates import DecisionResult, TagDependencies
from bot.pipeline.evidence.evidence_versions import EvidenceVersions
from bot.pipeline.inventory.request_records import RequestRecorder
from bot.pipeline.proposal.execute_steps import RepositoryVisit
from bot.pipeline.proposal.repository_plan import BranchPlan, RepositoryPlan
from bot.pipeline.run_context import RunContext, RunOptions
from bot.pipeline.survey.triage import TriageResult
from bot.pipeline.worker_pool import FORGE_POOL

_MISSED = (
    "the regular visit found something to change, although the data that basebump compares between visits was the "
    "same as at the last visit; "
    "hint: report this as a bug, unless the settings of the repository or its branches were changed"
)


class VisitRecorder:
    """Stores the visits of one run. `context` is the context with which the run began."""

    def __init__(self, context: RunContext, options: RunOptions, decision_result: DecisionResult) -> None:
        self._context, self._options, self._decision_result = context, options, decision_result
        self._evidence_versions = EvidenceVersions(context)

    def record_visits(self, visited: Iterable[RepositoryVisit], triage_result: TriageResult) -> None:
        """Store the visits, and the fact that the other base branches still exist.

        A failure is noted for each branch in which the triage would have missed a change.
        """
        if not self._context.state.has_state:
            return
        store = self._context.state.inventory
        visits: list[BranchVisit] = []
        known = [each for each in visited if each.listed.key is not None]
        recorder = RequestRecorder(self._context, self._options.branch_prefix, self._decision_result.evidence)

        def list_requests(visit: RepositoryVisit) -> tuple[RepositoryVisit, tuple[StoredRequest, ...] | None]:
            return visit, recorder.list_requests(visit)

        with_requests = FORGE_POOL.run_phase(ProgressStep.READ_CI, list_requests, known, self._context.progress)
        for each, listed_requests in with_requests:
            key, conditions = each.listed.key, each.listed.conditions
            if key is not None and conditions is not None:
                dependencies = self._find_dependencies(each.plan)
                visits.append(self._build_visit(key, conditions, each, dependencies, listed_requests))
                if _is_missed(each, dependencies):
                    self._context.failures.add([RunFailure(each.report.title, FailureStage.SURVEY, _MISSED)])
        evidence = {**triage_result.evidence, **self._decision_result.evidence}
        with self._context.failures.note_state_error(FailureStage.PROPOSE):
            store.record_visits(visits, evidence, self._context.now)
            if not self._options.scope.names:  # in a run over a few repositories, deleting old data would take too long
                read_keys = (visit.key for visit in visits)
                store.record_seen((*triage_result.unchanged_keys, *read_keys), self._context.now)

    def _find_dependencies(self, plan: RepositoryPlan) -> TagDependencies | None:
        images = list_tracked_images(plan.proposal_plan.decisions)
        return self._decision_result.lookup_result.find_dependencies(images)

    def _build_visit(
        self,
        key: BranchKey,
        conditions: BranchConditions,
        visit: RepositoryVisit,
        dependencies: TagDependencies | None,
        requests: tuple[StoredRequest, ...] | None,
    ) -> BranchVisit:
        return BranchVisit(
            key,
            conditions.head,
            conditions.reader,
            visit.report,
            requests,
            visit.plan.repository_scan.extract_result.has_unread_files,
            self._settle(conditions, visit, dependencies) if not self._is_ci_awaited(visit, requests) else None,
        )

    def _settle(
        self, conditions: BranchConditions, visit: RepositoryVisit, dependencies: TagDependencies | None
    ) -> SettledBranch | None:
        """Return the branch as settled; None if the next run must read it.

        The next run must read the branch if something is left to do, or if data could change without a sign that triage
        checks.
        """
        plan, decisions = visit.plan, visit.plan.proposal_plan.decisions
        if visit.is_pending or dependencies is None or conditions.activity is None or not _is_complete(visit):
            return None
        if not _are_requests_listed(visit):
            return None
        if not are_decisions_lasting(decisions) or not all(is_step_done(each.step) for each in plan.branch_plans):
            return None
        proposed = {update for each in plan.branch_plans for update in each.updates}
        if any(isinstance(each, ImageUpdate) and each not in proposed for each in decisions):
            return None
        transitions = set(list_possible_transitions(decisions))
        if not all(map(self._is_evidence_lasting, transitions)):
            return None
        if transitions:
            versions = self._evidence_versions.hash_versions(dependencies.tags)
            conditions = replace(conditions, evidence=versions)
        desired = [each.desired for each in plan.branch_plans]
        due_dates = [each.due for each in desired if isinstance(each, Proposal) and each.due is not None]
        due_at = find_due_time(decisions, due_dates, self._options.policy_config, self._context.now)
        return SettledBranch(conditions, dependencies.tags, dependencies.tag_lists, due_at)

    def _is_ci_awaited(self, visit: RepositoryVisit, requests: Iterable[StoredRequest] | None) -> bool:
        """Return True if CI on an open pull request has not ended, so that the next run must read its outcome."""
        committed_at = {(each.branch, each.number or 0): each.committed_at for each in visit.plan.requests or ()}
        return any(
            each.state is RequestState.OPEN
            and is_ci_awaited(each.ci, committed_at.get((each.branch, each.number)), self._context.now)
            for each in requests or ()
        )

    def _is_evidence_lasting(self, transition: Transition) -> bool:
        return is_evidence_lasting(
            self._decision_result.evidence.get(transition),
            is_scanner_known=all(
                map(self._evidence_versions.has_known_scanner, (transition.tag_ref, transition.new_tag_ref))
            ),
        )


def _is_complete(visit: RepositoryVisit) -> bool:
    """Return True if the run read everything in the repository, and nothing failed."""
    extract_result = visit.plan.repository_scan.extract_result
    has_failed = bool(visit.failures or extract_result.failures)
    return (
        visit.plan.forge is not None
        and not has_failed
        and not extract_result.has_unread_files
        and not extract_result.blocked_reason
    )


def _are_requests_listed(visit: RepositoryVisit) -> bool:
    """Return True if the forge's list of repositories covers all open pull requests that the visit found."""
    listed_numbers = visit.listed.repository.listed_requests
    return listed_numbers is None or all(
        each.number in listed_numbers for each in visit.plan.requests or () if each.state is RequestState.OPEN
    )


def _is_missed(visit: RepositoryVisit, dependencies: TagDependencies | None) -> bool:
    """Return True if a regular visit of a settled branch changes something that triage did not predict."""
    settled = visit.listed.settled
    if visit.listed.reason is not VisitReason.IN_TURN or settled is None or dependencies is None:
        return False
    if not _are_requests_listed(visit):
        return False
    if find_tag_reason(settled, dependencies.tags, dependencies.tag_lists) is not None:
        return False
    has_all_branches = visit.listed.repository.listed_requests is None
    return any(_is_change(each, has_all_branches=has_all_branches) for each in visit.plan.branch_plans)


def _is_change(branch_plan: BranchPlan, *, has_all_branches: bool) -> bool:
    """Return True if a step changes something.

    Branches without a pull request count only if the forge lists them.
    """
    step = branch_plan.step
    return isinstance(step, OpenStep | UpdateStep | CloseStep) or (has_all_branches and isinstance(step, DeleteBranch))
