"""Count the characters that may start nodes of a YAML file, before the file is parsed."""

from __future__ import annotations

_INDICATORS = b":,-?[{"
"""The characters that may start an item or a pair."""


class IndicatorCounter:
    """Counts the characters that may start an item or a pair, in all sections of a file that are parsed.

    Counting takes as long as some searches, so nothing is counted while the sections are shorter than the limit.
    """

    def __init__(self) -> None:
        self._count = self._uncounted_length = 0
        self._uncounted: list[bytes] = []

    def exceed(self, raw: bytes, limit: int) -> bool:
        """Add the characters of one more section, and return True if there are more than `limit`."""
        self._uncounted.append(raw)
        self._uncounted_length += len(raw)
        if self._count + self._uncounted_length > limit:
            self._count += sum(len(each) - len(each.translate(None, _INDICATORS)) for each in self._uncounted)
            self._uncounted_length = 0
            self._uncounted.clear()
        return self._count > limit
