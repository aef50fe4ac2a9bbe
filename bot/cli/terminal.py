"""What the person at the terminal sees of a run while it lasts: on stderr, and only when that is a terminal."""

from __future__ import annotations

import sys
import threading

from bot.ports import Progress

BAR_WIDTH = 30
"""Characters of the bar; with a title and two numbers it fits a terminal of 80."""


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


def progress() -> Progress:
    """Return a bar where a person can see it, else silence."""
    return Bar() if sys.stderr.isatty() else NoProgress()
