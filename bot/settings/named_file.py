"""Reading of files that the config names: whole, or not at all."""

from __future__ import annotations

from pathlib import Path


class UnreadableError(Exception):
    """A file cannot be read; the message has the reason and a hint, and its caller adds the subject."""


def content_of(path: Path, most: int) -> bytes:
    """Return the content of a file of at most `most` bytes. Raises UnreadableError."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise UnreadableError(f"could not be read: {error.strerror}") from None
    if len(content) > most:
        raise UnreadableError(f"has more than {most} bytes; hint: name a smaller file")
    return content
