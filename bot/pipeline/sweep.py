"""Find the repositories that a run would have to read, without reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.model.forge import GitRepository
from bot.model.inventory import VisitReason
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.inventory.failed_checks import record_failed_checks
from bot.pipeline.inventory.own_builds import read_own_builds
from bot.pipeline.run_context import RunContext, RunOptions
from bot.pipeline.survey.branch_list import list_base_branches
from bot.pipeline.survey.build_tasks import list_build_tasks
from bot.pipeline.survey.clusters import read_clusters
from bot.pipeline.survey.triage import select_branches
from bot.ports import Fleet


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The repositories that must be read, and the failures of checking others."""

    to_read: tuple[GitRepository, ...]
    """Each repository once, with one of its base branches."""
    reasons: Mapping[VisitReason, int]
    """The number of base branches that must be read, for each reason."""
    branch_count: int
    """The number of all listed base branches."""
    failures: tuple[RunFailure, ...]
    """The failures without those to read clusters, whose messages contain private names."""
    has_unread_clusters: bool


def sweep_fleets(fleets: Sequence[Fleet], context: RunContext, options: RunOptions) -> SweepResult:
    """List all repositories, look up the tags of settled base branches, and return the repositories to read.

    As a side effect, the state records that the other base branches still exist, which images run in clusters, and how
    own images were built.
    """
    context = context.with_new_log()
    read_clusters(context)
    build_tasks = list_build_tasks(context)
    branch_list = list_base_branches(fleets, context, options)
    triage_result = select_branches(branch_list.list_in_scope(options.scope), context, options, build_tasks)
    with context.failures.note_state_error(FailureStage.SURVEY):
        context.state.inventory.record_seen(triage_result.unchanged_keys, context.now)
    known_digests = {each: found.digest for each, found in triage_result.known_lookups.descriptors.items()}
    read_own_builds(context, options, known_digests)
    record_failed_checks(branch_list.branches, context, options)
    repositories = {each.group: each.repository for each in triage_result.to_read}
    reasons = Counter(each.reason for each in triage_result.to_read if each.reason is not None)
    noted = context.failures.list_all()
    failures = tuple(each for each in noted if each.stage is not FailureStage.CLUSTERS)
    return SweepResult(
        tuple(repositories.values()), reasons, len(branch_list.branches), failures, len(failures) < len(noted)
    )
