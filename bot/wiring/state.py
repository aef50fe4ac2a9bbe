"""Open the stores of the state that a config names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from bot.model.errors import StateError
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.inventory_ports import StageReader
    from bot.pipeline.run_context import StateStores
    from bot.state.database import Database


def open_state_stores(settings: Settings) -> StateStores:
    """Open the stores of the state. Raises StateError if the database cannot be used."""
    database = open_database(settings)
    if database is None:
        return create_no_state()
    from bot.pipeline.run_context import StateStores
    from bot.state.after_merge.failed_checks import DatabaseFailedChecks
    from bot.state.after_merge.own_builds import DatabaseOwnBuilds
    from bot.state.after_merge.running_images import DatabaseRunningImages
    from bot.state.exposure.store import DatabaseScanStore
    from bot.state.exposure.summaries import DatabaseExposureSummaries
    from bot.state.inventory.build_inventory import DatabaseBuildInventory
    from bot.state.inventory.held_digests import DatabaseHeldDigests
    from bot.state.inventory.store import DatabaseInventoryStore
    from bot.state.lookups.lookup_store import DatabaseLookupStore
    from bot.state.lookups.opening_ledger import DatabaseOpeningLedger
    from bot.state.lookups.push_store import DatabasePushStore
    from bot.state.lookups.superseded_tags import DatabaseSupersededStore

    return StateStores(
        has_state=True,
        lookups=DatabaseLookupStore(database, lambda: datetime.now(UTC)),
        scans=DatabaseScanStore(database, lambda: datetime.now(UTC)),
        exposure_summaries=DatabaseExposureSummaries(database),
        superseded_tags=DatabaseSupersededStore(database),
        pushes=DatabasePushStore(database),
        inventory=DatabaseInventoryStore(database),
        openings=DatabaseOpeningLedger(database),
        held_digests=DatabaseHeldDigests(database),
        own_builds=DatabaseOwnBuilds(database),
        build_inventory=DatabaseBuildInventory(database),
        stages=create_stage_reader(database, settings),
        failed_checks=DatabaseFailedChecks(database),
        running_images=DatabaseRunningImages(database),
    )


def create_no_state() -> StateStores:
    """Return the stores of a run without a state. They store nothing, and return nothing."""
    from bot.pipeline.run_context import StateStores
    from bot.state.no_state import NoState

    store = NoState()
    return StateStores(
        has_state=False,
        lookups=store,
        scans=store,
        exposure_summaries=store,
        superseded_tags=store,
        pushes=store,
        inventory=store,
        openings=store,
        held_digests=store,
        own_builds=store,
        build_inventory=store,
        stages=store,
        failed_checks=store,
        running_images=store,
    )


def open_database(settings: Settings) -> Database | None:
    """Open the database of the state, and create or migrate its tables; None if no state is configured.

    Raises StateError if the database cannot be used.
    """
    from bot.settings.sections.state import StateFile, StateServer

    if settings.state is None:
        return None
    from bot.state.database import Database

    match settings.state:
        case StateFile(path):
            return Database.sqlite(path)
        case StateServer(url):
            return Database.postgresql(url)
    assert_never(settings.state)


def open_database_for_queries(settings: Settings) -> Database | None:
    """Open the database of the state for commands that change nothing; None if no state is configured.

    Raises StateError if the database cannot be used, if no run created it yet, or if another release wrote it.
    """
    from bot.settings.sections.state import StateFile, StateServer

    if settings.state is None:
        return None
    from bot.state.database import CREATING_COMMAND, Database

    match settings.state:
        case StateFile(path):
            if not path.exists():
                raise StateError(f"there is no state in {path} yet; hint: {CREATING_COMMAND} creates it")
            return Database.sqlite_for_queries(path).check_version()
        case StateServer(url):
            return Database.postgresql_for_queries(url).check_version()
    assert_never(settings.state)


def create_stage_reader(database: Database, settings: Settings) -> StageReader:
    """Return a reader of the facts about stages of updates."""
    from bot.state.after_merge.own_builds import DatabaseOwnBuilds
    from bot.state.after_merge.running_images import DatabaseRunningImages
    from bot.state.after_merge.stage_reader import DatabaseStageReader, StageSources
    from bot.wiring.clusters import build_origin_finder

    sources = StageSources(
        DatabaseRunningImages(database),
        DatabaseOwnBuilds(database),
        [each.name for each in settings.clusters],
        settings.builds,
        settings.policy_config.blocklist,
        build_origin_finder(settings),
    )
    return DatabaseStageReader(database, sources)
