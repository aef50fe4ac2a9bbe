"""Judges of branches that keep verdicts from planning a run until the plan is performed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bot.branch_ports import BranchContents, BranchJudge
from bot.model.branch_ownership import FOREIGN_BRANCH, BranchClaim, BranchVerdict
from bot.model.fleet_plan import JudgedRequest


class RecordingJudge:
    """Passes branches to another judge, and records which of them were judged; implements `BranchJudge`."""

    def __init__(self, judge: BranchJudge) -> None:
        self._judge = judge
        self._judged_heads: set[str] = set()

    @property
    def judged_heads(self) -> frozenset[str]:
        """The last commits of the branches that were judged so far."""
        return frozenset(self._judged_heads)

    def judge(self, claim: BranchClaim, open_contents: Callable[[], BranchContents | None]) -> BranchVerdict:
        """Return the verdict of the other judge."""
        self._judged_heads.add(claim.head)
        return self._judge.judge(claim, open_contents)


class PlannedJudge:
    """Repeats the verdicts of a plan; implements `BranchJudge`.

    A verdict counts only for the commit that was judged. Every other commit counts as foreign.
    """

    def __init__(self, requests: Iterable[JudgedRequest]) -> None:
        requests = tuple(requests)
        self._unjudged = {(each.branch, each.head) for each in requests if not each.is_judged}
        self.judged_heads: set[str] = set()
        """The last commits of the branches that were judged so far."""
        self.branch_of_other_account: str | None = None
        """A branch that the account of this token created, but not the account that made the plan; None if there is
        none."""
        self._verdicts = {
            (each.branch, each.head): BranchVerdict(each.intent, each.is_confirmed, each.is_as_marked)
            for each in requests
            if each.head is not None
        }

    def judge(self, claim: BranchClaim, open_contents: Callable[[], BranchContents | None]) -> BranchVerdict:  # noqa: ARG002 - the content was read for the plan
        """Return the verdict of the plan on the branch."""
        self.judged_heads.add(claim.head)
        if (claim.branch, claim.head) in self._unjudged:
            self.branch_of_other_account = claim.branch
        return self._verdicts.get((claim.branch, claim.head), FOREIGN_BRANCH)
