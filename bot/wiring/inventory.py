"""Opens the state of a config for commands that only read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bot.model.errors import StateError, UsageError

if TYPE_CHECKING:
    from bot.inventory_ports import InventoryReader


def open_inventory(config_file: Path) -> InventoryReader:
    """Return a reader of the state of a config. Its tables are migrated if an earlier release created them.

    Raises:
        UsageError: If the config has no state.
        StateError: If no run created the state yet, or if it cannot be used.
    """
    from bot.settings import StateFile, StateServer, load
    from bot.state.database import Database
    from bot.state.inventory_reader import DatabaseInventoryReader

    state = load(config_file, requires_forges=False).state
    match state:
        case None:
            raise UsageError(
                f"{config_file} has no `state`, so basebump does not remember which images are used; hint: add `state: "
                "sqlite:///PATH` and run `basebump run`"
            )
        case StateFile(path):
            if not path.exists():
                raise StateError(f"there is no state in {path} yet; hint: `basebump run` with this config creates it")
            database = Database.sqlite_unmigrated(path)
        case StateServer(url):
            database = Database.postgresql_unmigrated(url)
        case _:
            assert_never(state)
    return DatabaseInventoryReader(database.migrate_for_reading())
