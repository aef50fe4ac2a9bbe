"""Selects the scanner for each image: the scanner of the first config entry that matches the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.globs import is_any_glob_match
from bot.model.image_name import TagRef
from bot.ports import Scanner
from bot.scanners.no_scanner import NoScanner


@dataclass(frozen=True, slots=True)
class ScannerEntry:
    """An entry of `scanners` in the config: a scanner, and the images that it scans."""

    patterns: tuple[str, ...]
    """The patterns for canonical repositories. An empty tuple matches all repositories."""
    scanner: Scanner
    is_private: bool = False
    """True if the findings must not be published where everyone can read them."""


class ConfiguredScannerSelector:
    """Selects the scanner for a tag: the scanner of the first config entry that matches the tag.

    The old and the new image of a tag have the same scanner, because scans by different scanners cannot be compared.
    Implements `bot.ports.ScannerSelector`.
    """

    def __init__(self, entries: Sequence[ScannerEntry]) -> None:
        self._entries, self._fallback_entry = tuple(entries), ScannerEntry((), NoScanner())

    def __call__(self, tag_ref: TagRef) -> Scanner:
        return self._find_entry(tag_ref).scanner

    def is_private(self, tag_ref: TagRef) -> bool:
        """Return True if the findings in images of this tag must not be published."""
        return self._find_entry(tag_ref).is_private

    def _find_entry(self, tag_ref: TagRef) -> ScannerEntry:
        for entry in self._entries:
            if not entry.patterns or is_any_glob_match(entry.patterns, tag_ref.repository):
                return entry
        return self._fallback_entry
