"""Sanitizes untrusted text for messages."""

from __future__ import annotations

from collections.abc import Iterable

MAX_QUOTED_LENGTH = 200
"""Characters of a server's message that are quoted. Enough for a sentence, but not for a page."""
HIDDEN = "[hidden]"


def sanitize_text(text: str, secrets: Iterable[str] = (), limit: int = MAX_QUOTED_LENGTH) -> str:
    """Return `text` as one line of at most `limit` printable characters, with all `secrets` masked.

    `secrets` are needed if `text` is from a response: a server may repeat the credential of the request in its
    response.
    """
    # A secret may also occur in the form in which `repr` writes it.
    spellings = {spelling for secret in secrets for spelling in (secret, repr(secret)[1:-1])}
    for secret in sorted(filter(None, spellings), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    visible = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
