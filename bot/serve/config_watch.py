"""Notice that the config of a running service became invalid."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.model.errors import BasebumpError
from bot.ports import Clock
from bot.serve.json_log import JsonLog

CHECK_INTERVAL = timedelta(seconds=10)
"""The shortest time between two checks. Reading a config takes about 15 ms, and everyone who can connect can ask."""


class ConfigWatch:
    """Reads the config when a probe or the metrics ask. Several threads can use it at the same time."""

    def __init__(self, read_config: Callable[[], object], clock: Clock, log: JsonLog) -> None:
        """Watch a config that was valid at the start. `read_config` raises BasebumpError or OSError if it is not."""
        self._read_config, self._clock, self._log = read_config, clock, log
        self._lock = threading.Lock()
        self._checked_at: datetime | None = None
        self._invalid_since: datetime | None = None

    def find_invalid_since(self) -> datetime | None:
        """Return the time of the first check that found the config invalid; None if it is valid."""
        with self._lock:
            now = self._clock.now()
            if self._checked_at is None or abs(now - self._checked_at) >= CHECK_INTERVAL:
                self._checked_at = now
                self._check(now)
            return self._invalid_since

    def _check(self, now: datetime) -> None:
        try:
            self._read_config()
        except (BasebumpError, OSError) as error:
            if self._invalid_since is None:
                self._invalid_since = now
                self._log.write("config-invalid", error=str(error))
            return
        if self._invalid_since is not None:
            self._invalid_since = None
            self._log.write("config-valid")
