"""Progress on stderr for logs and pipes: a line when a phase starts, and a line a minute while it goes on."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from bot.model.phases import Phases

LINE_INTERVAL = 60.0
"""The seconds between two lines about the same phase. A run of a whole night adds some hundred lines to a log."""
MIN_STEPS, MIN_SECONDS = 3, 5.0
"""The finished steps and the time after which the remaining time is estimated. The first steps of a phase are often
slower than the others, because they open connections."""


class PhaseLog:
    """Writes a line at the start of each phase, and a line a minute while it goes on."""

    def __init__(
        self,
        phases: Phases,
        *,
        has_ends: bool = False,
        read_clock: Callable[[], float] = time.monotonic,
        interval: float = LINE_INTERVAL,
    ) -> None:
        """Create the log.

        Args:
            phases: The phases of the command.
            has_ends: True if a further line shows the duration of each phase when it has ended.
            read_clock: Returns the current time in seconds.
            interval: The seconds between two lines about the same phase.
        """
        self._phases, self._has_ends, self._read_clock, self._interval = phases, has_ends, read_clock, interval
        self._number = 0
        self._title, self._total, self._count, self._began = "", 0, 0, 0.0
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def start_phase(self, title: str, total: int) -> None:
        """Write a line about a phase of `total` steps, and start to write a line a minute."""
        self._ended.set()
        with self._lock:
            self._number = self._find_number(title)
            self._title, self._total, self._count, self._began = title, total, 0, self._read_clock()
            self._ended = threading.Event()
        if total:
            _write_line(f"{self._name_phase()}{f' ({total:,})' if total > 1 else ''}")
            threading.Thread(target=self._repeat_state, args=(self._ended,), daemon=True).start()

    def advance(self) -> None:
        """Count one finished step. Several threads can call this method at the same time."""
        with self._lock:
            self._count += 1

    def finish_phase(self) -> None:
        """End the phase. Write a line about it if all ends are shown."""
        self._ended.set()
        if self._has_ends:
            _write_line(f"{self._title}: {self._count:,} in {self._read_clock() - self._began:.1f} s")

    def describe_state(self) -> str:
        """Return the line about the current phase: its finished steps, its duration, and the estimated rest."""
        with self._lock:
            seconds = self._read_clock() - self._began
            rest = estimate_rest(self._count, self._total, seconds)
            state = f"{self._name_phase()}: {self._count:,} of {self._total:,} after {format_minutes(seconds)}"
            return f"{state}, about {format_minutes(rest)} left" if rest is not None else state

    def _repeat_state(self, ended: threading.Event) -> None:
        while not ended.wait(self._interval):
            _write_line(self.describe_state())

    def _name_phase(self) -> str:
        title = self._title[:1].lower() + self._title[1:]
        return f"phase {self._number} of {len(self._phases)}: {title}" if self._number else title

    def _find_number(self, title: str) -> int:
        """Return the number of the phase with this step; 0 if there is none.

        A step can belong to several phases. It then belongs to the next one, unless a new run has begun.
        """
        numbers = [number for number, steps in enumerate(self._phases, 1) if title in steps]
        return next((each for each in numbers if each >= self._number), numbers[0] if numbers else 0)


def estimate_rest(count: int, total: int, seconds: float) -> float | None:
    """Return the seconds that the rest of a phase takes if its steps take as long as before; None if not known yet."""
    if count < MIN_STEPS or seconds < MIN_SECONDS or count >= total:
        return None
    return (total - count) * seconds / count


def format_minutes(seconds: float) -> str:
    """Return a duration in a few characters, such as `40 s`, `3 min` or `2 h 5 min`."""
    if seconds < 60:  # noqa: PLR2004 - the seconds of a minute
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _write_line(text: str) -> None:
    with suppress(OSError, ValueError):  # a log that cannot be written, or is closed, must not end the run
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
