"""From settings to what runs remember."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from bot.ports import Ends, Memory
from bot.wiring.clock import SystemClock

if TYPE_CHECKING:
    from bot.settings import Settings


def remembered(settings: Settings) -> tuple[Memory, Ends]:
    """Return what runs remember, ready for use, so that a run without its memory does not begin. Raises StateError."""
    from bot.settings import StateFile, StateServer
    from bot.state.none import NoEnds, NoMemory

    if settings.state is None:
        return NoMemory(), NoEnds()
    from bot.state.database import Database
    from bot.state.ends import DatabaseEnds
    from bot.state.memory import DatabaseMemory

    match settings.state:
        case StateFile(path):
            database = Database.sqlite(path)
        case StateServer(url):
            database = Database.postgresql(url)
        case _:
            assert_never(settings.state)
    return DatabaseMemory(database, SystemClock().now), DatabaseEnds(database)
