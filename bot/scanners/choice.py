"""Who scans which image: the first scanner of the config that is for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.globs import matches
from bot.model.reference import Line
from bot.ports import Scanner
from bot.scanners.none import NoScanner


@dataclass(frozen=True, slots=True)
class Entry:
    """Who scans some images."""

    globs: tuple[str, ...]
    """Over canonical repositories; none for all of them."""
    scanner: Scanner
    is_private: bool = False
    """Whether what it finds is not for everybody."""


class Choice:
    """Implements `bot.ports.ScannerOf`. Old and new image of a line have one scanner, else nothing can be compared."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries, self._nobody = tuple(entries), Entry((), NoScanner())

    def __call__(self, line: Line) -> Scanner:
        return self._entry(line).scanner

    def is_private(self, line: Line) -> bool:
        """Say whether what is found in the images of a line is not for everybody."""
        return self._entry(line).is_private

    def _entry(self, line: Line) -> Entry:
        for entry in self._entries:
            if not entry.globs or any(matches(glob, line.repository) for glob in entry.globs):
                return entry
        return self._nobody
