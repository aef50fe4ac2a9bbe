"""The pull requests of a base branch as the inventory stores them, each with the outcome of CI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.inventory.fix_counts import RequestFixes, summarise_fixes
from bot.core.proposal.marks import parse_mark
from bot.core.transition import get_first_transition
from bot.model.ci import CiOutcome
from bot.model.decision import ImageUpdate, Transition
from bot.model.errors import ForgeError
from bot.model.evidence import Evidence
from bot.model.inventory import StoredRequest
from bot.model.proposal import BodyMark, DeclineScope, Proposal, RemoteRequest, RequestState
from bot.pipeline.proposal.execute_steps import RepositoryVisit
from bot.pipeline.run_context import RunContext
from bot.pipeline.survey.triage import ListedBaseBranch


@dataclass(frozen=True, slots=True)
class RequestRecorder:
    """Lists the pull requests of the base branches that a run read. Threads can share the object."""

    context: RunContext
    branch_prefix: str
    evidence: Mapping[Transition, Evidence]

    def list_requests(self, visit: RepositoryVisit) -> tuple[StoredRequest, ...] | None:
        """Return the pull requests of a base branch for the inventory; None if they could not be listed."""
        requests = visit.plan.requests
        if requests is None:
            return None
        updates = {each.branch: each.updates for each in visit.plan.branch_plans}
        heads_before = visit.listed.stored.open_request_heads if visit.listed.stored is not None else {}
        declines = [each.decline for each in visit.plan.branch_plans if each.decline is not None]
        found = [
            _build_stored_request(request, self._find_fixes(updates.get(request.branch, ())), head, declines)
            for request, head in (
                *((request, _get_own_head(request)) for request in requests),
                *((request, heads_before[request.branch]) for request in self._list_ended(visit.listed, requests)),
            )
            if request.state is not RequestState.BRANCH
        ]
        return (*self._add_ci(visit, found), *self._list_opened(visit))

    def _list_ended(self, listed: ListedBaseBranch, requests: Sequence[RemoteRequest]) -> Iterable[RemoteRequest]:
        """Return the pull requests that were merged or closed since the last visit.

        They are stored only as history. No decision depends on them, so a run without a state has the same results.
        """
        open_before = listed.stored.open_request_heads if listed.stored is not None else {}
        missing = open_before.keys() - {each.branch for each in requests if each.state is not RequestState.BRANCH}
        if not missing:
            return ()
        try:
            found = listed.fleet.get_forge(listed.repository).list_requests(self.branch_prefix, frozenset(missing))
        except ForgeError:  # the state then records only that the pull requests ended
            return ()
        return [each for each in found if each.branch in missing]

    def _list_opened(self, visit: RepositoryVisit) -> Iterator[StoredRequest]:
        """Yield the pull requests that this run opened.

        The next run finds them in the state even if they were merged before.
        """
        for each in visit.plan.branch_plans:
            opened, desired = visit.result.opened.get(each.branch), each.desired
            if opened is None or not isinstance(desired, Proposal):
                continue
            mark = parse_mark(desired.body)
            push, fixes = visit.result.pushes.get(each.branch), self._find_fixes(each.updates)
            existing = (request.head for request in each.requests if request.state is RequestState.BRANCH)
            request = StoredRequest(
                branch=each.branch,
                number=opened.number or 0,
                state=RequestState.OPEN,
                targets=mark.targets,
                url=opened.url,
                opened_at=self.context.now,
                fixes=fixes.counts if fixes is not None else None,
                head=push.commit if push is not None else next(existing, None),
                fix_published_at=fixes.published_at if fixes is not None else None,
            )
            yield _add_due_date(request, mark)

    def _add_ci(self, visit: RepositoryVisit, requests: Sequence[StoredRequest]) -> Iterator[StoredRequest]:
        """Yield the pull requests with the outcomes of CI on their last commits.

        If CI failed on a pull request that was not merged, the outcome of CI on the base branch is read, too. If CI
        passed on the base branch, the update may be the reason for the failure. A commit that this run pushed has no
        outcome yet.
        """
        fleet, repository = visit.listed.fleet, visit.listed.repository
        pushes = visit.result.pushes
        heads = {each.head: each.number or None for each in requests if each.head is not None}
        outcomes = fleet.read_ci_outcomes(repository, heads)
        found = [replace(each, ci=outcomes.get(each.head or "", CiOutcome.UNKNOWN)) for each in requests]
        has_failed = any(each.ci is CiOutcome.FAILED and each.state is not RequestState.MERGED for each in found)
        base = repository.commit if has_failed else None
        base_outcomes = fleet.read_ci_outcomes(repository, {base: None}) if base is not None else {}
        base_ci = base_outcomes.get(base or "", CiOutcome.UNKNOWN)
        for each in found:
            if each.state is RequestState.OPEN and each.branch in pushes:
                yield replace(each, head=pushes[each.branch].commit, ci=CiOutcome.UNKNOWN)
            elif each.ci is CiOutcome.FAILED and each.state is not RequestState.MERGED:
                yield replace(each, base_ci=base_ci)
            else:
                yield each

    def _find_fixes(self, updates: Sequence[ImageUpdate]) -> RequestFixes | None:
        """Return the distinct vulnerabilities that updates fix; None if some of them are unknown."""
        found = [self.evidence.get(get_first_transition(update)) for update in updates]
        known = [each for each in found if each is not None and each.delta is not None]
        return summarise_fixes(known) if updates and len(known) == len(found) else None


def _get_own_head(request: RemoteRequest) -> str | None:
    """Return the last commit of a branch; None if the branch contains changes of others.

    The outcome of CI on other changes is no evidence about the digest.
    """
    return request.head if request.intent is not None and request.is_confirmed else None


def _add_due_date(request: StoredRequest, mark: BodyMark) -> StoredRequest:
    """Return a pull request with the due date in its mark."""
    due = mark.due
    if due is None:
        return request
    return replace(request, due_at=due.at, due_for=due.fixes, due_until=due.until)


def _build_stored_request(
    request: RemoteRequest,
    fixes: RequestFixes | None,
    head: str | None,
    declines: Iterable[tuple[RemoteRequest, DeclineScope]],
) -> StoredRequest:
    mark = request.mark
    stored = StoredRequest(
        branch=request.branch,
        number=request.number or 0,
        state=request.state,
        targets=mark.targets,
        url=request.url,
        opened_at=request.opened_at,
        ended_at=request.closed_at,
        closed_by=request.closed_by,
        declines=next((scope for declined, scope in declines if declined == request), None),
        fixes=fixes.counts if fixes is not None else None,
        head=head,
        fix_published_at=fixes.published_at if fixes is not None else None,
    )
    return _add_due_date(stored, mark)
