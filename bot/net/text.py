"""Making the text of strangers fit to stand in a message."""

from __future__ import annotations

from collections.abc import Iterable

MAX_QUOTED = 200
"""Characters of a server's words that are passed on: a sentence, not a page."""
HIDDEN = "[hidden]"


def plain(text: str, hide: Iterable[str] = (), limit: int = MAX_QUOTED) -> str:
    """Return `text` on one line, without what cannot be printed, at most `limit` characters, secrets in `hide` masked.

    Servers echo what they were sent, so whoever quotes an answer names the secrets of the question.
    """
    known = {spelling for secret in hide for spelling in (secret, repr(secret)[1:-1])}  # as Python quotes it, too
    for secret in sorted(filter(None, known), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    visible = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
