"""Reads the files that a config names, such as keys and certificates, with a limit on their size."""

from __future__ import annotations

from pathlib import Path


class UnreadableFileError(Exception):
    """A file cannot be read. The message has the reason, but not the name of the file, which the caller adds."""


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Return the content of a file. Raises UnreadableFileError if it cannot be read or is larger than `max_bytes`."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # opening a FIFO waits until something writes
            raise UnreadableFileError("the file could not be read: it is not a regular file")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableFileError(f"the file could not be read: {error.strerror}") from None
    if len(content) > max_bytes:
        raise UnreadableFileError(f"the file has more than {max_bytes} bytes; hint: name a smaller file")
    return content
