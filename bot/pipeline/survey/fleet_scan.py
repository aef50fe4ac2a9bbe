"""Read the repositories of all fleets: the phases of a run before tags are looked up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.budgets import RunBudget, TreeBudget
from bot.model.errors import ConfigError, ForgeError, TreeError
from bot.model.forge import GitRepository
from bot.model.phases import ProgressStep
from bot.model.report import RunFailure
from bot.model.run_scope import RunScope
from bot.model.vocabulary import FailureStage
from bot.pipeline.choice.decided_scan import TreeScan
from bot.pipeline.references.extract import ExtractResult, extract_references
from bot.pipeline.run_context import RunContext, RunOptions
from bot.pipeline.survey.branch_list import list_base_branches
from bot.pipeline.survey.build_tasks import BuildTasks, add_build_tasks
from bot.pipeline.survey.triage import ListedBaseBranch, TriageResult, select_branches
from bot.pipeline.worker_pool import FORGE_POOL
from bot.ports import Fleet

OWN_FILE_BROKEN = "Nothing is done in this repository until its own config file is fixed."
NO_OWN_FILE = "It has no config file of its own, which the rollout requires."


@dataclass(frozen=True, slots=True)
class RepositoryScan(TreeScan):
    """One base branch of a repository, and the image references extracted from it."""

    listed: ListedBaseBranch

    @property
    def fleet(self) -> Fleet:
        return self.listed.fleet

    @property
    def repository(self) -> GitRepository:
        return self.extract_result.repository


@dataclass(frozen=True, slots=True)
class FleetScan:
    """The base branches that a run read, and what the state knows about the others."""

    repository_scans: tuple[RepositoryScan, ...]
    triage_result: TriageResult
    branches: tuple[tuple[Fleet, GitRepository], ...]
    """All listed base branches, whether they were read or not."""

    @property
    def repositories(self) -> tuple[GitRepository, ...]:
        """All listed base branches without their fleets."""
        return tuple(repository for _, repository in self.branches)


def scan_fleets(
    fleets: Sequence[Fleet], context: RunContext, options: RunOptions, build_tasks: BuildTasks
) -> FleetScan:
    """List the base branches of all fleets, and read those that triage selects. Failures are noted in the log."""
    scope = options.scope
    branch_list = list_base_branches(fleets, context, options)
    triage_result = select_branches(branch_list.list_in_scope(scope), context, options, build_tasks)
    run_budget = RunBudget()

    def scan_one(listed: ListedBaseBranch) -> RepositoryScan | RunFailure:
        return _scan_repository(listed, context, build_tasks, options, TreeBudget(run_budget))

    outcomes = FORGE_POOL.run_phase(ProgressStep.READ_REPOSITORIES, scan_one, triage_result.to_read, context.progress)
    context.failures.add(each for each in outcomes if isinstance(each, RunFailure))
    context.failures.add(branch_list.report_unselected(scope.names, context.failures.list_all()))
    repository_scans = [each for each in outcomes if isinstance(each, RepositoryScan)]
    return FleetScan(
        tuple(repository_scans if scope.image is None else _select_scans_using_image(repository_scans, scope)),
        triage_result,
        tuple(branch_list.branches),
    )


def _select_scans_using_image(repository_scans: Iterable[RepositoryScan], scope: RunScope) -> Iterable[RepositoryScan]:
    """Return the scans of the repositories in which a file uses the image that limits the run (`scope.image`).

    If one base branch of a repository uses the image, the scans of all its base branches are returned.
    """
    matches = [
        (
            repository_scan,
            any(scope.is_image_in_scope(each.image) for each in repository_scan.extract_result.references),
        )
        for repository_scan in repository_scans
    ]
    using = {
        (id(repository_scan.fleet), repository_scan.repository.name)
        for repository_scan, is_using in matches
        if is_using
    }
    return [
        repository_scan
        for repository_scan, _ in matches
        if (id(repository_scan.fleet), repository_scan.repository.name) in using
    ]


def _scan_repository(
    listed: ListedBaseBranch,
    context: RunContext,
    build_tasks: BuildTasks,
    options: RunOptions,
    tree_budget: TreeBudget,
) -> RepositoryScan | RunFailure:
    repository = listed.repository
    if repository.base_branch is None:
        return RepositoryScan(ExtractResult(repository, has_unread_files=True), listed)
    try:
        tree = listed.fleet.open_tree(repository)
        extract_result = extract_references(
            repository, tree, context.formats, context.read_rules, tree_budget, reader_slots=context.reader_slots
        )
        if options.rollout.needs_own_file and not extract_result.has_repository_config:
            return RepositoryScan(ExtractResult(repository, blocked_reason=NO_OWN_FILE, has_unread_files=True), listed)
        return RepositoryScan(add_build_tasks(extract_result, tree, build_tasks), listed)
    except ConfigError as error:
        return RepositoryScan(
            ExtractResult(
                repository,
                blocked_reason=f"{OWN_FILE_BROKEN} {error}",
                has_repository_config=True,
                has_unread_files=True,
            ),
            listed,
        )
    except (TreeError, ForgeError) as error:
        return RunFailure(repository.name, FailureStage.SURVEY, str(error))
