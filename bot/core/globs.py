"""Globs for names and paths. They must match the whole value.

`*` and `?` do not match `/`, `**` does. All other characters are literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_COMBINED_CHARACTERS = 4_096
"""The maximum number of characters of globs that are combined into one expression. With more, the tables with which RE2
matches in linear time could exceed the memory that RE2 gives an expression, and matching would be a hundred times
slower."""

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
    return is_any_glob_match((glob,), value)


def is_any_glob_match(globs: tuple[str, ...], value: str) -> bool:
    """Return True if one of `globs` matches the whole of `value`, as `is_glob_match` defines it.

    The globs are combined into few expressions. The time hardly depends on the number of globs.
    """
    if len(globs) == 1 and not has_wildcard(globs[0]):
        return globs[0] == value
    glob_list = _compile_globs(globs)
    if value in glob_list.literals:
        return True
    encoded = _encode(value) if glob_list.expressions else b""
    return any(expression.fullmatch(encoded) is not None for expression in glob_list.expressions)


@dataclass(frozen=True, slots=True)
class _CompiledGlobs:
    """A list of globs in the form in which it is compared with values."""

    literals: frozenset[str]
    """The globs without wildcards."""
    expressions: tuple[Any, ...]  # google-re2 has no types
    """RE2 expressions, each of which combines several globs."""


@lru_cache(maxsize=4096)
def _compile_globs(globs: tuple[str, ...]) -> _CompiledGlobs:
    patterns = tuple(filter(has_wildcard, globs))
    return _CompiledGlobs(frozenset(globs).difference(patterns), tuple(map(_compile_expression, _split(patterns))))


def _split(globs: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield the globs in groups of at most MAX_COMBINED_CHARACTERS characters. A longer glob is a group of its own."""
    group: list[str] = []
    size = 0
    for glob in globs:
        if group and size + len(glob) > MAX_COMBINED_CHARACTERS:
            yield group
            group, size = [], 0
        group.append(glob)
        size += len(glob)
    if group:
        yield group


def _compile_expression(globs: list[str]) -> Any:
    import re2  # not at the top, because an offline scan without rules compiles no globs

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    options.log_errors = False
    return re2.compile(b"|".join(b"".join(_translate(glob)) for glob in globs), options)


def has_wildcard(glob: str) -> bool:
    """Return True if a glob can match more than one value."""
    return "*" in glob or "?" in glob


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
