"""Who scans which image: the first scanner of the config that is for it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.globs import matches
from bot.model.reference import Line
from bot.ports import Scanner
from bot.scanners.none import NoScanner

Entry = tuple[tuple[str, ...], Scanner]
"""Globs over canonical repositories, none for all of them, and who scans these."""


class Choice:
    """Implements `bot.ports.ScannerOf`. Old and new image of a line have one scanner, else nothing can be compared."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries, self._nobody = tuple(entries), NoScanner()

    def __call__(self, line: Line) -> Scanner:
        for globs, scanner in self._entries:
            if not globs or any(matches(glob, line.repository) for glob in globs):
                return scanner
        return self._nobody
