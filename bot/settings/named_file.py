"""Files that the config names: read whole, or not at all."""

from __future__ import annotations

from pathlib import Path


class UnreadableError(Exception):
    """A file cannot be read; the text says why and what to do, and lacks only its subject."""


def content_of(path: Path, most: int) -> bytes:
    """Return what a file of at most so many bytes holds. Raises UnreadableError."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise UnreadableError(f"could not be read: {error.strerror}") from None
    if len(content) > most:
        raise UnreadableError(f"has more than {most} bytes; name a smaller file")
    return content
