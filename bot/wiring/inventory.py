"""Opens the state of a config for commands that only read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.model.errors import UsageError

if TYPE_CHECKING:
    from bot.inventory_ports import ExposureReader, ExposureSummaryStore, InventoryReader, StageReader
    from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class StoredFleet:
    """The readers of a state. Nothing is written to `exposure_summaries`."""

    inventory: InventoryReader
    stages: StageReader
    exposure: ExposureReader
    exposure_summaries: ExposureSummaryStore


def open_fleet(config_file: Path) -> StoredFleet:
    """Return the readers of the state of a config. The effects and errors are those of `open_fleet_of`."""
    from bot.settings import load

    return open_fleet_of(load(config_file, requires_forges=False))


def open_fleet_of(settings: Settings) -> StoredFleet:
    """Return the readers of the state in these settings. Nothing is written, created or migrated.

    Raises:
        UsageError: If the config has no state.
        StateError: If no run created the state yet, if it cannot be used, or if another release wrote it.
    """
    from bot.state.exposure.reader import DatabaseExposureReader
    from bot.state.exposure.summaries import DatabaseExposureSummaries
    from bot.state.inventory.reader import DatabaseInventoryReader
    from bot.wiring.state import create_stage_reader, open_database_for_queries

    database = open_database_for_queries(settings)
    if database is None:
        raise UsageError(
            f"{settings.source} has no `state`, so basebump does not remember which images are used; hint: add "
            "`state: sqlite:///PATH` and run `basebump run`"
        )
    return StoredFleet(
        DatabaseInventoryReader(database),
        create_stage_reader(database, settings),
        DatabaseExposureReader(database),
        DatabaseExposureSummaries(database),
    )
