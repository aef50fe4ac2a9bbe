"""Load the stuck updates for dashboards from the state: merged updates that make no progress."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bot.core.inventory.stage_funnels import find_fleet_stages
from bot.core.inventory.stuck_updates import group_stuck_updates
from bot.inventory_ports import StageReader
from bot.model.inventory import BranchKey
from bot.model.stage_facts import StageFacts
from bot.model.stuck_update import StuckUpdate
from bot.pipeline.run_context import RunContext, RunOptions

MAX_NAMED_REPOSITORIES = 500
"""The maximum number of repositories whose facts are loaded one by one. For more, the facts about the whole fleet are
loaded. A visit of the service has at most 50 repositories.
"""


def load_stuck_updates(
    keys: Collection[BranchKey], context: RunContext, options: RunOptions
) -> Mapping[BranchKey, tuple[StuckUpdate, ...]]:
    """Return the stuck updates that earlier runs found, by base branch.

    Base branches without stuck updates are left out. If dashboards are disabled, nothing is loaded. Raises StateError
    if the state cannot be read.
    """
    if not options.has_dashboards:
        return {}
    reader = context.state.stages
    if not reader.load_scope().has_more_than_merges:
        return {}
    facts = load_facts(reader, {each.repository for each in keys})
    stuck = group_stuck_updates(find_fleet_stages(facts, context.now), context.now)
    return {key: stuck[key] for key in keys if key in stuck}


def load_facts(reader: StageReader, repositories: Collection[str]) -> StageFacts:
    """Return the facts about the updates in at least the given repositories.

    Raises StateError if the state cannot be read.
    """
    if len(repositories) > MAX_NAMED_REPOSITORIES:
        return reader.load_fleet_facts()
    return reader.load_repository_facts(*sorted(repositories))
