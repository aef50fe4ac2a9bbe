"""Diagnostics on stderr during a run: a progress bar on a terminal, lines in a log, or lines of JSON on request."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import assert_never

from bot.cli.phase_log import PhaseLog, estimate_rest, format_minutes
from bot.cli.presentation import is_quiet, is_terminal, is_verbose
from bot.model.phases import Phases
from bot.model.report import SCHEMA, RunFailure
from bot.model.vocabulary import ExitCode
from bot.ports import ProgressReporter
from bot.reports.parts.json_text import dump_json

BAR_WIDTH = 20
"""The number of characters of the bar. With its title, two numbers and the remaining time, the line fits a terminal of
80 columns.
"""


class NoProgress:
    """Shows no progress; for quiet commands and services."""

    def start_phase(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...

    def finish_phase(self) -> None: ...


class ProgressBar:
    """A progress bar on one line, which is removed at the end of a phase."""

    def __init__(self, read_clock: Callable[[], float] = time.monotonic) -> None:
        """Create the bar. `read_clock` returns the current time in seconds."""
        self._read_clock = read_clock
        self._title, self._total, self._count, self._began = "", 0, 0, 0.0
        self._lock = threading.Lock()

    def start_phase(self, title: str, total: int) -> None:
        """Begin a phase of `total` steps."""
        with self._lock:
            self._title, self._total, self._count, self._began = title, total, 0, self._read_clock()
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
        rest = estimate_rest(self._count, self._total, self._read_clock() - self._began)
        shown_rest = f", {format_minutes(rest)} left" if rest is not None else ""
        sys.stderr.write(f"\r\x1b[K{self._title:<22} {bar} {self._count}/{self._total}{shown_rest}")
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


def create_progress(phases: Phases, log: LogMode = LogMode.AUTO) -> ProgressReporter:
    """Return the progress display for a command with these phases.

    In the mode `auto`, a terminal shows a bar, and a log or pipe gets a line for each phase. With `-v`, all of them get
    lines at the start and the end of each phase. With `-q`, none of them gets any progress.
    """
    match log:
        case LogMode.AUTO if is_quiet():
            return NoProgress()
        case LogMode.AUTO if is_verbose():
            return PhaseLog(phases, has_ends=True)
        case LogMode.AUTO:
            return _BAR if is_terminal(sys.stderr) else PhaseLog(phases)
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
