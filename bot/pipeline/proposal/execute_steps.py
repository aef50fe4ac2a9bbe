"""Execute the next step for each branch of a repository: open, update or close its pull request or merge request.

The level of the run limits the steps: a run may only report them, may only push branches, or may also write pull
requests. A step that fails does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from bot.core.proposal.marks import mark_withdrawn
from bot.core.proposal.refusals import report_refusals
from bot.model.branch_ownership import BranchPush
from bot.model.decision import Decision
from bot.model.errors import ForgeError, ProtectedFileError
from bot.model.forge import GitRepository, OpenedRequest
from bot.model.phases import ProgressStep
from bot.model.proposal import (
    CloseStep,
    DeferProposal,
    DeleteBranch,
    NoChange,
    NoChangeReason,
    NoProposal,
    OpenStep,
    Proposal,
    ProposalStep,
    RemoteRequest,
    RequestState,
    UpdateStep,
)
from bot.model.report import ProposalReport, RepositoryReport, RunFailure, Verdict
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes
from bot.model.vocabulary import FailureStage, ProposalOutcome, RunLevel
from bot.pipeline.proposal.repository_plan import BranchPlan, RepositoryPlan
from bot.pipeline.run_context import RunContext
from bot.pipeline.survey.triage import ListedBaseBranch
from bot.ports import Forge, ProgressReporter

NO_BRANCH = (
    "It has no base branch to read: HEAD points to no branch with a commit, or no branch matches `base_branches`."
)


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """The reports of all steps in one repository, and the failures."""

    reports: tuple[ProposalReport, ...] = ()
    failures: tuple[RunFailure, ...] = ()
    pushes: Mapping[str, BranchPush] = field(default_factory=dict)
    """The commits that were pushed, by branch."""
    opened: Mapping[str, OpenedRequest] = field(default_factory=dict)
    """The requests that were opened, by branch."""


@dataclass(frozen=True, slots=True)
class RepositoryVisit:
    """The visit of one base branch: first its plan, and later also the results of the plan's steps."""

    plan: RepositoryPlan
    report: RepositoryReport
    """Contains the proposals of the plan only after their steps were executed."""
    result: ExecutionResult = ExecutionResult()
    is_pending: bool = False
    """True if a later command executes the plan, so that this branch has steps left to execute."""

    @property
    def listed(self) -> ListedBaseBranch:
        return self.plan.repository_scan.listed

    @property
    def repository(self) -> GitRepository:
        return self.plan.repository_scan.repository

    @property
    def failures(self) -> tuple[RunFailure, ...]:
        return (*self.plan.failures, *self.result.failures)

    def execute(self, level: RunLevel) -> RepositoryVisit:
        """Execute the steps that the level allows, and return the visit with their result."""
        if self.plan.forge is None:
            return self
        result = execute_steps(self.repository.name, self.plan.forge, self.plan.branch_plans, level)
        proposals = sorted((*self.report.proposals, *result.reports), key=lambda each: each.branch)
        return replace(self, result=result, report=replace(self.report, proposals=tuple(proposals)))


def execute_visits(
    visits: Sequence[RepositoryVisit], progress: ProgressReporter, level: RunLevel
) -> tuple[RepositoryVisit, ...]:
    """Execute the plans one repository at a time, because forges reject parallel writes."""
    progress.start_phase(ProgressStep.PROPOSE, len(visits))
    executed: list[RepositoryVisit] = []
    for visit in visits:
        executed.append(visit.execute(level))
        progress.advance()
    progress.finish_phase()
    return tuple(executed)


def start_visit(
    repository_plan: RepositoryPlan, branch_prefix: str, build_verdict: Callable[[Decision], Verdict]
) -> RepositoryVisit:
    """Return the visit before its steps are executed. Only refused proposals, which have no step, are reported.

    `build_verdict` returns the verdict for a decision.
    """
    repository_scan = repository_plan.repository_scan
    repository, extract_result = repository_scan.repository, repository_scan.extract_result
    decisions = repository_plan.proposal_plan.decisions
    planned_branches = {each.branch for each in repository_plan.branch_plans}
    report = RepositoryReport(
        forge=repository.forge,
        name=repository.name,
        base_branch=repository.base_branch,
        verdicts=tuple(map(build_verdict, decisions)),
        unsupported=extract_result.unsupported,
        proposals=tuple(report_refusals(decisions, repository.non_default_base, branch_prefix, planned_branches)),
        note=extract_result.blocked_reason if repository.base_branch else NO_BRANCH,
        configured_name=repository.configured_name,
        files_url=repository.files_url,
        stuck=repository_scan.listed.stuck,
    )
    return RepositoryVisit(repository_plan, report)


_EXISTING_STATES = (RequestState.OPEN, RequestState.BRANCH)


def record_pushes(visits: Iterable[RepositoryVisit], context: RunContext) -> None:
    """Store the commits that this run pushed, and commits of branches that already contain the desired proposal.

    If the state cannot be written, the next run reads the content of the branches.
    """
    pushes: dict[GitRepository, dict[str, BranchPush]] = {}
    for visit in visits:
        confirmed_pushes = {
            each.branch: push for each in visit.plan.branch_plans if (push := _find_confirmed_push(each)) is not None
        }
        if new_pushes := {**confirmed_pushes, **visit.result.pushes}:
            pushes.setdefault(visit.repository, {}).update(new_pushes)
    with context.failures.note_state_error(FailureStage.PROPOSE):
        if pushes:
            context.state.pushes.record_pushes(pushes, context.now)


def _find_confirmed_push(branch_plan: BranchPlan) -> BranchPush | None:
    """Return the last commit of a branch if its content was judged, and equals the desired proposal."""
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


FOREIGN_COMMIT_COMMENT = (
    "Someone else committed to this branch, or changed the base branch of this request. basebump therefore no longer "
    "changes or closes this request. Newer updates are proposed again once this request is merged or closed."
)

_DELETED_BRANCH_NOTE = "Its branch has no open pull request, and is no longer needed."

_NO_CHANGE_OUTCOMES: dict[NoChangeReason, tuple[ProposalOutcome, str]] = {
    NoChangeReason.UNCHANGED: (ProposalOutcome.UNCHANGED, ""),
    NoChangeReason.DECLINED: (ProposalOutcome.DECLINED, "A user closed a pull request with exactly these updates."),
    NoChangeReason.OPTED_OUT: (
        ProposalOutcome.DECLINED,
        "A user closed the first proposal of this repository, which opts the repository out.",
    ),
    NoChangeReason.MUTED: (
        ProposalOutcome.DECLINED,
        "A user closed an earlier proposal, and the policy mutes all later ones.",
    ),
    NoChangeReason.EDITED: (
        ProposalOutcome.LEFT_ALONE,
        "Someone else committed to its branch, or changed its base branch.",
    ),
    NoChangeReason.ACCEPTED: (
        ProposalOutcome.LEFT_ALONE,
        "A user accepted the pull request as it is; the next update waits.",
    ),
    NoChangeReason.SLIDING: (
        ProposalOutcome.LEFT_ALONE,
        "The only change is that a newer digest is old enough now; the update to this digest waits.",
    ),
    NoChangeReason.UNKNOWN: (
        ProposalOutcome.LEFT_ALONE,
        "Some data on which the proposal depends was not read in this run.",
    ),
    NoChangeReason.PAUSED: (ProposalOutcome.LEFT_ALONE, "The policy pauses its updates (`paused`)."),
    NoChangeReason.FAILING_ELSEWHERE: (
        ProposalOutcome.LEFT_ALONE,
        "CI fails with the newer digest in several repositories of the fleet (`failing-elsewhere`).",
    ),
    NoChangeReason.TAKEN: (ProposalOutcome.LEFT_ALONE, "Its branch contains commits that are not basebump's."),
}


@dataclass(frozen=True, slots=True)
class StepExecutor:
    """Executes steps in one repository, as far as the level of the run (such as only reporting) permits them.

    Every method that calls the forge raises ForgeError if the forge reports an error.
    """

    forge: Forge
    level: RunLevel
    pushes: dict[str, BranchPush] = field(default_factory=dict)
    """The commits that were pushed, by branch."""
    opened: dict[str, OpenedRequest] = field(default_factory=dict)
    """The requests that were opened, by branch."""

    def execute_step(self, step: ProposalStep, desired: Proposal | NoProposal) -> ProposalReport:
        """Execute a step and return its result.

        If the forge does not allow the token to change some files, such as workflows on GitHub, the step is executed
        without these files. If no other files remain, the branch is left unchanged, and the result reports that.
        """
        try:
            return self._dispatch_step(step, desired)
        except ProtectedFileError as error:
            match step:
                case OpenStep(proposal=Proposal(without_protected=Proposal() as lesser)):
                    return self._open_request(replace(step, proposal=lesser))
                case UpdateStep(proposal=Proposal(without_protected=Proposal() as lesser), attributes=extras):
                    is_disarmed = extras.automerge is False
                    rest = replace(extras, automerge=None) if is_disarmed else extras
                    rest = replace(rest, status=lesser.attributes.status)
                    return self._update_request(replace(step, proposal=lesser, must_update_text=True, attributes=rest))
                case OpenStep(proposal=proposal) | UpdateStep(proposal=proposal):
                    return _report_proposal(proposal, ProposalOutcome.LEFT_ALONE, note=str(error))
                case _:
                    raise

    def _dispatch_step(self, step: ProposalStep, desired: Proposal | NoProposal) -> ProposalReport:
        match step:
            case OpenStep():
                return self._open_request(step)
            case UpdateStep():
                return self._update_request(step)
            case CloseStep():
                return self._close_request(step)
            case DeleteBranch():
                return self._delete_branch(step)
            case NoChange():
                return self._report_no_change(step, desired)
            case DeferProposal():
                note = f"{step.reason.sentence} {step.detail}".rstrip()
                return _report_proposal(step.proposal, ProposalOutcome.DEFERRED, note=note)
        assert_never(step)

    def _open_request(self, step: OpenStep) -> ProposalReport:
        proposal = step.proposal
        if self.level >= RunLevel.PUSH and step.must_push:
            self._push_branch(proposal, step.existing_branch)
        if self.level < RunLevel.PROPOSE:
            return _report_proposal(proposal, ProposalOutcome.WOULD_OPEN, note=self._describe_push(push=step.must_push))
        opened = self.forge.open(
            _mention_predecessor(proposal, step.withdrawn_request, self.forge.limits.number_prefix)
        )
        self.opened[proposal.branch] = opened
        return _report_proposal(proposal, ProposalOutcome.OPENED, opened.url, " ".join(opened.notes))

    def _update_request(self, step: UpdateStep) -> ProposalReport:
        """Update the branch and the text of an open pull request.

        If the run must not write pull requests, the branch is not updated either, because the text must describe the
        commits that get merged.
        """
        proposal = step.proposal
        if self.level < RunLevel.PROPOSE:
            return _report_proposal(proposal, ProposalOutcome.WOULD_REFRESH, step.request.url)
        request, attributes, notes = step.request, step.attributes, list[str]()
        if (
            step.must_push and attributes.automerge is False
        ):  # disabled first, because otherwise the new commit might be merged without a review
            notes += self.forge.update_request(
                replace(request, requested_actions=frozenset()),
                request.title,
                request.body,
                RequestAttributes(automerge=False),
            )
            attributes = replace(attributes, automerge=None)
        if step.must_push:
            self._push_branch(proposal, request)
            if (
                self.forge.limits.is_automerge_cancelled_by_push
                and request.has_automerge
                and proposal.attributes.automerge
            ):
                attributes = replace(attributes, automerge=True)
        if step.must_update_text or attributes != NO_ATTRIBUTES:
            title, body = (proposal.title, proposal.body) if step.must_update_text else (request.title, request.body)
            notes += self.forge.update_request(request, title, body, attributes)
        return _report_proposal(proposal, ProposalOutcome.REFRESHED, request.url, " ".join(notes))

    def _close_request(self, step: CloseStep) -> ProposalReport:
        """Close an open pull request and delete its branch.

        Before the pull request is closed, its body is marked as withdrawn by basebump. If the run is interrupted after
        that, the next run still recognises that basebump closed the pull request. A forge may store the body and the
        mark one after the other, so the body of an interrupted run may already contain the reason.
        """
        request = step.request
        if self.level < RunLevel.PROPOSE:
            return _report_request(request, ProposalOutcome.WOULD_CLOSE, step.reason)
        if not request.mark.is_withdrawn:
            words = f"Withdrawn: {step.reason}\n\n"
            body = mark_withdrawn(words + request.body.removeprefix(words))
            self.forge.update_request(request, request.title, body)
        self.forge.close(request)
        self.forge.delete_branch(request)
        return _report_request(request, ProposalOutcome.CLOSED, step.reason)

    def _delete_branch(self, step: DeleteBranch) -> ProposalReport:
        if self.level < RunLevel.PUSH:
            return _report_request(step.request, ProposalOutcome.WOULD_CLOSE, _DELETED_BRANCH_NOTE)
        self.forge.delete_branch(step.request)
        return _report_request(step.request, ProposalOutcome.CLOSED, _DELETED_BRANCH_NOTE)

    def _report_no_change(self, step: NoChange, desired: Proposal | NoProposal) -> ProposalReport:
        if step.must_comment and step.request is not None and self.level >= RunLevel.PROPOSE:
            self.forge.add_comment(step.request, FOREIGN_COMMIT_COMMENT)
        outcome, note = _NO_CHANGE_OUTCOMES[step.reason]
        if step.attributes != NO_ATTRIBUTES and step.request is not None and self.level >= RunLevel.PROPOSE:
            note = " ".join(
                (note, *self.forge.update_request(step.request, step.request.title, step.request.body, step.attributes))
            )
        url = step.request.url if step.request is not None else None
        if isinstance(desired, Proposal):
            return _report_proposal(desired, outcome, url, note)
        title = step.request.title if step.request is not None else ""
        return ProposalReport(step.branch, outcome, title, url=url, note=note)

    def _describe_push(self, *, push: bool) -> str:
        if self.level < RunLevel.PUSH:
            return ""
        return "Its branch was pushed." if push else "Its branch already exists."

    def _push_branch(self, proposal: Proposal, existing_branch: RemoteRequest | None) -> None:
        commit = self.forge.push(
            proposal.branch,
            proposal.changes,
            proposal.commit_message,
            existing_branch.head if existing_branch is not None else None,
        )
        self.pushes[proposal.branch] = BranchPush(commit, proposal.intent)


def report_failure(desired: Proposal | NoProposal, branch: str, error: str) -> ProposalReport:
    """Return the report of a step that failed. The note of the report contains the error."""
    if isinstance(desired, Proposal):
        return _report_proposal(desired, ProposalOutcome.FAILED, note=error)
    return ProposalReport(branch, ProposalOutcome.FAILED, "", note=error)


def _add_due_date(report: ProposalReport, desired: Proposal | NoProposal) -> ProposalReport:
    """Return the report of a step with the due date of its proposal, or with the risk that a user accepted."""
    match desired:
        case Proposal(due=due, shown_due=shown_due, is_due_unknown=is_unknown):
            if report.outcome is ProposalOutcome.DECLINED:
                return replace(report, accepted_risk=due.fixes if due is not None else None)
            return replace(report, due=due, shown_due=shown_due, is_due_unknown=is_unknown)
        case NoProposal(recorded_due=recorded):
            is_open = report.outcome in (ProposalOutcome.LEFT_ALONE, ProposalOutcome.FAILED)
            return replace(report, due=recorded, shown_due=recorded) if is_open else report
    assert_never(desired)


def _mention_predecessor(proposal: Proposal, predecessor: RemoteRequest | None, number_prefix: str) -> Proposal:
    """Add a sentence such as "This was proposed before in #12 and withdrawn." at the start of the proposal's body.

    `predecessor` is the pull request that basebump withdrew earlier on the same branch. If it is None or has no number,
    the proposal is returned unchanged. `number_prefix` is the `#` (GitHub) or `!` (GitLab) in front of the number.
    """
    if predecessor is None or predecessor.number is None:
        return proposal
    sentence = f"This was proposed before in {number_prefix}{predecessor.number} and withdrawn."
    return replace(proposal, body=f"{sentence}\n\n{proposal.body}")


def _report_proposal(
    proposal: Proposal, outcome: ProposalOutcome, url: str | None = None, note: str = ""
) -> ProposalReport:
    exclusion_note = (
        f"Left out, because the token is not allowed to change it: {', '.join(proposal.protected_files)}."
        if proposal.protected_files
        else ""
    )
    return ProposalReport(
        branch=proposal.branch,
        outcome=outcome,
        title=proposal.title,
        images=proposal.images,
        files=tuple(change.path for change in proposal.changes),
        url=url,
        note=" ".join(filter(None, (note, exclusion_note))),
        body=proposal.body,
    )


def _report_request(request: RemoteRequest, outcome: ProposalOutcome, note: str) -> ProposalReport:
    return ProposalReport(request.branch, outcome, request.title, url=request.url, note=note)


def execute_steps(subject: str, forge: Forge, branch_plans: Sequence[BranchPlan], level: RunLevel) -> ExecutionResult:
    """Execute the steps of one repository. If a step fails, the others are still executed.

    `subject` is the name of the repository in the failures.
    """
    executor = StepExecutor(forge, level)
    reports: list[ProposalReport] = []
    failures: list[RunFailure] = []
    for branch_plan in branch_plans:
        try:
            report = executor.execute_step(branch_plan.step, branch_plan.desired)
        except ForgeError as error:
            report = report_failure(branch_plan.desired, branch_plan.branch, str(error))
            failures.append(RunFailure(f"{subject} {branch_plan.branch}", FailureStage.PROPOSE, str(error)))
        reports.append(_add_due_date(report, branch_plan.desired))
    return ExecutionResult(tuple(reports), tuple(failures), executor.pushes, executor.opened)
