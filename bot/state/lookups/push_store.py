"""The store of the last commits that basebump pushed to its branches, in a database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select

from bot.model.branch_ownership import BranchPush
from bot.model.forge import GitRepository
from bot.state.database import Database
from bot.state.tables import BRANCH_PUSHES, TAGS_KEPT, write_rows


class DatabasePushStore:
    """Implements `bot.branch_ports.PushStore`. Several threads and processes can use the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_pushes(self, repository: GitRepository) -> Mapping[str, BranchPush]:
        is_same = (
            BRANCH_PUSHES.c.forge == repository.forge,
            BRANCH_PUSHES.c.host == repository.server,
            BRANCH_PUSHES.c.repository == repository.name,
        )
        with self._database.open_for_reading() as connection:
            rows = connection.execute(select(BRANCH_PUSHES).where(*is_same)).all()
        return {row.branch: BranchPush(row.commit_id, row.intent) for row in rows}

    def record_pushes(self, pushes: Mapping[GitRepository, Mapping[str, BranchPush]], at: datetime) -> None:
        """Store the commits that basebump pushed until the time `at`, and delete commits that are too old."""
        rows = [
            {
                "forge": repository.forge,
                "host": repository.server,
                "repository": repository.name,
                "branch": branch,
                "commit_id": push.commit,
                "intent": push.intent,
                "pushed_at": at,
            }
            for repository, branches in pushes.items()
            for branch, push in branches.items()
        ]
        with self._database.open_for_writing() as connection:
            write_rows(connection, BRANCH_PUSHES, rows)
            connection.execute(delete(BRANCH_PUSHES).where(BRANCH_PUSHES.c.pushed_at < at - TAGS_KEPT))
