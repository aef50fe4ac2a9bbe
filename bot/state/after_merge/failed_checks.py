"""The store of the checks that failed on the last commits of base branches, in a database."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, and_, delete, insert, select

from bot.model.ci import FailedCheck
from bot.model.inventory import BranchKey
from bot.state.database import Database
from bot.state.inventory.rows import find_branches
from bot.state.tables.inventory import BRANCH_KEY_COLUMNS, BRANCHES, FAILED_CHECKS


class DatabaseFailedChecks:
    """Implements `bot.inventory_ports.FailedCheckStore`. Several threads and processes can use the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_checks(self, checks: Mapping[BranchKey, FailedCheck | None], heads: Mapping[BranchKey, str]) -> None:
        """Store the failed check of the last commit of some base branches; None for a branch without a failed check.

        What is stored about other base branches is deleted. Base branches that no run read are left out.
        """
        with self._database.open_for_writing() as connection:
            numbers = {key: row.id for key, row in find_branches(connection, checks).items()}
            rows = [
                {"branch": numbers[key], "head": heads[key], "name": check.name, "url": check.url}
                for key, check in sorted(checks.items(), key=lambda each: each[0])
                if check is not None and key in numbers
            ]
            connection.execute(delete(FAILED_CHECKS))
            if rows:
                connection.execute(insert(FAILED_CHECKS), rows)


def read_failed_checks(connection: Connection) -> Mapping[BranchKey, FailedCheck]:
    """Return the checks that failed on the commits that base branches had at their last visits."""
    columns = (*BRANCH_KEY_COLUMNS, FAILED_CHECKS.c.name, FAILED_CHECKS.c.url)
    is_head = and_(BRANCHES.c.id == FAILED_CHECKS.c.branch, BRANCHES.c.head == FAILED_CHECKS.c.head)
    query = select(*columns).select_from(FAILED_CHECKS.join(BRANCHES, is_head))
    return {
        BranchKey(row.forge, row.host, row.repository, row.base_branch): FailedCheck(row.name, row.url)
        for row in connection.execute(query)
    }
