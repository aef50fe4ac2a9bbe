"""Escapes that can hide the keys of a YAML file from a search in its bytes."""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\\(?:x[4-7]|u00[4-7]|U000000[4-7]|[\r\n\xc2\xe2])")
"""Escapes in double quotes that can represent a letter of a key, or join two lines.

https://yaml.org/spec/1.2.2/#57-escaped-characters"""


def may_be_escaped(raw: bytes) -> bool:
    """Return True if escapes may represent a part of a key.

    Otherwise the letters of each key are contiguous in `raw`.
    """
    return b"\\" in raw and _ESCAPE.search(raw) is not None
