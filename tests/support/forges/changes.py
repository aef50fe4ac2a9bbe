"""The times of the last changes of the things on a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class LastChange:
    """The time at which a thing last got another look.

    Servers show times in whole seconds. Two changes are never in the same second here, so that tests need not wait.
    """

    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    _look: object = None

    def update(self, look: object) -> datetime:
        """Return the time of the last change, which is now if the thing looks different than before."""
        if self._look not in (None, look):
            self.time = max(datetime.now(UTC), self.time + timedelta(seconds=1))
        self._look = look
        return self.time
