"""Judge the branches that a plan changes by their content, as a run does, and compare the result with the plan.

Whoever can replace a plan can claim that a branch is basebump's, or that a branch contains exactly a proposal. The
claims on digests, which only registries and the state can confirm, are taken from the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from bot.branch_ports import BranchContents
from bot.core.proposal.branch_ownership import PlannedValues
from bot.core.proposal.update_groups import hash_written_values
from bot.model.branch_ownership import FOREIGN_BRANCH, BranchClaim, BranchVerdict
from bot.model.fleet_plan import PlannedBranch, PlannedFile, PlannedRepository, ProposalContent, StepKind
from bot.model.proposal import RemoteRequest
from bot.model.request_attributes import NO_ATTRIBUTES
from bot.model.source import FileChange, FilePath
from bot.pipeline.plans.planned_steps import FileContents, InconsistentPlanError
from bot.pipeline.proposal.branch_judge import ContentJudge, DesiredContent
from bot.pipeline.references.extract import ExtractResult
from bot.ports import FileFormat


class PlannedJudge:
    """Checks the verdicts of a plan by the content of the branches; implements `BranchJudge`.

    A verdict counts only for the commit that was judged. Every other commit counts as foreign.
    """

    def __init__(
        self,
        planned: PlannedRepository,
        extract: Callable[[], ExtractResult],
        prove: Callable[[ProposalContent], FileContents],
        formats: Sequence[FileFormat],
    ) -> None:
        """Create a judge for one repository of a plan.

        Args:
            planned: The plan of the repository.
            extract: Returns the image references of the base commit. Called only if a branch must be read.
            prove: Returns the verified contents of the files of a proposal. Raises EditError if an edit cannot be
                verified.
            formats: The formats of files that contain image references.
        """
        self.judged_heads: set[str] = set()
        """The last commits of the branches that were judged so far."""
        self.branch_of_other_account: str | None = None
        """A branch that the account of this token created, but not the account that made the plan; None if there is
        none."""
        self.misjudged_branch: str | None = None
        """A branch whose content contradicts the verdict of the plan; None if there is none."""
        self._requests = {(each.branch, each.head): each for each in planned.requests if each.head is not None}
        self._proposals = {each.branch: each.proposal for each in planned.branches}
        self._changed_branches = {each.branch for each in planned.branches if _may_write(each)}
        self._verified: set[tuple[str, str | None]] = set()
        self._extract = extract
        self._prove = prove
        self._formats = formats
        self._content_judge: ContentJudge | None = None

    def judge(self, claim: BranchClaim, open_contents: Callable[[], BranchContents | None]) -> BranchVerdict:
        """Return the verdict of the plan on a branch, or `FOREIGN_BRANCH` if the content contradicts the verdict."""
        self.judged_heads.add(claim.head)
        request = self._requests.get((claim.branch, claim.head))
        if request is None:
            return FOREIGN_BRANCH
        if not request.is_judged:
            self.branch_of_other_account = claim.branch
        verdict = BranchVerdict(request.intent, request.is_confirmed, request.is_as_marked)
        if verdict.intent is None or claim.branch not in self._changed_branches:
            return verdict
        found = self._get_content_judge().judge(replace(claim, mark=None), open_contents)
        desired_intents = {each.planned_values.intent for each in self._list_desired(claim.branch)}
        if found.intent is None or (verdict.intent in desired_intents and found.intent != verdict.intent):
            self.misjudged_branch = claim.branch
            return FOREIGN_BRANCH
        self._verified.add((claim.branch, claim.head))
        return verdict

    def is_verified(self, request: RemoteRequest) -> bool:
        """Return False if a branch counts as basebump's, and its content was not compared."""
        return request.intent is None or (request.branch, request.head) in self._verified

    def _get_content_judge(self) -> ContentJudge:
        if self._content_judge is None:
            self._content_judge = ContentJudge(self._extract(), self._formats, self._list_desired, frozenset(), {})
        return self._content_judge

    def _list_desired(self, branch: str) -> list[DesiredContent]:
        """Return the content of the proposal of a branch, and of its variant without protected files."""
        content = self._proposals.get(branch)
        desired: list[DesiredContent] = []
        while content is not None:
            changes = tuple(FileChange(path, new) for path, new in self._prove(content).items())
            desired.append(DesiredContent(_collect_values(content), content.targets, changes))
            content = content.without_protected
        return desired


def _may_write(planned: PlannedBranch) -> bool:
    """Return True if a step of a plan can write to the branch or to its pull request."""
    match planned.step:
        case StepKind.LEAVE:
            return planned.must_comment or planned.attributes != NO_ATTRIBUTES
        case StepKind.DEFER:
            return False
        case StepKind.OPEN | StepKind.UPDATE | StepKind.CLOSE | StepKind.DELETE_BRANCH:
            return True
    assert_never(planned.step)


def _collect_values(content: ProposalContent) -> PlannedValues:
    """Return the values that a proposal writes. Raises InconsistentPlanError if they do not have its intent."""
    values = [value for file in content.files for value in _list_file_values(file)]
    if hash_written_values(values) != content.intent:
        raise InconsistentPlanError
    return PlannedValues(content.intent, frozenset(values))


def _list_file_values(file: PlannedFile) -> list[tuple[FilePath, str, str]]:
    return [
        (file.path, each.locator, each.digest if each.tag is None else f"{each.tag}@{each.digest}")
        for each in file.references
    ]
