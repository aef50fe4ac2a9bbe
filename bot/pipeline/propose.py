"""Execute the next step of every branch of one repository; a step that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.model.errors import ForgeError
from bot.model.report import ProposalReport, RunFailure
from bot.model.vocabulary import FailureStage, RunLevel
from bot.pipeline.execute_steps import StepExecutor, report_failure
from bot.pipeline.plan_branches import BranchPlan
from bot.ports import Forge


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """The results of the steps in one repository, and the failures."""

    reports: tuple[ProposalReport, ...] = ()
    failures: tuple[RunFailure, ...] = ()


def execute_steps(subject: str, forge: Forge, branch_plans: Sequence[BranchPlan], level: RunLevel) -> ExecutionResult:
    """Execute the steps of one repository; `subject` is its name in reports."""
    executor = StepExecutor(forge, level)
    reports: list[ProposalReport] = []
    failures: list[RunFailure] = []
    for branch_plan in branch_plans:
        try:
            reports.append(executor.execute_step(branch_plan.step, branch_plan.desired))
        except ForgeError as error:
            reports.append(report_failure(branch_plan.desired, branch_plan.branch, str(error)))
            failures.append(RunFailure(f"{subject} {branch_plan.branch}", FailureStage.PROPOSE, str(error)))
    return ExecutionResult(tuple(reports), tuple(failures))
