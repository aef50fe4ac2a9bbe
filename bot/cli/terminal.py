"""Diagnostics on stderr during a run: a progress bar on a terminal, or lines of JSON if they are requested."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import assert_never

from bot.cli.presentation import is_quiet, is_terminal, is_verbose
from bot.model.report import SCHEMA, RunFailure
from bot.model.vocabulary import ExitCode
from bot.ports import ProgressReporter
from bot.reports.parts.json_text import dump_json

BAR_WIDTH = 30
"""The number of characters of the bar. With its title and two numbers, the line fits a terminal of 80 columns."""


class NoProgress:
    """Shows no progress; for logs and pipes."""

    def start_phase(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...

    def finish_phase(self) -> None: ...


class ProgressBar:
    """A progress bar on one line, which is removed at the end of a phase."""

    def __init__(self) -> None:
        self._title, self._total, self._count = "", 0, 0
        self._lock = threading.Lock()

    def start_phase(self, title: str, total: int) -> None:
        """Begin a phase of `total` steps."""
        with self._lock:
            self._title, self._total, self._count = title, total, 0
            self._draw()

    def advance(self) -> None:
        """Count one finished step. Several threads can call this method at the same time."""
        with self._lock:
            self._count += 1
            self._draw()

    def finish_phase(self) -> None:
        """Remove the bar."""
        with self._lock:
            self._total = 0
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def remove(self) -> None:
        """Remove the bar if it is visible. The bar stays hidden until the next phase begins."""
        if self._total:
            self.finish_phase()

    def _draw(self) -> None:
        if not self._total:
            return
        filled = BAR_WIDTH * self._count // self._total
        bar = "█" * filled + "░" * (BAR_WIDTH - filled)
        sys.stderr.write(f"\r\x1b[K{self._title:<22} {bar} {self._count}/{self._total}")
        sys.stderr.flush()


class StepLog:
    """Writes a line at the end of each phase: its title, the number of its steps, and its duration."""

    def __init__(self) -> None:
        self._title, self._count, self._began = "", 0, 0.0
        self._lock = threading.Lock()

    def start_phase(self, title: str, total: int) -> None:  # noqa: ARG002 - only other classes show the total
        """Begin a phase."""
        with self._lock:
            self._title, self._count, self._began = title, 0, time.monotonic()

    def advance(self) -> None:
        """Count one finished step. Several threads can call this method at the same time."""
        with self._lock:
            self._count += 1

    def finish_phase(self) -> None:
        """Write the line about the phase."""
        with suppress(OSError):  # a log that cannot be written must not end the run
            seconds = time.monotonic() - self._began
            sys.stderr.write(f"{self._title}: {self._count} in {seconds:.1f} s\n")
            sys.stderr.flush()


class JsonLinesLog:
    """Writes a JSON line at the beginning and at the end of each phase, for tools that read the logs of a job."""

    def __init__(self) -> None:
        self._title, self._total, self._count = "", 0, 0
        self._began = 0.0
        self._lock = threading.Lock()

    def start_phase(self, title: str, total: int) -> None:
        """Log that a phase of `total` steps begins."""
        with self._lock:
            self._title, self._total, self._count, self._began = title, total, 0, time.monotonic()
        log_line("phase", title=title, total=total)

    def advance(self) -> None:
        """Count one finished step. Several threads can call this method at the same time."""
        with self._lock:
            self._count += 1

    def finish_phase(self) -> None:
        """Log the number of steps that were done, and how long the phase took."""
        lasted = round(time.monotonic() - self._began, 3)
        log_line("phase-done", title=self._title, total=self._total, steps=self._count, seconds=lasted)


def log_line(event: str, **values: str | float | None) -> None:
    """Write one line of JSON, in ASCII, to stderr."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    with suppress(OSError):  # a log that cannot be written must not end the run
        sys.stderr.write(dump_json({"schema": SCHEMA, "time": now, "event": event, **values}) + "\n")
        sys.stderr.flush()


class LogMode(StrEnum):
    """The value of `--log`: which diagnostics are written to stderr during a run."""

    AUTO = "auto"
    JSONL = "jsonl"
    NONE = "none"


_BAR = ProgressBar()
"""The only progress bar of the process, because there is only one stderr."""


def remove_progress_bar() -> None:
    """Remove the progress bar from the terminal, so that a message is not written behind the bar."""
    _BAR.remove()


def create_progress(log: LogMode = LogMode.AUTO) -> ProgressReporter:
    """Return the progress display for a run.

    In the mode `auto`, a terminal shows a bar, and a log or pipe gets no progress. With `-v`, all of them get a line
    for each phase. With `-q`, none of them gets any progress.
    """
    match log:
        case LogMode.AUTO if is_quiet():
            return NoProgress()
        case LogMode.AUTO if is_verbose():
            return StepLog()
        case LogMode.AUTO:
            return _BAR if is_terminal(sys.stderr) else NoProgress()
        case LogMode.JSONL:
            return JsonLinesLog()
        case LogMode.NONE:
            return NoProgress()
        case _:
            assert_never(log)


def log_end(log: LogMode, failures: Sequence[RunFailure], code: ExitCode) -> None:
    """Log each failure and the exit code as JSON lines if `log` is `LogMode.JSONL`. In other modes, do nothing."""
    if log is LogMode.JSONL:
        for each in failures:
            log_line("failure", subject=each.subject, stage=each.stage.value, error=each.error)
        log_line("end", exit_code=code)
