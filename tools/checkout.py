"""The root folder of the checkout, and a function that replaces a generated part of a page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def replace_part(text: str, source: str, lines: Iterable[str]) -> str:
    """Return the page with `lines` in place of everything between the two markers that name `source`.

    Raises ValueError if a marker is missing.
    """
    begin, end = f"<!-- begin: {source} -->", f"<!-- end: {source} -->"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        message = f"the page has no begin or end marker for the part '{source}'"
        raise ValueError(message)
    return "\n".join([before + begin, "", *lines, end + after])
