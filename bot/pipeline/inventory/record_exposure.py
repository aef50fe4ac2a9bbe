"""Refresh the vulnerabilities of all images in use, and store a summary of the fleet's exposure."""

from __future__ import annotations

from bot.core.inventory.exposure_summary import build_stored_summary
from bot.core.inventory.fleet_exposure import list_urgent_uses
from bot.core.inventory.publisher_lag import LAG_PERIOD, find_publisher_fixes
from bot.model.exposure_summary import StoredSummary
from bot.model.run_scope import RunScope
from bot.model.vocabulary import FailureStage
from bot.pipeline.evidence.images_in_use import refresh_images_in_use
from bot.pipeline.run_context import RunContext


def record_exposure(context: RunContext, scope: RunScope) -> None:
    """Match and scan the images in use where it is due, and store the summary of the day.

    Nothing is done without a state, and in a run over selected repositories. The summary is stored once a day, and
    again if an image was matched or scanned.
    """
    if not context.state.has_state or scope.names or scope.image is not None:
        return
    with context.failures.note_state_error(FailureStage.ASSESS):
        has_new_findings = refresh_images_in_use(context)
        if has_new_findings or not context.state.exposure_summaries.load_summaries(context.now):
            summary = _summarise(context)
            if summary.shared.coverage.digests_in_use:
                context.state.exposure_summaries.save_summary(summary)


def _summarise(context: RunContext) -> StoredSummary:
    summaries = context.state.exposure_summaries
    exploited_ids: frozenset[str] | None = None
    if context.advisories is not None:
        exploited_ids = context.advisories.query_lists(summaries.list_vulnerabilities()).exploited_ids
    facts = summaries.load_fleet_findings(exploited_ids or frozenset())
    uses = list_urgent_uses(facts, exploited_ids, includes_private=True)
    summaries.add_publisher_fixes(find_publisher_fixes(uses, facts))
    fixes = summaries.load_publisher_fixes(context.now - LAG_PERIOD)
    return build_stored_summary(facts, fixes, exploited_ids, context.now)
