"""The log of the service: one line of JSON on stderr for each event."""

from __future__ import annotations

import logging
import sys
import threading
from collections import Counter
from contextlib import suppress
from typing import TextIO

from bot.core.markdown import MAX_MESSAGE_LINE, make_one_line
from bot.model.errors import StateError
from bot.ports import Clock
from bot.reports.parts.json_text import JsonValue, dump_json

STATE_ERROR, BUG = "state-error", "bug"
"""The kinds of entries about failures to use the state, and about errors in basebump itself. Metrics count these
entries.
"""


class JsonLog:
    """Writes log entries. Several threads can use it at the same time.

    A delivery and the work that it causes have log entries with the same `trace`.
    """

    def __init__(self, clock: Clock, stream: TextIO | None = None) -> None:
        self._clock, self._stream = clock, stream
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def write(self, event: str, **values: JsonValue) -> None:
        """Write one entry. Errors are ignored, because a log that cannot be written must not stop the service."""
        line = dump_json({"time": f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%fZ}", "event": event, **values})
        stream = self._stream if self._stream is not None else sys.stderr
        with self._lock, suppress(OSError, ValueError):
            self._counts[event] += 1
            stream.write(line + "\n")
            stream.flush()

    def write_error(self, error: Exception, **values: JsonValue) -> None:
        """Write an entry about an error that ended neither a thread nor the service."""
        if isinstance(error, StateError):
            self.write(STATE_ERROR, **values, error=str(error))
        else:
            self.write(BUG, **values, error=f"{type(error).__name__}: {error}")

    def count_entries(self, event: str) -> int:
        """Return the number of entries of a kind since the process started."""
        with self._lock:
            return self._counts[event]


class LibraryMessages(logging.Handler):
    """Writes what libraries log, and Python's warnings, as entries `library`.

    Libraries write such messages at times that basebump does not choose, for example while a database server is away.
    Without this handler, Python writes them to stderr as plain text, between the lines of JSON.
    """

    def __init__(self, log: JsonLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message of a record and the error that it is about, without the stack trace."""
        error = record.exc_info[1] if record.exc_info else None
        cause = f": {type(error).__name__}: {error}" if error is not None else ""
        text = make_one_line(f"{record.getMessage()}{cause}", MAX_MESSAGE_LINE)
        self._log.write("library", logger=record.name, level=record.levelname.lower(), message=text)


def write_library_messages(log: JsonLog) -> None:
    """Write everything that libraries and the ends of threads would write to stderr to the log of this process."""
    logging.getLogger().addHandler(LibraryMessages(log))
    logging.captureWarnings(capture=True)
    threading.excepthook = lambda ended: log.write(
        BUG, error=f"a thread ended: {ended.exc_type.__name__}: {ended.exc_value}"
    )
