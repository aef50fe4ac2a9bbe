"""Opens the state of a config for commands that only read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bot.model.errors import StateError, UsageError

if TYPE_CHECKING:
    from bot.inventory_ports import InventoryReader


def open_inventory(config_file: Path) -> InventoryReader:
    """Return a reader of the state of a config. Its tables are migrated if an earlier release created them.

    Raises:
        UsageError: If the config has no state.
        StateError: If no run created the state yet, or if it cannot be used.
    """
    from bot.settings import StateFile, load
    from bot.state.inventory_reader import DatabaseInventoryReader
    from bot.wiring import open_database

    settings = load(config_file, requires_forges=False)
    if isinstance(settings.state, StateFile) and not settings.state.path.exists():
        raise StateError(
            f"there is no state in {settings.state.path} yet; hint: `basebump run` with this config creates it"
        )
    database = open_database(settings)
    if database is None:
        raise UsageError(
            f"{config_file} has no `state`, so basebump does not remember which images are used; hint: add `state: "
            "sqlite:///PATH` and run `basebump run`"
        )
    return DatabaseInventoryReader(database)
