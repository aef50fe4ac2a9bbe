"""Byte-order marks of UTF-8 and UTF-16 files."""

from __future__ import annotations

UTF_8_BOM = b"\xef\xbb\xbf"
"""The byte-order mark of UTF-8, which is not part of the file's text."""
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""Little-endian and big-endian."""


def find_text_start(content: bytes) -> int:
    """Return the offset of a file's text: behind the byte-order mark of UTF-8, if there is one."""
    return len(UTF_8_BOM) if content.startswith(UTF_8_BOM) else 0


def is_utf_16(content: bytes) -> bool:
    """Return True if a file begins with a byte-order mark of UTF-16."""
    return content.startswith(_UTF_16_MARKS)
