"""Recognise UTF-8 and UTF-16 files by their byte-order marks."""

from __future__ import annotations

UTF_8_BOM = b"\xef\xbb\xbf"
"""The byte-order mark of UTF-8. It is not part of a file's text."""
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""The byte-order marks of UTF-16, little-endian and big-endian."""


def find_text_start(content: bytes) -> int:
    """Return the offset of the first byte after a byte-order mark of UTF-8, or 0 if the file has none."""
    return len(UTF_8_BOM) if content.startswith(UTF_8_BOM) else 0


def is_utf_16(content: bytes) -> bool:
    """Return True if a file starts with a byte-order mark of UTF-16."""
    return content.startswith(_UTF_16_MARKS)
