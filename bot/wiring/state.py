"""Build the stores of state from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from bot.ports import StateStore, SupersededStore
from bot.wiring.clock import SystemClock

if TYPE_CHECKING:
    from bot.settings import Settings


def open_state_stores(settings: Settings) -> tuple[StateStore, SupersededStore]:
    """Open the stores of state, so that a run does not start if its state is unusable. Raises StateError."""
    from bot.settings import StateFile, StateServer
    from bot.state.no_state import NoStateStore, NoSupersededStore

    if settings.state is None:
        return NoStateStore(), NoSupersededStore()
    from bot.state.database import Database
    from bot.state.state_store import DatabaseStateStore
    from bot.state.superseded_tags import DatabaseSupersededStore

    match settings.state:
        case StateFile(path):
            database = Database.sqlite(path)
        case StateServer(url):
            database = Database.postgresql(url)
        case _:
            assert_never(settings.state)
    return DatabaseStateStore(database, SystemClock().now), DatabaseSupersededStore(database)
