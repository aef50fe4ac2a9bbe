"""Globs for names and paths. They must match the whole value.

`*` and `?` do not match `/`, `**` does. All other characters are literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_WILDCARD = re.compile(r"(?:(?<=/)|^)\*\*/|\*\*+|\*|\?")
_EXPRESSIONS = {
    "*": rb"[^/]*",
    "?": rb"(?:[\x00-\x2e\x30-\x7f]|[\xc0-\xff][\x80-\xbf]*)",
}
"""RE2 expressions over UTF-8 bytes. `?` matches one encoded character, which can be a lone surrogate."""
_FOLDERS = rb"(?:.*/)?"
_ANYTHING = rb".*"


def is_glob_match(glob: str, value: str) -> bool:
    """Return True if `glob` matches the whole of `value`. The match is case-sensitive.

    - `*` matches any number of characters except `/`.
    - `**` matches any number of characters, including `/`.
    - `?` matches one character except `/`.
    - `**/` at the beginning or after a `/` matches any number of whole folders, including none. So `**/x` matches `x`.

    All other characters are literal. This includes brackets, braces and backslashes, because they can occur in paths.
    The time is linear in the length of `value`, because RE2 does not backtrack.
    """
    if "*" not in glob and "?" not in glob:
        return glob == value
    return _compile_glob(glob).fullmatch(_encode(value)) is not None


@lru_cache(maxsize=1024)
def _compile_glob(glob: str) -> Any:  # google-re2 has no types
    import re2  # not at the top, because an offline scan without rules compiles no globs

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    options.log_errors = False
    return re2.compile(b"".join(_translate(glob)), options)


def _translate(glob: str) -> Iterator[bytes]:
    """Yield a regular expression for each wildcard of `glob`, and for the literal text between the wildcards."""
    end = 0
    for wildcard in _WILDCARD.finditer(glob):
        yield re.escape(_encode(glob[end : wildcard.start()]))
        text, end = wildcard[0], wildcard.end()
        yield _FOLDERS if text == "**/" else _EXPRESSIONS.get(text, _ANYTHING)
    yield re.escape(_encode(glob[end:]))


def _encode(text: str) -> bytes:
    """Encode `text` as UTF-8. Lone surrogates, which Python uses for non-UTF-8 bytes in paths, cause no error.

    Each surrogate becomes three bytes, so that a pattern and a path with the same surrogates match.
    """
    return text.encode("utf-8", "surrogatepass")
