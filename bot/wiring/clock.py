"""The time of this machine."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Implements `bot.ports.Clock`."""

    def now(self) -> datetime:
        """Return it, in UTC."""
        return datetime.now(UTC)
