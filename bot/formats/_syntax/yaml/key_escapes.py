"""Detect spellings that can hide a key of a YAML file from a search for the bytes of the key.

The letters of a key are contiguous in the file and followed by a colon, with these exceptions:

- Escapes in double quotes may represent some of the letters, or join two lines.
- If there is a `?` before the key, a comment may be between the key and the colon.
- If the key is an alias, its letters are at the anchor.
"""

from __future__ import annotations

import re

from bot.formats._syntax.last_result import remember_last

_ESCAPE = re.compile(rb"\\(?:x[4-7]|u00[4-7]|U000000[4-7]|(?<![ \t]\\)[\r\n\xc2\xe2])")
"""Escapes in double quotes that can represent a letter of a key, or join two lines in the middle of a word.

Shell scripts in YAML files join lines after a space. https://yaml.org/spec/1.2.2/#57-escaped-characters"""
KEY_END = rb"[\\\"' \tt\r\n\xc2\x85\xe2\x80\xa8\xa9]*:"
"""The end of a key. Inside a text that is quoted itself, `"` is written as `\\"`, `'` as `''`, and a tab may be written
as `\\t`. A line break in any of YAML's spellings counts as space."""
_QUESTION_MARK = re.compile(rb"\?[ \t\r\n\xc2\xe2]")
_ENDS_BEFORE_KEY = (*(bytes([each]) for each in b"\r\n\x85\xa8\xa9\"'>|{[,:?-"), b"\\n", b"\\r")
"""Possible ends of the text before an explicit key. A `?` in prose follows a word."""
MAX_INDENT = 100
"""Limit on the blanks before a `?` that are checked. After more blanks, a `?` is assumed to start an explicit key."""
_ALIAS_AS_KEY = re.compile(rb"\*[0-9A-Za-z_-]++[ \t]*+:")
"""An alias that is a key. Both of PyYAML's parsers allow only these letters in its name."""


def may_be_escaped(raw: bytes) -> bool:
    r"""Return True if an escape in `raw` may represent a part of a key, such as `\x69` in `"\x69mage": nginx`.

    If the result is False, a search for the bytes of a key in `raw` finds every occurrence of the key.
    """
    return raw.find(b"\\") >= 0 and _has_escape(raw)


@remember_last
def _has_escape(raw: bytes) -> bool:
    return _ESCAPE.search(raw) is not None


def has_unusual_keys(raw: bytes) -> bool:
    """Return True if a key in `raw` may be an alias, or may follow a `?`.

    In these cases, the letters of the key need not be followed by a colon.
    """
    return _ALIAS_AS_KEY.search(raw) is not None or any(
        not before or before.endswith(_ENDS_BEFORE_KEY)
        for mark in _QUESTION_MARK.finditer(raw)
        for before in [raw[max(mark.start() - MAX_INDENT, 0) : mark.start()].rstrip(b" \t")]
    )
