"""The ledger of opened proposals, in a database. Runs with the same state share their limits through it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from bot.model.limits import Opening
from bot.state.database import Database
from bot.state.tables import OPENINGS, write_rows

OPENINGS_KEPT = timedelta(days=31)
"""How long an entry is kept. It is longer than any sensible window of the limits."""


class DatabaseOpeningLedger:
    """Implements `bot.inventory_ports.OpeningLedger`. Several threads and processes can use the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(
        self, choose: Callable[[Sequence[Opening]], Sequence[Opening]], at: datetime, window: timedelta
    ) -> None:
        """Call `choose` with the openings since `at - window`, and store the openings that it returns.

        No other run can reserve at the same time. If this raises StateError, nothing was stored.
        """
        with self._database.open_for_writing() as connection:
            connection.execute(delete(OPENINGS).where(OPENINGS.c.opened_at < at - max(window, OPENINGS_KEPT)))
            rows = connection.execute(select(OPENINGS).where(OPENINGS.c.opened_at > at - window))
            recent = [
                Opening(
                    (row.forge, row.host, row.repository),
                    row.branch,
                    counts_in_window=row.counts_in_window,
                    is_first_of_repository=row.is_first_of_repository,
                )
                for row in rows
            ]
            write_rows(connection, OPENINGS, [_build_row(each, at) for each in choose(recent)])

    def give_back(self, openings: Collection[Opening], at: datetime) -> None:
        """Remove openings that were reserved at the time `at` and did not take place.

        Openings that another run also reserved since are kept, because it may have opened the proposals.
        """
        with self._database.open_for_writing() as connection:
            for each in openings:
                row = _build_row(each, at)
                keys = ("forge", "host", "repository", "branch", "opened_at")
                connection.execute(delete(OPENINGS).where(*(OPENINGS.c[key] == row[key] for key in keys)))


def _build_row(opening: Opening, at: datetime) -> dict[str, object]:
    forge, host, repository = opening.repository
    return {
        "forge": forge,
        "host": host,
        "repository": repository,
        "branch": opening.branch,
        "counts_in_window": opening.counts_in_window,
        "is_first_of_repository": opening.is_first_of_repository,
        "opened_at": at,
    }
