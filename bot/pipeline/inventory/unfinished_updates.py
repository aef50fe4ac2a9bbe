"""Report merged updates that do not run yet, although their due dates require that they run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.core.inventory.stage_index import StageIndex
from bot.core.inventory.unfinished_updates import find_unfinished
from bot.core.markdown import describe_rest
from bot.core.proposal.branch_ownership import parse_targets
from bot.inventory_ports import StageReader
from bot.model.due_date import DueDate, DueUntil
from bot.model.proposal import ProposedImage
from bot.model.report import ProposalReport, RepositoryReport
from bot.model.unfinished_update import UnfinishedUpdate
from bot.model.update_stages import StageScope
from bot.model.vocabulary import FailureStage, ProposalOutcome
from bot.pipeline.run_context import RunContext
from bot.pipeline.survey.stuck_updates import load_facts

MAX_TITLE_IMAGES = 3
"""The maximum number of images that a title names."""

_RepositoryKey = tuple[str, str, str | None]
"""The kind of forge, the name of the repository, and the base branch."""


def add_unfinished(reports: Sequence[RepositoryReport], context: RunContext) -> tuple[RepositoryReport, ...]:
    """Return the reports with the merged updates that do not run yet, as proposals with the outcome `not-running`.

    If the state cannot be read, the reports are returned unchanged.
    """
    stages = context.state.stages
    with context.failures.note_state_error(FailureStage.PROPOSE):
        if stages.has_updates_to_run() and stages.load_scope().has_clusters:
            by_repository = _find_by_repository(reports, stages, context.now)
            return tuple(_add_proposals(report, by_repository) for report in reports)
    return tuple(reports)


def _find_by_repository(
    reports: Iterable[RepositoryReport], stages: StageReader, now: datetime
) -> Mapping[_RepositoryKey, Sequence[ProposalReport]]:
    """Return the updates that do not run yet, by repository.

    The result contains the repositories of the reports, and can contain others.
    """
    found: dict[_RepositoryKey, list[ProposalReport]] = defaultdict(list)
    facts = load_facts(stages, {each.name for each in reports})
    for each in find_unfinished(StageIndex(facts)):
        key = each.key
        found[key.forge, key.repository, key.base_branch].append(_build_report(each, facts.scope, now))
    return found


def _add_proposals(
    report: RepositoryReport, by_repository: Mapping[_RepositoryKey, Sequence[ProposalReport]]
) -> RepositoryReport:
    found = by_repository.get((report.forge, report.name, report.base_branch), ())
    return replace(report, proposals=(*report.proposals, *found)) if found else report


def _build_report(unfinished: UnfinishedUpdate, scope: StageScope, now: datetime) -> ProposalReport:
    """Return a merged pull request as the report of a proposal.

    Names of workloads are private, and are left out.
    """
    request, progress = unfinished.request, unfinished.progress
    images = tuple(
        ProposedImage(f"{repository}:{tag}", repository, tag, None, digest)
        for repository, tag, digest in sorted(parse_targets(request.targets))
    )
    sentence = progress.wait.reason.sentence if progress.wait is not None else ""
    state = progress.describe_state(scope)
    return ProposalReport(
        branch=request.branch,
        outcome=ProposalOutcome.NOT_RUNNING,
        title=_build_title(images),
        images=images,
        files=(),
        url=request.url,
        note=f"{state[:1].upper()}{state[1:]}. {sentence}".strip(),
        due=DueDate(
            unfinished.due_at, unfinished.due_for, is_overdue=unfinished.is_overdue(now), until=DueUntil.RUNNING
        ),
    )


def _build_title(images: Iterable[ProposedImage]) -> str:
    names = [each.reference.rpartition("/")[2] for each in images]
    rest = describe_rest(len(names), MAX_TITLE_IMAGES)
    return f"Update {', '.join(names[:MAX_TITLE_IMAGES])} {rest}".rstrip()
