"""Selects the scanner for each image: the first entry of the config that matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.globs import matches
from bot.model.reference import TagRef
from bot.ports import Scanner
from bot.scanners.none import NoScanner


@dataclass(frozen=True, slots=True)
class Entry:
    """A scanner and the images that it scans."""

    globs: tuple[str, ...]
    """Patterns for canonical repositories; an empty tuple matches all of them."""
    scanner: Scanner
    is_private: bool = False
    """True if the findings must not be shown where everybody can read them."""


class Choice:
    """Implements `bot.ports.ScannerSelector`.

    The old and the new image of a tag have the same scanner, since other scans cannot be compared.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries, self._nobody = tuple(entries), Entry((), NoScanner())

    def __call__(self, tag_ref: TagRef) -> Scanner:
        return self._entry(tag_ref).scanner

    def is_private(self, line: TagRef) -> bool:
        """Return True if the findings in images of a tag must not be shown where everybody can read them."""
        return self._entry(line).is_private

    def _entry(self, line: TagRef) -> Entry:
        for entry in self._entries:
            if not entry.globs or any(matches(glob, line.repository) for glob in entry.globs):
                return entry
        return self._nobody
