"""Locations of a state: a file, and a database on a real PostgreSQL server. Every test of stores runs with both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from bot.state.database import Database
from bot.state.exposure.store import DatabaseScanStore
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore

NOW = datetime(2026, 11, 25, 12, 0, 0, 250_000, tzinfo=UTC)


@dataclass
class StateLocation:
    """The location of a state, which can be opened several times."""

    opening: str
    """The expression that opens it, for processes of their own."""
    now: datetime = field(default=NOW)

    def database(self) -> Database:
        return eval(self.opening, {"Database": Database, "Path": Path})

    def scans(self) -> DatabaseScanStore:
        return DatabaseScanStore(self.database(), lambda: self.now)

    def memory(self) -> DatabaseLookupStore:
        return DatabaseLookupStore(self.database(), lambda: self.now)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real("postgresql"))])
def create_location(request, tmp_path) -> Callable[[], StateLocation]:
    """Return a function that creates the location of an empty state."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        return lambda: StateLocation(f"Database.postgresql({server.fresh()!r})")
    names = count()
    return lambda: StateLocation(f"Database.sqlite(Path({str(tmp_path / f'state{next(names)}.db')!r}))")


@pytest.fixture
def state_location(create_location) -> StateLocation:
    return create_location()


@pytest.fixture
def lookup_store(state_location) -> DatabaseLookupStore:
    return state_location.memory()


@pytest.fixture
def inventory(state_location) -> DatabaseInventoryStore:
    return DatabaseInventoryStore(state_location.database())
