"""A signal that wakes nobody."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from bot.model.work import WorkKey, WorkPriority


class NoSignal:
    """Implements `bot.work_ports.WorkSignal` for queues whose workers only look for due work from time to time."""

    def store(self, connection: Connection, work: Mapping[WorkKey, WorkPriority]) -> None:
        """Do nothing."""

    def send(self) -> None:
        """Do nothing."""
