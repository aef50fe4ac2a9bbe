r"""Shell patterns with `*`, `?` and `\`, as in `${V#p}`, `${V%p}` and `${V/p/r}` of Dockerfiles.

Matching follows `convertShellPatternToRegex`, `trimPrefix` and `trimSuffix` in frontend/dockerfile/shell/lex.go of
moby/buildkit. BuildKit converts a pattern to a regular expression of RE2. This module splits a pattern at each `*`
instead, and searches the value for the resulting texts in order. This search takes only a few passes over the value.
"""

from __future__ import annotations

import re

_ANY_CHARACTER = "?"
_ESCAPE_OR_CHARACTER = re.compile(r"\\.|.", re.DOTALL)
_TOKEN = re.compile(r"\\(?P<bare>[}/])|\\(?P<escaped>[*?\\])|(?P<wrong>\\)|(?P<star>\*)|(?P<plain>[^\\*])", re.DOTALL)


class PatternError(ValueError):
    """A pattern is not supported: BuildKit rejects it, or its result depends on details of Go's regular expressions."""


def trim_start(pattern: str, value: str, *, longest: bool) -> str:
    """Remove a match of `pattern` from the start of `value`, as in `${V#pattern}`.

    If `longest` is True, remove the longest match, as in `${V##pattern}`. If it is False, remove the shortest match.
    Raises PatternError if the pattern is not supported.
    """
    end = _ShellPattern(pattern).match_at(value, 0, longest=longest)
    return value if end is None else value[end:]


def trim_end(pattern: str, value: str, *, longest: bool) -> str:
    """Remove a match of `pattern` from the end of `value`, as in `${V%pattern}`.

    If `longest` is True, remove the longest match, as in `${V%%pattern}`. If it is False, remove the shortest match.
    Raises PatternError if the pattern is not supported.
    """
    backwards = "".join(reversed(_ESCAPE_OR_CHARACTER.findall(pattern)))
    return trim_start(backwards, value[::-1], longest=longest)[::-1]


def replace_first(pattern: str, value: str, replacement: str) -> str:
    """Replace the first match of `pattern` in `value`, as in `${V/pattern/replacement}`.

    Raises PatternError if the pattern is not supported.
    """
    match_range = _ShellPattern(pattern).search(value, 0)
    return value if match_range is None else value[: match_range[0]] + replacement + value[match_range[1] :]


def replace_all(pattern: str, value: str, replacement: str) -> str:
    """Replace all matches of `pattern` in `value`, as in `${V//pattern/replacement}`.

    Raises PatternError if the pattern is not supported or can match an empty text, or if `replacement` contains `$`.
    """
    shell_pattern = _ShellPattern(pattern)
    if shell_pattern.can_match_empty or "$" in replacement:
        raise PatternError(pattern)
    pieces: list[str] = []
    at = 0
    while (match_range := shell_pattern.search(value, at)) is not None:
        pieces += [value[at : match_range[0]], replacement]
        at = match_range[1]
    return "".join([*pieces, value[at:]])


class _ShellPattern:
    """A pattern, stored as the texts between its `*`. Each text is a list of characters, with None for a `?`."""

    def __init__(self, text: str) -> None:
        r"""Parse a pattern. Raises PatternError if a backslash is followed by anything except `* ? \ } /`."""
        self._texts: list[list[str | None]] = [[]]
        for token in _TOKEN.finditer(text):
            match token.lastgroup:
                case "wrong":
                    raise PatternError(text)
                case "star":
                    self._texts.append([])
                case "plain" if token[0] == _ANY_CHARACTER:
                    self._texts[-1].append(None)
                case group:
                    self._texts[-1].append(token[group or 0])

    @property
    def can_match_empty(self) -> bool:
        return not any(self._texts)

    def match_at(self, value: str, start: int, *, longest: bool) -> int | None:
        """Return the end of the match that starts at position `start` of `value`, or None if there is no match.

        If several matches start there, `longest` selects the longest (True) or the shortest (False).
        """
        first, *others = self._texts
        if not _is_match_at(first, value, start):
            return None
        at = start + len(first)
        for index, text in enumerate(others):
            is_last = index == len(others) - 1
            found = _find_last(text, value, at) if longest and is_last else _find_first(text, value, at)
            if found is None:
                return None
            at = found + len(text)
        return at

    def search(self, value: str, start: int) -> tuple[int, int] | None:
        """Return the start and end of the first match at or after position `start`, or None if there is no match.

        If several matches start at the same position, the longest is returned.

        Only one position is tried: the first at which the text before the first `*` occurs. One position is sufficient,
        because texts that do not follow this position do not follow a later position either.
        """
        begin = _find_first(self._texts[0], value, start)
        if begin is None:
            return None
        end = self.match_at(value, begin, longest=True)
        return None if end is None else (begin, end)


def _is_match_at(text: list[str | None], value: str, start: int) -> bool:
    if start + len(text) > len(value):
        return False
    return all(expected in (None, value[start + index]) for index, expected in enumerate(text))


def _find_first(text: list[str | None], value: str, start: int) -> int | None:
    return next((at for at in range(start, len(value) - len(text) + 1) if _is_match_at(text, value, at)), None)


def _find_last(text: list[str | None], value: str, start: int) -> int | None:
    return next((at for at in range(len(value) - len(text), start - 1, -1) if _is_match_at(text, value, at)), None)
