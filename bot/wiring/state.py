"""Open the stores of the state that a config names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from bot.model.errors import StateError
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.branch_ports import PushStore
    from bot.inventory_ports import (
        BuildInventory,
        FailedCheckStore,
        HeldDigestStore,
        InventoryStore,
        OpeningLedger,
        OwnBuildStore,
        RunningImageStore,
        StageReader,
    )
    from bot.ports import StateStore, SupersededStore
    from bot.state.database import Database


@dataclass(frozen=True, slots=True)
class BuildStores:
    """The stores for what happens after a merge."""

    own_builds: OwnBuildStore
    inventory: BuildInventory
    stages: StageReader
    failed_checks: FailedCheckStore


@dataclass(frozen=True, slots=True)
class StateStores:
    """The stores of one state. If no state is configured, they keep nothing."""

    state_store: StateStore
    superseded_store: SupersededStore
    push_store: PushStore
    inventory_store: InventoryStore
    opening_ledger: OpeningLedger
    held_digests: HeldDigestStore | None = None
    """None if no state is configured."""
    build_stores: BuildStores | None = None
    """None if no state is configured."""
    running_images: RunningImageStore | None = None
    """None if no state is configured."""


def open_state_stores(settings: Settings) -> StateStores:
    """Open the stores of the state. Raises StateError if the database cannot be used."""
    from bot.state.no_state import NoInventoryStore, NoOpeningLedger, NoPushStore, NoStateStore, NoSupersededStore

    database = open_database(settings, must_exist=False)
    if database is None:
        return StateStores(NoStateStore(), NoSupersededStore(), NoPushStore(), NoInventoryStore(), NoOpeningLedger())
    from bot.state.after_merge.failed_checks import DatabaseFailedChecks
    from bot.state.after_merge.own_builds import DatabaseOwnBuilds
    from bot.state.after_merge.running_images import DatabaseRunningImages
    from bot.state.inventory.build_inventory import DatabaseBuildInventory
    from bot.state.inventory.held_digests import DatabaseHeldDigests
    from bot.state.inventory.store import DatabaseInventoryStore
    from bot.state.lookups.opening_ledger import DatabaseOpeningLedger
    from bot.state.lookups.push_store import DatabasePushStore
    from bot.state.lookups.state_store import DatabaseStateStore
    from bot.state.lookups.superseded_tags import DatabaseSupersededStore

    return StateStores(
        DatabaseStateStore(database, lambda: datetime.now(UTC)),
        DatabaseSupersededStore(database),
        DatabasePushStore(database),
        DatabaseInventoryStore(database),
        DatabaseOpeningLedger(database),
        DatabaseHeldDigests(database),
        BuildStores(
            DatabaseOwnBuilds(database),
            DatabaseBuildInventory(database),
            create_stage_reader(database, settings),
            DatabaseFailedChecks(database),
        ),
        DatabaseRunningImages(database),
    )


def open_database(settings: Settings, *, must_exist: bool) -> Database | None:
    """Open the database of the state, and migrate its tables; None if no state is configured.

    If `must_exist` is False, the database and its tables are created if necessary.

    Raises:
        StateError: If the database cannot be used, or if `must_exist` is True and no run created it yet.
    """
    from bot.settings.sections.state import StateFile, StateServer

    if settings.state is None:
        return None
    from bot.state.database import Database

    match settings.state:
        case StateFile(path):
            if must_exist and not path.exists():
                raise StateError(f"there is no state in {path} yet; hint: `basebump run` with this config creates it")
            database = Database.sqlite_unmigrated(path)
        case StateServer(url):
            database = Database.postgresql_unmigrated(url)
        case _:
            assert_never(settings.state)
    return database.migrate_for_reading() if must_exist else database.migrate()


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
