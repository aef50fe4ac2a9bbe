"""Renders the texts that look like image references and that no format reads, for the text outputs of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.core.markdown import describe_rest, make_console_line
from bot.model.cost_limits import MAX_TREE_UNREAD_TEXTS
from bot.model.source import UnreadText
from bot.reports.parts.styled_lines import Line

MAX_LISTED_TEXTS = 200
"""The maximum number of texts that are listed. The JSON output contains all of them."""
MAX_PATH = 1_000
"""The maximum number of characters of a path that are shown."""


def summarise_unread_texts(texts: Sequence[UnreadText], *, is_listed: bool = False) -> Iterator[str]:
    """Yield a sentence that counts the texts, unless the list of texts is empty.

    If `is_listed` is true, the output lists the texts, so the sentence does not name the option for this.
    """
    if texts:
        count = f"At least {len(texts)}" if len(texts) == MAX_TREE_UNREAD_TEXTS else f"{len(texts)}"
        words = (
            "text looks like an image reference and is"
            if len(texts) == 1
            else "texts look like image references and are"
        )
        option = "" if is_listed else f" (-v lists {'it' if len(texts) == 1 else 'them'})"
        yield f"{count} {words} not read{option}."


def render_unread_texts(texts: Sequence[UnreadText]) -> Iterator[Line]:
    """Yield a heading and a line for each text, with its position; nothing if there are none."""
    if texts:
        yield "Not read, although these texts look like image references:"
    for each in texts[:MAX_LISTED_TEXTS]:
        yield f"  {make_console_line(each.path, MAX_PATH)}:{each.line_number}: {make_console_line(each.text)}"
    if rest := describe_rest(len(texts), MAX_LISTED_TEXTS):
        yield f"  {rest}; --format json lists all of them"
