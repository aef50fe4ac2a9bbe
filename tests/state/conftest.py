"""Locations of a state: a file, and a database on a real PostgreSQL server. Every test of stores runs with both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from bot.state.database import Database
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.state_store import DatabaseStateStore

NOW = datetime(2026, 11, 25, 12, 0, 0, 250_000, tzinfo=UTC)


@dataclass
class StateLocation:
    """The location of a state, which can be opened several times."""

    opening: str
    """The expression that opens it, for processes of their own."""
    now: datetime = field(default=NOW)

    def database(self) -> Database:
        return eval(self.opening, {"Database": Database, "Path": Path})

    def memory(self) -> DatabaseStateStore:
        return DatabaseStateStore(self.database(), lambda: self.now)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real("postgresql"))])
def new_place(request, tmp_path) -> Callable[[], StateLocation]:
    """Return a function that creates the location of an empty state."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        return lambda: StateLocation(f"Database.postgresql({server.fresh()!r})")
    names = count()
    return lambda: StateLocation(f"Database.sqlite(Path({str(tmp_path / f'state{next(names)}.db')!r}))")


@pytest.fixture
def place(new_place) -> StateLocation:
    return new_place()


@pytest.fixture
def memory(place) -> DatabaseStateStore:
    return place.memory()


@pytest.fixture
def inventory(place) -> DatabaseInventoryStore:
    return DatabaseInventoryStore(place.database())
