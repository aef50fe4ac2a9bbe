"""Open the parts of the state that the service needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.model.errors import UsageError

if TYPE_CHECKING:
    from bot.inventory_ports import InventoryReader
    from bot.settings import Settings
    from bot.state.database import Database
    from bot.state.inventory.event_inventory import DatabaseEventInventory
    from bot.state.work.metrics_reader import DatabaseMetricsReader
    from bot.state.work.service_log import DatabaseServiceLog
    from bot.work_ports import WorkQueue, WorkSignal


@dataclass(frozen=True, slots=True)
class ServiceStores:
    """The parts of the state that the service needs, and the settings of the config."""

    settings: Settings
    database: Database
    queue: WorkQueue
    log: DatabaseServiceLog
    inventory: DatabaseEventInventory
    reader: InventoryReader
    metrics: DatabaseMetricsReader


def open_service_stores(config_file: Path, signal: WorkSignal) -> ServiceStores:
    """Open the state of a config for the service. Its tables are created or migrated if necessary.

    Without `queue`, `signal` wakes the workers of this process when work is stored. With `queue`, workers in other
    processes are woken through the database.

    Raises:
        ConfigError: If the config is not valid.
        UsageError: If the config has no state.
        StateError: If the state cannot be used.
    """
    from bot.settings import load
    from bot.state.inventory.event_inventory import DatabaseEventInventory
    from bot.state.inventory.reader import DatabaseInventoryReader
    from bot.state.work.metrics_reader import DatabaseMetricsReader
    from bot.state.work.queue import DatabaseWorkQueue
    from bot.state.work.service_log import DatabaseServiceLog
    from bot.wiring.state import open_database

    settings = load(config_file, requires_forges=True)
    database = open_database(settings)
    if database is None:
        raise UsageError(
            f"{config_file} has no `state`, which holds the pending work of the service; hint: add `state: "
            "sqlite:///PATH`"
        )
    database = database.keep_connections()
    if settings.uses_postgresql_queue:
        from bot.queues.procrastinate_queue import PostgresqlSignal
        from bot.queues.procrastinate_schema import prepare_tables

        signal = PostgresqlSignal()
        with database.open_for_writing() as connection:
            prepare_tables(connection)
    return ServiceStores(
        settings,
        database,
        DatabaseWorkQueue(database, signal),
        DatabaseServiceLog(database, signal),
        DatabaseEventInventory(database),
        DatabaseInventoryReader(database),
        DatabaseMetricsReader(database),
    )
