"""Patterns of Renovate's config: globs with the syntax of minimatch, and regular expressions between slashes.

https://docs.renovatebot.com/string-pattern-matching/. Unsupported patterns are not errors: their result is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from bot.core.places.automaton import (
    ANYTHING,
    START,
    STOP,
    Automaton,
    Characters,
    Choice,
    Node,
    Repeat,
    Row,
    TooLargeError,
    anywhere,
    literal,
    whole,
)

MAX_LENGTH = 1_000
"""Characters of a pattern; real ones have some dozens."""
MAX_NESTING = 20
MAX_GLOBS = 100
"""Globs that one glob with braces expands to."""
MAX_REPEATS = 100
"""Maximum of a counted repetition in a regular expression."""

_PLAIN = re.compile(r"\w[\w./-]*")
"""A glob without special characters."""
_DIGITS = (("0", "9"),)
_WORDS = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
_SPACES = (("\t", "\r"), (" ", " "))
_CLASSES = {"d": _DIGITS, "w": _WORDS, "s": _SPACES}
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}
_ANY = Characters((("\n", "\n"), ("\r", "\r")), is_negated=True)
_IN_FOLDER = Characters((("/", "/"),), is_negated=True)


def is_pattern_list_match(patterns: Iterable[str], value: str) -> bool | None:
    """Return True if `value` matches one of the positive patterns, if there are any, and none with a leading `!`.

    None if the result depends on an unsupported pattern.
    """
    positive_results: list[bool | None] = []
    negative_results: list[bool | None] = []
    for pattern in patterns:
        is_negative = pattern.startswith("!")
        (negative_results if is_negative else positive_results).append(is_pattern_match(pattern[1:] if is_negative else pattern, value))
    if True in negative_results or (positive_results and set(positive_results) == {False}):
        return False
    return None if None in negative_results or (positive_results and True not in positive_results) else bool(positive_results or negative_results)


@lru_cache(maxsize=32_768)
def is_pattern_match(pattern: str, value: str) -> bool | None:
    """Return True if a pattern matches: a glob the whole value, a regular expression a part; None if unsupported."""
    if pattern == "*":
        return True
    if _PLAIN.fullmatch(pattern):
        return pattern.lower() == value.lower()
    is_regular = pattern.startswith("/") and pattern.endswith(("/", "/i")) and len(pattern) > 1
    is_exact = is_regular and pattern.endswith("/")
    automaton = _compile_pattern(pattern, is_regular=is_regular)
    if automaton is None:
        return None
    return automaton.matches(value if is_exact else value.lower())


class _UnsupportedPatternError(Exception):
    """A pattern uses unsupported syntax."""


@lru_cache(maxsize=2_048)
def _compile_pattern(pattern: str, *, is_regular: bool) -> Automaton | None:
    if len(pattern) > MAX_LENGTH or START in pattern or STOP in pattern:
        return None
    try:
        if not is_regular:
            globs = _expand_braces(pattern.lower())
            return Automaton.of(whole(Choice(tuple(_GlobParser(glob).parse() for glob in globs))))
        source = pattern[1:-1] if pattern.endswith("/") else pattern[1:-2]
        return Automaton.of(anywhere(_RegexParser(source, ignores_case=pattern.endswith("/i")).parse()))
    except (_UnsupportedPatternError, TooLargeError):
        return None


class _PatternReader:
    """A cursor over the characters of one pattern."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.depth = 0

    @property
    def next(self) -> str:
        return self.source[self.at : self.at + 1]

    def take_if_next(self, text: str) -> bool:
        """Return True and advance if `text` comes next."""
        if not self.source.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def take(self) -> str:
        """Return the next character and advance. Raises _UnreadError at the end."""
        character = self.next
        if not character:
            raise _UnsupportedPatternError
        self.at += 1
        return character

    def enter_group(self) -> None:
        """Raises _UnreadError if the pattern is nested too deeply."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise _UnsupportedPatternError


class _RegexParser(_PatternReader):
    """A regular expression; methods raise _UnreadError."""

    def __init__(self, source: str, *, ignores_case: bool) -> None:
        super().__init__(source)
        self.ignores_case = ignores_case

    def parse(self) -> Node:
        node = self._parse_alternation()
        if self.next:
            raise _UnsupportedPatternError
        return node

    def _parse_alternation(self) -> Node:
        self.enter_group()
        options = [self._parse_concatenation()]
        while self.take_if_next("|"):
            options.append(self._parse_concatenation())
        self.depth -= 1
        return Choice(tuple(options))

    def _parse_concatenation(self) -> Node:
        parts: list[Node] = []
        while self.next and self.next not in "|)":
            parts.append(self._parse_repetition(self._parse_part()))
        return Row(tuple(parts))

    def _parse_part(self) -> Node:
        match self.take():
            case "(":
                if self.take_if_next("?") and not self.take_if_next(":"):
                    raise _UnsupportedPatternError
                node = self._parse_alternation()
                if not self.take_if_next(")"):
                    raise _UnsupportedPatternError
                return node
            case "[":
                return self._apply_case(_parse_set(self, negating="^"))
            case ".":
                return _ANY
            case "^":
                return literal(START)
            case "$":
                return literal(STOP)
            case "\\":
                return self._apply_case(_parse_escape(self))
            case "*" | "+" | "?" | "{":
                raise _UnsupportedPatternError
            case character:
                return self._apply_case(Characters(((character, character),)))

    def _parse_repetition(self, part: Node) -> Node:
        if self.take_if_next("*"):
            least, most = 0, None
        elif self.take_if_next("+"):
            least, most = 1, None
        elif self.take_if_next("?"):
            least, most = 0, 1
        elif self.take_if_next("{"):
            least, most = self._parse_counts()
        else:
            return part
        self.take_if_next("?")  # a lazy quantifier matches the same values
        if self.next and self.next in "*+?{":
            raise _UnsupportedPatternError
        return Repeat(part, least, most)

    def _parse_counts(self) -> tuple[int, int | None]:
        first, comma, last = self._take_until("}").partition(",")
        if not first.isdecimal() or not (last.isdecimal() or not last):
            raise _UnsupportedPatternError
        least = int(first)
        most = int(last) if last else (None if comma else least)
        if max(least, most or 0) > MAX_REPEATS or (most is not None and most < least):
            raise _UnsupportedPatternError
        return least, most

    def _take_until(self, end: str) -> str:
        stop = self.source.find(end, self.at)
        if stop < 0 or stop - self.at > len("100,100"):
            raise _UnsupportedPatternError
        text, self.at = self.source[self.at : stop], stop + 1
        return text

    def _apply_case(self, characters: Characters) -> Characters:
        if not self.ignores_case:
            return characters
        both = (*characters.ranges, *(_lower_range(each) for each in characters.ranges))
        return Characters(both, characters.is_negated)


class _GlobParser(_PatternReader):
    """A glob without braces; methods raise _UnreadError."""

    def parse(self) -> Node:
        parts: list[Node] = []
        while self.next:
            parts.append(self._parse_part(is_first=self.at == 0 or self.source[self.at - 1] == "/"))
        return Row(tuple(parts))

    def _parse_part(self, *, is_first: bool) -> Node:
        if is_first and self.take_if_next("**/"):
            return Repeat(Row((ANYTHING, literal("/"))), 0, 1)
        if is_first and self.source[self.at :] == "**":
            self.at += 2
            return ANYTHING
        match self.take():
            case "!" | "?" | "*" | "+" | "@" if self.next == "(":
                raise _UnsupportedPatternError
            case "*":
                while self.take_if_next("*"):
                    pass
                return Repeat(_IN_FOLDER, 0, None)
            case "?":
                return _IN_FOLDER
            case "[":
                return _parse_set(self, negating="!^")
            case "\\":
                return literal(self.take())
            case character:
                return literal(character)


def _expand_braces(glob: str) -> list[str]:
    """Expand the braces of a glob. Raises _UnreadError."""
    expanded_globs: list[str] = []
    pending = [glob]
    while pending:
        if len(expanded_globs) + len(pending) > MAX_GLOBS:
            raise _UnsupportedPatternError
        first = pending.pop()
        start = first.find("{")
        if start < 0:
            expanded_globs.append(first)
            continue
        options, end = _parse_options(first, start)
        pending += [first[:start] + option + first[end:] for option in options]
    return expanded_globs


def _parse_options(glob: str, start: int) -> tuple[list[str], int]:
    """Return the options between the braces at `start`, and the index after them. Raises _UnreadError."""
    options, depth, begin = [], 0, start + 1
    for at in range(start, len(glob)):
        match glob[at]:
            case "{":
                depth += 1
            case "," if depth == 1:
                options.append(glob[begin:at])
                begin = at + 1
            case "}":
                depth -= 1
                if not depth and options:
                    return [*options, glob[begin:at]], at + 1
                if not depth:
                    break
            case "\\":
                break
    raise _UnsupportedPatternError  # a range of numbers, or a literal brace


def _parse_set(reader: _PatternReader, negating: str) -> Characters:
    """Parse a set of characters, after its `[`. Raises _UnreadError."""
    is_negated = bool(reader.next) and reader.next in negating
    reader.at += is_negated
    ranges: list[tuple[str, str]] = []
    while not reader.take_if_next("]"):
        if reader.next == "[":  # a named class
            raise _UnsupportedPatternError
        first = _parse_set_item(reader)
        if reader.next == "-" and reader.source[reader.at + 1 : reader.at + 2] != "]":
            reader.at += 1
            last = _parse_set_item(reader)
            if len(first) != 1 or len(last) != 1 or first[0][0] != first[0][1] or last[0][0] != last[0][1]:
                raise _UnsupportedPatternError
            ranges.append((first[0][0], last[0][0]))
        else:
            ranges += first
    if not ranges:
        raise _UnsupportedPatternError
    return Characters(tuple(ranges), is_negated)


def _parse_set_item(reader: _PatternReader) -> tuple[tuple[str, str], ...]:
    character = reader.take()
    if character != "\\":
        return ((character, character),)
    escaped = _parse_escape(reader)
    if escaped.is_negated:
        raise _UnsupportedPatternError
    return escaped.ranges


def _parse_escape(reader: _PatternReader) -> Characters:
    """Parse the character after a backslash. Raises _UnreadError."""
    character = reader.take()
    if character.lower() in _CLASSES:
        return Characters(_CLASSES[character.lower()], is_negated=character.isupper())
    if character in _ESCAPED:
        character = _ESCAPED[character]
    elif character.isalnum():
        raise _UnsupportedPatternError
    return Characters(((character, character),))


def _lower_range(span: tuple[str, str]) -> tuple[str, str]:
    first, last = span
    is_upper = "A" <= first <= "Z" and "A" <= last <= "Z"
    return (first.lower(), last.lower()) if is_upper else span
