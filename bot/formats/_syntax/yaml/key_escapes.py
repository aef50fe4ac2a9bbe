"""Detect escapes that can hide a key of a YAML file from a search for the bytes of the key."""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\\(?:x[4-7]|u00[4-7]|U000000[4-7]|[\r\n\xc2\xe2])")
"""Escapes in double quotes that can represent a letter of a key, or join two lines.

https://yaml.org/spec/1.2.2/#57-escaped-characters"""


def may_be_escaped(raw: bytes) -> bool:
    r"""Return True if an escape in `raw` may represent a part of a key, such as `\x69` in `"\x69mage": nginx`.

    If the result is False, a search for the bytes of a key in `raw` finds every occurrence of the key.
    """
    return b"\\" in raw and _ESCAPE.search(raw) is not None
