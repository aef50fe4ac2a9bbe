"""The checkout that these tools belong to, and pages of it of which a part is generated."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def with_part(text: str, source: str, lines: Iterable[str]) -> str:
    """Return a page with new lines between its two marks, which name the source of what is between them.

    Raises:
        ValueError: the page has lost a mark.
    """
    begin, end = f"<!-- begin: {source} -->", f"<!-- end: {source} -->"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        message = f"the page has lost a mark of the part {source}"
        raise ValueError(message)
    return "\n".join([before + begin, "", *lines, end + after])
