"""Store in the inventory what a run found out about the base branches that it read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.evidence.compare import collect_exploited_ids, count_by_severity, count_distinct, filter_exploited
from bot.core.inventory.settle import (
    are_decisions_lasting,
    find_due_time,
    is_evidence_lasting,
    is_step_done,
    list_possible_transitions,
    list_tracked_images,
)
from bot.core.inventory.triage import find_tag_reason
from bot.core.proposal.markers import parse_marker
from bot.core.transition import get_first_transition
from bot.model.decision import ImageUpdate, Transition
from bot.model.errors import ForgeError, StateError
from bot.model.evidence import Evidence
from bot.model.inventory import BranchConditions, BranchKey, BranchVisit, SettledBranch, StoredRequest, VisitReason
from bot.model.proposal import (
    CloseRequest,
    DeleteBranch,
    OpenRequest,
    Proposal,
    RemoteRequest,
    RequestState,
    UpdateRequest,
)
from bot.model.report import RepositoryReport, RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.decide_updates import DecisionResult, TagDependencies
from bot.pipeline.evidence_versions import EvidenceVersions
from bot.pipeline.execute_steps import ExecutionResult
from bot.pipeline.registry_failures import STATE_SUBJECT
from bot.pipeline.repository_plan import BranchPlan, RepositoryPlan
from bot.pipeline.run_context import RunContext, RunOptions
from bot.pipeline.triage import ListedBranch, TriageResult

_MISSED = (
    "the regular visit changes something here, but nothing that basebump compares between visits had changed; "
    "hint: report this as a bug, unless the settings of the repository or its branches were changed"
)


@dataclass(frozen=True, slots=True)
class VisitedBranch:
    """A base branch that the run read, with the results."""

    listed: ListedBranch
    plan: RepositoryPlan
    result: ExecutionResult
    report: RepositoryReport


class VisitRecorder:
    """Stores the visits of one run. `context` is that of the beginning of the run."""

    def __init__(self, context: RunContext, options: RunOptions, decision_result: DecisionResult) -> None:
        self._context, self._options, self._decision_result = context, options, decision_result
        self._evidence_versions = EvidenceVersions(context)

    def record_visits(self, visited: Iterable[VisitedBranch], triage_result: TriageResult) -> Iterator[RunFailure]:
        """Store the visits, and that the other base branches were listed.

        Yield a failure if the state cannot be written. Also yield one for each branch in which the triage would have
        missed a change.
        """
        store = self._context.inventory_store
        if not store.is_available:
            return
        visits: list[BranchVisit] = []
        for each in visited:
            key, conditions = each.listed.key, each.listed.conditions
            if key is not None and conditions is not None:
                dependencies = self._find_dependencies(each.plan)
                visits.append(self._build_visit(key, conditions, each, dependencies))
                if _is_missed(each, dependencies):
                    yield RunFailure(each.report.title, FailureStage.SURVEY, _MISSED)
        evidence = {**triage_result.evidence, **self._decision_result.evidence}
        try:
            store.record_visits(visits, evidence, self._context.now)
            store.record_seen(triage_result.unchanged_keys, self._context.now)
        except StateError as error:
            yield RunFailure(STATE_SUBJECT, FailureStage.PROPOSE, str(error))

    def _find_dependencies(self, plan: RepositoryPlan) -> TagDependencies | None:
        images = list_tracked_images(plan.proposal_plan.decisions)
        return self._decision_result.lookup_result.find_dependencies(images)

    def _build_visit(
        self, key: BranchKey, conditions: BranchConditions, branch: VisitedBranch, dependencies: TagDependencies | None
    ) -> BranchVisit:
        return BranchVisit(
            key,
            conditions.head,
            conditions.reader,
            branch.report,
            self._list_requests(branch),
            branch.plan.repository_scan.extract_result.has_unread_files,
            self._settle(conditions, branch, dependencies),
        )

    def _settle(
        self, conditions: BranchConditions, branch: VisitedBranch, dependencies: TagDependencies | None
    ) -> SettledBranch | None:
        """Return the branch as settled. Return None if something is left to do, or if some data may change unseen."""
        plan, decisions = branch.plan, branch.plan.proposal_plan.decisions
        if dependencies is None or conditions.activity is None or not _is_complete(branch):
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
            versions = self._evidence_versions.fingerprint_versions(dependencies.tags)
            conditions = replace(conditions, evidence=versions)
        desired = [each.desired for each in plan.branch_plans]
        due_dates = [each.due for each in desired if isinstance(each, Proposal) and each.due is not None]
        due_at = find_due_time(decisions, due_dates, self._options.policy_config, self._context.now)
        return SettledBranch(conditions, dependencies.tags, dependencies.tag_lists, due_at)

    def _is_evidence_lasting(self, transition: Transition) -> bool:
        return is_evidence_lasting(
            self._decision_result.evidence.get(transition),
            is_scanner_known=all(
                map(self._evidence_versions.has_known_scanner, (transition.tag_ref, transition.new_tag_ref))
            ),
        )

    def _list_requests(self, branch: VisitedBranch) -> tuple[StoredRequest, ...] | None:
        """Return what is known about the requests of a repository. Return None if they could not be listed."""
        requests = branch.plan.requests
        if requests is None:
            return None
        updates = {each.branch: each.updates for each in branch.plan.branch_plans}
        return tuple(
            _build_stored_request(request, self._count_fixes(updates.get(request.branch, ())))
            for request in (*requests, *self._list_ended(branch.listed, requests))
            if request.state is not RequestState.BRANCH
        )

    def _list_ended(self, listed: ListedBranch, requests: Sequence[RemoteRequest]) -> Iterable[RemoteRequest]:
        """Return the requests that were open at the last visit, and that were merged or closed since.

        They are only stored as history. They decide nothing, so that a run without a state has the same results.
        """
        open_before = listed.stored.open_request_branches if listed.stored is not None else frozenset()
        missing = open_before - {each.branch for each in requests if each.state is not RequestState.BRANCH}
        if not missing:
            return ()
        try:
            found = listed.fleet.get_forge(listed.repository).list_requests(self._options.branch_prefix, missing)
        except ForgeError:  # the state then records only that the requests ended
            return ()
        return [each for each in found if each.branch in missing]

    def _count_fixes(self, updates: Sequence[ImageUpdate]) -> Mapping[str, int] | None:
        """Return the number of distinct vulnerabilities that updates fix, by severity; None if some are unknown."""
        found = [self._decision_result.evidence.get(get_first_transition(update)) for update in updates]
        known = [each for each in found if each is not None and each.delta is not None]
        return _count_fixes(known) if updates and len(known) == len(found) else None


def _count_fixes(evidence: Sequence[Evidence]) -> Mapping[str, int]:
    fixed = [finding for each in evidence if each.delta is not None for finding in each.delta.fixed]
    exploited = count_distinct(filter_exploited(fixed, collect_exploited_ids(evidence)))
    return {**{severity.word: count for severity, count in count_by_severity(fixed).items()}, "exploited": exploited}


def _build_stored_request(request: RemoteRequest, fixes: Mapping[str, int] | None) -> StoredRequest:
    return StoredRequest(
        branch=request.branch,
        number=request.number or 0,
        state=request.state,
        targets=parse_marker(request.body).targets,
        url=request.url,
        opened_at=request.opened_at,
        ended_at=request.closed_at,
        fixes=fixes,
    )


def _is_complete(branch: VisitedBranch) -> bool:
    """Return True if the run read everything in the repository, and nothing failed."""
    extract_result = branch.plan.repository_scan.extract_result
    has_failed = bool(branch.plan.failures or branch.result.failures or extract_result.failures)
    return (
        branch.plan.forge is not None
        and not has_failed
        and not extract_result.has_unread_files
        and not extract_result.blocked_reason
    )


def _is_missed(branch: VisitedBranch, dependencies: TagDependencies | None) -> bool:
    """Return True if a regular visit of a settled branch changes something, although nothing seems to have changed."""
    settled = branch.listed.settled
    if branch.listed.reason is not VisitReason.IN_TURN or settled is None or dependencies is None:
        return False
    if find_tag_reason(settled, dependencies.tags, dependencies.tag_lists) is not None:
        return False
    return any(map(_is_change, branch.plan.branch_plans))


def _is_change(branch_plan: BranchPlan) -> bool:
    return isinstance(branch_plan.step, OpenRequest | UpdateRequest | CloseRequest | DeleteBranch)
