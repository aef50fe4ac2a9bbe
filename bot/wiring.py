"""From settings to adapters: the only file that names them all; what is heavy is imported when it is used."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """Return it, in UTC."""
        return datetime.now(UTC)
