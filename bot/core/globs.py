"""Globs over a whole value: `*` stops at `/`, `**` does not, `?` is one character, all other characters are literal."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

_SEPARATOR = "/"
_WILDCARDS = "*?"


def is_glob_match(glob: str, value: str) -> bool:
    """Return True if `glob` matches all of `value`.

    `*` matches any run of characters without `/`, `**` any run at all, `?` one character that is not `/`. `**/` at the
    beginning or after a `/` matches any number of whole folders, or none: `**/x` matches `x`. Character classes and
    escapes do not exist: brackets, braces and backslashes are literal, because paths may contain them. Matching is
    case-sensitive. Its time is bounded by the length of the glob times the length of the value, so hostile input
    cannot slow it down further.
    """
    automaton = _compile_glob(glob)
    if not automaton.has_wildcards:
        return glob == value
    return (
        value.startswith(automaton.prefix)
        and value.endswith(automaton.suffix)
        and automaton.can_accept(value, len(automaton.prefix))
    )


@dataclass(slots=True)
class _GlobAutomaton:
    """A nondeterministic automaton whose set of states is an integer with one bit for each position in the glob.

    The state of a position means that everything before the position has matched. There is no backtracking, which
    makes other matchers slow on hostile values.
    """

    prefix: str
    """The text before the first wildcard; positions are counted from its end."""
    suffix: str
    """The text after the last wildcard; used for a fast rejection only."""
    has_wildcards: bool
    length: int = 0
    literal_positions: dict[str, int] = field(default_factory=dict)
    """Positions that a literal character advances, by character."""
    any_positions: int = 0
    """Positions of `?`, which any character but `/` advances."""
    star_positions: int = 0
    """Positions of `*`, which consume any character but `/`."""
    double_star_positions: int = 0
    """Positions of `**`, which consume any character."""
    skips: list[tuple[int, int]] = field(default_factory=list)
    """Pairs of a position and one that is reachable from it without input; ascending, so that one pass suffices."""

    def can_accept(self, value: str, start: int) -> bool:
        """Return True if `value[start:]` leads from the first position past the last one."""
        states = self._apply_skips(1)
        stays_within_or_across = self.star_positions | self.double_star_positions
        for character in value[start:]:
            advancing = self.literal_positions.get(character, 0)
            if character == _SEPARATOR:
                staying = self.double_star_positions
            else:
                staying = stays_within_or_across
                advancing |= self.any_positions
            states = self._apply_skips(((states & advancing) << 1) | (states & staying))
            if not states:
                return False
        return bool(states >> self.length & 1)

    def _apply_skips(self, states: int) -> int:
        for position, reachable in self.skips:
            if states & position:
                states |= reachable
        return states

    def add_literal(self, character: str) -> None:
        self.literal_positions[character] = self.literal_positions.get(character, 0) | 1 << self.length
        self.length += 1

    def add_any_character(self) -> None:
        self.any_positions |= 1 << self.length
        self.length += 1

    def add_run(self, *, crosses_separators: bool) -> None:
        if crosses_separators:
            self.double_star_positions |= 1 << self.length
        else:
            self.star_positions |= 1 << self.length
        self._add_skip(1)
        self.length += 1

    def add_folders(self) -> None:
        """Add an optional group for `**/`: any characters, then `/`."""
        entry = self.length
        self._add_skip(1)
        self._add_skip(3)
        self.length = entry + 1
        self.double_star_positions |= 1 << self.length
        self._add_skip(1)
        self.length += 1
        self.add_literal(_SEPARATOR)

    def _add_skip(self, distance: int) -> None:
        self.skips.append((1 << self.length, 1 << self.length + distance))


@lru_cache(maxsize=1024)
def _compile_glob(glob: str) -> _GlobAutomaton:
    """Compile the part of `glob` after its literal prefix."""
    first = next((index for index, character in enumerate(glob) if character in _WILDCARDS), len(glob))
    last = max(glob.rfind(wildcard) for wildcard in _WILDCARDS)
    suffix = glob[last + 1 :]
    if glob[last - 1 : last + 1] == "**":
        suffix = suffix.removeprefix(_SEPARATOR)  # `**/x` also matches without a `/`
    automaton = _GlobAutomaton(prefix=glob[:first], suffix=suffix, has_wildcards=first < len(glob))
    index = first
    while index < len(glob):
        character = glob[index]
        if glob.startswith("**/", index) and (index == 0 or glob[index - 1] == _SEPARATOR):
            automaton.add_folders()
            index += 3
        elif character == "*":
            end = index + len(glob[index:]) - len(glob[index:].lstrip("*"))
            automaton.add_run(crosses_separators=end - index > 1)
            index = end
        else:
            if character == "?":
                automaton.add_any_character()
            else:
                automaton.add_literal(character)
            index += 1
    return automaton
