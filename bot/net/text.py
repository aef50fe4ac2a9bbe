"""Sanitizes untrusted text for messages."""

from __future__ import annotations

from collections.abc import Iterable

MAX_QUOTED_LENGTH = 200
"""Characters of a server's message that are quoted: a sentence, not a page."""
HIDDEN = "[hidden]"


def sanitize_text(text: str, secrets: Iterable[str] = (), limit: int = MAX_QUOTED_LENGTH) -> str:
    """Return `text` on one line, without unprintable characters, with `secrets` masked, cut to `limit` characters.

    Servers repeat parts of requests in their responses, so callers that quote a response pass the request's secrets.
    """
    spellings = {
        spelling for secret in secrets for spelling in (secret, repr(secret)[1:-1])
    }  # also as quoted by `repr`
    for secret in sorted(filter(None, spellings), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    visible = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
