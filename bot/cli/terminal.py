"""What stderr has of a run while it lasts: a bar where a person sees it, lines of JSON where they are asked for."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO, assert_never

from bot.model.report import SCHEMA, Failed
from bot.model.vocabulary import ExitCode
from bot.ports import Progress

BAR_WIDTH = 30
"""Characters of the bar; with a title and two numbers it fits a terminal of 80."""


def is_terminal(stream: TextIO) -> bool:
    """Say whether a person sees this, on something that knows more than to print letters."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class NoProgress:
    """Silent: for logs and pipes."""

    def phase(self, title: str, total: int) -> None: ...

    def step(self) -> None: ...

    def done(self) -> None: ...


class Bar:
    """One line that is drawn over and over, and gone when the phase is."""

    def __init__(self) -> None:
        self._title, self._total, self._count = "", 0, 0
        self._lock = threading.Lock()

    def phase(self, title: str, total: int) -> None:
        """Begin a phase of `total` steps."""
        with self._lock:
            self._title, self._total, self._count = title, total, 0
            self._draw()

    def step(self) -> None:
        """Count one step; called from many threads."""
        with self._lock:
            self._count += 1
            self._draw()

    def done(self) -> None:
        """Wipe the line."""
        with self._lock:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self) -> None:
        if not self._total:
            return
        filled = BAR_WIDTH * self._count // self._total
        bar = "█" * filled + "░" * (BAR_WIDTH - filled)
        sys.stderr.write(f"\r\x1b[K{self._title:<22} {bar} {self._count}/{self._total}")
        sys.stderr.flush()


class JsonLines:
    """A line of JSON when a phase begins and when it ends, for whatever reads the logs of a job."""

    def __init__(self) -> None:
        self._title, self._total, self._count = "", 0, 0
        self._began = 0.0
        self._lock = threading.Lock()

    def phase(self, title: str, total: int) -> None:
        """Say that a phase of `total` steps begins."""
        with self._lock:
            self._title, self._total, self._count, self._began = title, total, 0, time.monotonic()
        log_line("phase", title=title, total=total)

    def step(self) -> None:
        """Count one step; called from many threads."""
        with self._lock:
            self._count += 1

    def done(self) -> None:
        """Say how far the phase came, and how long it took."""
        lasted = round(time.monotonic() - self._began, 3)
        log_line("phase-done", title=self._title, total=self._total, steps=self._count, seconds=lasted)


def log_line(event: str, **values: str | float | None) -> None:
    """Write one line of JSON, in ASCII, to stderr."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    with suppress(OSError):  # a run goes on when nobody reads its log any more, or there is no room for it
        sys.stderr.write(json.dumps({"schema": SCHEMA, "time": now, "event": event, **values}) + "\n")
        sys.stderr.flush()


class Log(StrEnum):
    """What stderr gets of a run while it lasts."""

    AUTO = "auto"
    JSONL = "jsonl"
    NONE = "none"


def progress(log: Log = Log.AUTO) -> Progress:
    """Return who watches a run: by itself a bar where a person can see it, else silence."""
    match log:
        case Log.AUTO:
            return Bar() if is_terminal(sys.stderr) else NoProgress()
        case Log.JSONL:
            return JsonLines()
        case Log.NONE:
            return NoProgress()
        case _:
            assert_never(log)


def log_end(log: Log, failed: Sequence[Failed], code: ExitCode) -> None:
    """Say in a log of JSON what failed, a line each, and how it ended."""
    if log is Log.JSONL:
        for each in failed:
            log_line("failure", subject=each.subject, stage=each.stage.value, error=each.error)
        log_line("end", exit_code=code)
