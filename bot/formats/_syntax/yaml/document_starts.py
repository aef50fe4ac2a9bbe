"""Decide without parsing whether a document in a YAML file may be a list."""

from __future__ import annotations

import re

_BEFORE_DOCUMENT = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*)?\r?\n|---[ \t]*(?:#[^\n]*)?\r?\n|%[^\n]*\n)*+[ \t]*+"
)
"""Blank lines, comments, markers and directives before a document."""
_NO_LIST = re.compile(rb"[A-Za-z\"'{]|\Z")
"""The start of a document that is a mapping, a text or empty."""
_UNUSUAL_LINE_BREAKS = (b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
"""Line breaks of YAML other than CR and LF."""
_ASCII = bytes(range(128))


def may_contain_list(content: bytes) -> bool:
    """Return False if certainly no document in `content` is a list, as playbooks and JSON patches are.

    A document may also start after a line `...`, which is rare and not searched for.
    """
    if b"\n..." in content or not has_usual_line_breaks(content):
        return True
    at = 0
    while at >= 0:
        before = _BEFORE_DOCUMENT.match(content, at)
        at = before.end() if before is not None else at
        if _NO_LIST.match(content, at) is None:
            return True
        marker = content.find(b"\n---", at)
        at = marker + 1 if marker >= 0 else -1
    return False


def has_usual_line_breaks(raw: bytes) -> bool:
    """Return True if all line breaks in `raw` are LF or CR LF, so that a search for LF finds every line."""
    has_usual_returns = b"\r" not in raw or raw.count(b"\r") == raw.count(b"\r\n")
    if not has_usual_returns or raw.isascii():
        return has_usual_returns
    other = raw.translate(None, _ASCII)  # most texts have few non-ASCII characters, so a search among them is fast
    return not any(each in other for each in _UNUSUAL_LINE_BREAKS)
