"""List the base branches of the repositories that the config selects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.model.forge import GitRepository
from bot.model.phases import ProgressStep
from bot.model.report import RunFailure
from bot.model.run_scope import RunScope
from bot.model.vocabulary import FailureStage
from bot.pipeline.run_context import RunContext, RunOptions
from bot.pipeline.survey.triage import build_activity_scope
from bot.ports import Fleet

UNSELECTED = "the config does not select this repository"


@dataclass(frozen=True, slots=True)
class BaseBranchList:
    """The base branches of all fleets."""

    branches: tuple[tuple[Fleet, GitRepository], ...]

    def list_in_scope(self, scope: RunScope) -> list[tuple[Fleet, GitRepository]]:
        """Return the base branches that a run may include."""
        return [(fleet, each) for fleet, each in self.branches if scope.may_include(each.name)]

    def report_unselected(self, names: frozenset[str], failures: Iterable[RunFailure]) -> list[RunFailure]:
        """Return a failure for each repository that the user named, but the config does not select.

        `names` are the repositories to which the user limited the run. A repository about which there is already one
        of `failures` is left out. Names are compared case-insensitively.
        """
        listed = {name for _, each in self.branches for name in (each.name, each.configured_name) if name}
        known_names = {name.lower() for name in (*listed, *(failure.subject for failure in failures))}
        missing = sorted(name for name in names if name.lower() not in known_names)
        return [RunFailure(name, FailureStage.SURVEY, UNSELECTED) for name in missing]


def list_base_branches(fleets: Sequence[Fleet], context: RunContext, options: RunOptions) -> BaseBranchList:
    """List the base branches of all fleets. Branches that basebump itself created are left out.

    Failures are noted in the log of `context`.
    """
    activity_scope = build_activity_scope(context, options)
    context.progress.start_phase(ProgressStep.LIST_REPOSITORIES, 1)
    selected = [
        (fleet, each)
        for fleet, each in _deduplicate_repositories(
            (fleet, each) for fleet in fleets for each in fleet.list_repositories(options.scope.names, activity_scope)
        )
        if isinstance(each, RunFailure) or not (each.base_branch or "").startswith(options.branch_prefix)
    ]
    context.progress.advance()
    context.progress.finish_phase()
    context.failures.add(each for _, each in selected if isinstance(each, RunFailure))
    return BaseBranchList(tuple((fleet, each) for fleet, each in selected if isinstance(each, GitRepository)))


def _deduplicate_repositories(
    repositories: Iterable[tuple[Fleet, GitRepository | RunFailure]],
) -> Iterator[tuple[Fleet, GitRepository | RunFailure]]:
    """Yield each repository and failure once, although several entries of the config can select the same repository."""
    known_keys: set[tuple[str, str, str, str | None]] = set()
    for fleet, each in repositories:
        if isinstance(each, GitRepository) and each.host is not None:
            key = (each.forge, each.host, each.name.lower(), each.base_branch)
            if key in known_keys:
                continue
            known_keys.add(key)
        yield fleet, each
