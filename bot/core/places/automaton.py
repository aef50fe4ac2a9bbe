"""Patterns that strangers wrote, matched in a time that grows with the length of a text and with nothing else.

A pattern is a tree of nodes; an automaton made of it has a position for each character set in it. No choice is ever
taken back, so no pattern and no text make it slow, which backtracking engines cannot say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import assert_never

MAX_POSITIONS = 500
"""In one automaton, repeats written out: patterns that people write have some dozens."""
MAX_PARTS = 5_000
"""Nodes that one is made of, those of a repeat each time: a repeat of nothing has no position."""
MAX_MOVES = 5_000
"""That one automaton remembers; then it begins anew."""

START, STOP = "\x02", "\x03"
"""What stands before and behind each text, so that its ends are characters like all others."""


class TooLargeError(Exception):
    """A pattern has more positions or parts than are followed."""


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of some."""

    ranges: tuple[tuple[str, str], ...]
    """First and last of each."""
    is_negated: bool = False
    """Whether it is one that is not among them; the ends of the text never are."""

    def has(self, character: str) -> bool:
        """Say whether it is one of them."""
        is_in = any(first <= character <= last for first, last in self.ranges)
        return not is_in and character not in (START, STOP) if self.is_negated else is_in


@dataclass(frozen=True, slots=True)
class Row:
    """One after another."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same again, at least and at most so often; without end for None."""

    part: Node
    least: int
    most: int | None


Node = Characters | Row | Choice | Repeat

ANYTHING = Repeat(Characters((), is_negated=True), 0, None)
_EVERYTHING = Repeat(Choice((Characters((), is_negated=True), Characters(((START, START), (STOP, STOP))))), 0, None)


def literal(text: str) -> Row:
    """Return what matches exactly that text."""
    return Row(tuple(Characters(((character, character),)) for character in text))


def anywhere(node: Node) -> Row:
    """Return what matches a text with its ends that has `node` somewhere."""
    return Row((_EVERYTHING, node, _EVERYTHING))


def whole(node: Node) -> Row:
    """Return what matches a text with its ends that is `node`."""
    return Row((literal(START), node, literal(STOP)))


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of an automaton: where it may begin and end, and whether it may be nothing."""

    first: int
    last: int
    is_optional: bool


_BEFORE = -1
"""Where an automaton is before it has read anything."""
_NOTHING = _Span(0, 0, is_optional=True)


@dataclass(slots=True)
class Automaton:
    """Positions as the bits of an integer; being at one means that its character was just read."""

    characters: list[Characters] = field(default_factory=list)
    follow: list[int] = field(default_factory=list)
    """Which positions may come behind each."""
    span: _Span = _NOTHING
    moves: dict[tuple[int, str], int] = field(default_factory=dict)
    parts: int = 0

    @classmethod
    def of(cls, node: Node) -> Automaton:
        """Return the automaton of a pattern for a text with its ends. Raises TooLargeError."""
        automaton = cls()
        automaton.span = automaton._add(node)
        return automaton

    def matches(self, text: str) -> bool:
        """Say whether the pattern describes all of `text` with its ends."""
        states = _BEFORE
        for character in f"{START}{text}{STOP}":
            moved = self.moves.get((states, character))
            states = self._move(states, character) if moved is None else moved
            if not states:
                return False
        return bool(states & self.span.last)

    def _move(self, states: int, character: str) -> int:
        reachable = self.span.first if states == _BEFORE else 0
        for position in _bits(max(states, 0)):
            reachable |= self.follow[position]
        moved = 0
        for position in _bits(reachable):
            if self.characters[position].has(character):
                moved |= 1 << position
        if len(self.moves) >= MAX_MOVES:
            self.moves.clear()
        self.moves[states, character] = moved
        return moved

    def _add(self, node: Node) -> _Span:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise TooLargeError
        match node:
            case Characters():
                return self._add_position(node)
            case Row(parts):
                span = _NOTHING
                for part in parts:
                    span = self._join(span, self._add(part))
                return span
            case Choice(options):
                spans = [self._add(option) for option in options]
                first = last = 0
                for each in spans:
                    first, last = first | each.first, last | each.last
                return _Span(first, last, any(each.is_optional for each in spans))
            case Repeat(part, least, most):
                return self._repeat(part, least, most)
            case _:
                assert_never(node)

    def _add_position(self, characters: Characters) -> _Span:
        if len(self.characters) == MAX_POSITIONS:
            raise TooLargeError
        position = 1 << len(self.characters)
        self.characters.append(characters)
        self.follow.append(0)
        return _Span(position, position, is_optional=False)

    def _repeat(self, part: Node, least: int, most: int | None) -> _Span:
        span = _NOTHING
        for _ in range(least if most is not None else max(least - 1, 0)):
            span = self._join(span, self._add(part))
        if most is None:
            again = self._add(part)
            self._link(again.last, again.first)
            return self._join(span, _Span(again.first, again.last, again.is_optional or least == 0))
        for _ in range(most - least):
            more = self._add(part)
            span = self._join(span, _Span(more.first, more.last, is_optional=True))
        return span

    def _join(self, before: _Span, after: _Span) -> _Span:
        self._link(before.last, after.first)
        return _Span(
            before.first | (after.first if before.is_optional else 0),
            after.last | (before.last if after.is_optional else 0),
            before.is_optional and after.is_optional,
        )

    def _link(self, last: int, first: int) -> None:
        for position in _bits(last):
            self.follow[position] |= first


def _bits(states: int) -> Iterator[int]:
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest
