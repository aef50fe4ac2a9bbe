"""Builds answers from the history of a fleet. Commands, pages and the API render these answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.core.inventory.ci_counts import count_outcomes
from bot.core.inventory.history import list_moves
from bot.core.inventory.patch_ends import add_ends
from bot.core.inventory.patch_times import find_patches, summarise_patches
from bot.core.inventory.stage_funnels import find_fleet_stages
from bot.core.inventory.trends import build_trends
from bot.model.fleet_history import FleetHistory
from bot.model.image_name import Digest, ImageName
from bot.model.patch_times import PatchGrouping
from bot.model.stage_facts import StageFacts
from bot.model.usage import ImageUsage, InventoryCoverage
from bot.reports.fleet.history import HistoryAnswer
from bot.reports.fleet.patch_times import PatchReport
from bot.reports.fleet.usage import UsageAnswer
from bot.reports.parts.stage_section import StageReport


def answer_usage(
    image: ImageName,
    excluded_digest: Digest | None,
    usages: Sequence[ImageUsage],
    coverage: InventoryCoverage,
    facts: StageFacts,
    now: datetime,
    *,
    shows_names: bool = True,
) -> UsageAnswer:
    """Return the uses of an image that do not contain `excluded_digest`, and their stages.

    If `shows_names` is False, documents do not contain the names of clusters and workloads.
    """
    selected = [each for each in usages if excluded_digest is None or each.digest != excluded_digest]
    positions = {(each.key, each.path, each.line_number, each.tag, each.digest) for each in selected}
    stages = find_fleet_stages(
        facts, now, lambda use: (use.key, use.path, use.line_number, use.tag, use.digest) in positions
    )
    return UsageAnswer(image, excluded_digest, selected, coverage, StageReport(stages, now, shows_names))


def answer_repository_history(
    name: str, history: FleetHistory, coverage: InventoryCoverage, stages: StageReport | None = None
) -> HistoryAnswer:
    """Return the history of a repository on a forge."""
    return HistoryAnswer(name, list_moves(history), (), coverage, stages=stages)


def answer_image_history(
    name: str,
    image: ImageName,
    history: FleetHistory,
    coverage: InventoryCoverage,
    stages: StageReport | None = None,
) -> HistoryAnswer:
    """Return the history of an image, and the outcomes of CI with each of its digests."""
    observations = [each for each in history.observations if image.tag in {None, each.tag_ref.tag}]
    outcomes = count_outcomes(history.requests, {f"{each.tag_ref}@{each.digest}" for each in observations})
    return HistoryAnswer(name, list_moves(history), observations, coverage, outcomes, stages)


def answer_stages(facts: StageFacts, now: datetime, *, shows_names: bool = True) -> StageReport:
    """Return how far the updates in `facts` got."""
    return StageReport(find_fleet_stages(facts, now), now, shows_names)


def build_patch_report(
    history: FleetHistory,
    coverage: InventoryCoverage,
    since: datetime,
    now: datetime,
    facts: StageFacts | None = None,
) -> PatchReport:
    """Return the fixes since `since`, with their trends.

    `history` must begin `bot.core.inventory.trends.MEDIAN_PERIOD` before `since`, because the first medians of the
    trends include fixes that were merged before `since`. `facts` are the facts about the whole fleet; None if the
    config has neither builds nor clusters.
    """
    known = find_patches(history)
    if facts is not None:
        known = add_ends(known, facts)
    patches = [each for each in known if each.patched_at is None or each.patched_at >= since]
    return PatchReport(
        since=since,
        now=now,
        patches=patches,
        summaries={grouping: summarise_patches(patches, grouping, since, now) for grouping in PatchGrouping},
        coverage=coverage,
        trends=build_trends(known, max(since, coverage.first_read_at), now) if coverage.first_read_at else None,
        stages=answer_stages(facts, now) if facts is not None else None,
    )
