"""How files in UTF-8 and in UTF-16 begin."""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"
"""The byte-order mark of UTF-8, which is no part of a file's text."""
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""In either order."""


def text_start(content: bytes) -> int:
    """Return the byte at which the text of a file begins: behind the mark of UTF-8, where there is one."""
    return len(BOM) if content.startswith(BOM) else 0


def is_utf_16(content: bytes) -> bool:
    """Say whether a file is marked as one in UTF-16."""
    return content.startswith(_UTF_16_MARKS)
