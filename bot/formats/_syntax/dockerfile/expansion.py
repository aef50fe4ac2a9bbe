"""The result of expanding a shell word of a Dockerfile: its text, file offsets, and variables.

An example of a word is `$REGISTRY/app:${TAG:-1.0}` in a `FROM`. To expand the word, the values of its variables are
inserted. Variables are also called arguments, because `ARG` instructions set their defaults.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import NamedTuple

from bot.formats._syntax.dockerfile.lexer import DockerfileInstruction
from bot.model.vocabulary import Reason

MAX_LENGTH = 2048
"""Limit on the bytes to which one word may expand: twice the length of the longest reference."""
MAX_PARTS = 64
"""Limit on the byte runs, and on the uses of variables, in one result. A reference that consists of ten arguments has
about twenty."""
MAX_STEPS = 1_000_000
"""Budget of steps for all words of one file, so that no file takes more than a second or two. The most expensive known
file needs about two thousand steps."""
_PART_STEPS = 8
"""Steps that each part of a result costs. Each byte costs one step."""


class WordError(Exception):
    """A word cannot be expanded.

    `reason` is `malformed` if the syntax of the word is invalid. The reason is `unresolved-argument` if the result
    exceeds a limit, or if a pattern in the word is not supported.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class VariableEffect(Enum):
    """How a variable affects the expansion of the word in which it is used."""

    VALUE = auto()
    """The value of the variable is inserted."""
    CHOICE = auto()
    """The inserted text depends on whether the variable is set."""
    PATTERN = auto()
    """A text that is computed from the value is inserted."""
    UNCHOSEN = auto()
    """The variable occurs in a text that is not inserted, such as an unused default."""
    UNSET = auto()
    """The variable has no value in the file, but the user may set one for the build."""
    PREDEFINED = auto()
    """The builder sets the variable. Its value differs between platforms."""


_UNKNOWN_EFFECTS = (VariableEffect.UNSET, VariableEffect.PREDEFINED)


class ArgumentUse(NamedTuple):
    """A use of a variable in a word. Text from `start` to `end` of the expanded word depends on the variable."""

    name: bytes
    argument_index: int | None
    """The index of the `ARG` default of the variable, or None if the variable has no default."""
    effect: VariableEffect
    start: int
    end: int

    def includes_insertion_at(self, position: int) -> bool:
        """Return True if text inserted at `position` of the expanded text would become part of the variable's value.

        The result is True inside the value, and at its end, where the inserted text extends the value. It is False at
        the start of the value, where the inserted text extends the text before the value.
        """
        return self.start < position <= self.end


class ByteRun(NamedTuple):
    """A part of an expanded word: either contiguous bytes of the file, or computed bytes that are not in the file."""

    text: bytes
    file_start: int | None
    """The byte offset in the file, or None for computed bytes, which are not in the file."""
    line_number: int
    argument_index: int | None
    """The index of the `ARG` default that contains the bytes, or None if the word itself contains them."""


@dataclass(frozen=True)
class WordExpansion:
    """The text to which a word expands, with the file offsets of its bytes and the variables that affect it."""

    runs: tuple[ByteRun, ...]
    uses: tuple[ArgumentUse, ...] = ()

    @cached_property
    def text(self) -> bytes:
        return b"".join(run.text for run in self.runs)

    @property
    def cost(self) -> int:
        """The number of steps to subtract from `ArgScope.remaining_steps` for this expansion, according to its size."""
        return len(self.text) + _PART_STEPS * (len(self.runs) + len(self.uses))

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables that affect the text, in the order of their first use."""
        if not self.uses:
            return ()
        names = [use.name.decode(errors="replace") for use in self.uses if use.effect is not VariableEffect.UNCHOSEN]
        return tuple(dict.fromkeys(names))

    @property
    def unknown_uses(self) -> tuple[ArgumentUse, ...]:
        """The uses of variables with an unknown value: the file sets no value, or it differs between platforms."""
        return tuple(use for use in self.uses if use.effect in _UNKNOWN_EFFECTS) if self.uses else ()

    def find_run(self, start: int, end: int) -> tuple[ByteRun, int] | None:
        """Return the run that contains the bytes from `start` to `end` of the text, and the file offset of `start`.

        Return None if the bytes are in several runs, or were computed and so are not in the file. If `start` equals
        `end`, the range is a position at which a text will be inserted. The result for such a position is the run that
        contains the byte before the position.
        """
        run_start = 0
        first = min(start, end - 1) if end > start else start - 1
        for run in self.runs:
            run_end = run_start + len(run.text)
            if run_start <= first < run_end:
                is_whole = end <= run_end and run.file_start is not None
                return (run, (run.file_start or 0) + start - run_start) if is_whole else None
            run_start = run_end
        return None


@dataclass(frozen=True, slots=True)
class ArgDefault:
    """The default of a variable, which an `ARG` instruction sets."""

    index: int
    """The number of the `ARG` definition in the file, from 0."""
    expansion: WordExpansion


@dataclass(slots=True)
class ArgScope:
    """The variables that the words of one file can use, and the number of steps that expansions may still take.

    A step is a unit of work, such as inserting one byte. The limit prevents a small file from taking very long.
    """

    defaults: dict[bytes, ArgDefault] = field(default_factory=dict)
    first_lines: dict[int, int] = field(default_factory=dict)
    """The first line of each `ARG` instruction, by the index of its default."""
    remaining_steps: int = MAX_STEPS

    def spend_steps(self, steps: int) -> None:
        """Subtract `steps` from the remaining steps of the file. Raises WordError if none remain."""
        self.remaining_steps -= steps
        if self.remaining_steps <= 0:
            raise WordError(Reason.UNRESOLVED_ARGUMENT)


class ExpansionBuilder:
    """Builds a `WordExpansion`.

    Methods that add something to the result raise WordError if the result exceeds a limit.
    """

    def __init__(self) -> None:
        self._runs: list[ByteRun] = []
        self._uses: list[ArgumentUse] = []
        self.length = 0

    def finish(self) -> WordExpansion:
        return WordExpansion(tuple(self._runs), tuple(self._uses))

    def put_text(self, instruction: DockerfileInstruction, start: int, end: int, argument_index: int | None) -> None:
        """Append the bytes from `start` to `end` of the text of `instruction`.

        `argument_index` is the index of the `ARG` default that contains the bytes. The index is None if the expanded
        word itself contains the bytes.
        """
        for text, file_start, line_number in instruction.iterate_pieces(start, end):
            last = self._runs[-1] if self._runs else None
            if last and last.argument_index == argument_index and last.file_start == file_start - len(last.text):
                self._runs.pop()
                self._add_run(ByteRun(last.text + text, last.file_start, last.line_number, argument_index), len(text))
            else:
                self._add_run(ByteRun(text, file_start, line_number, argument_index), len(text))

    def put_computed(self, text: bytes) -> None:
        """Append computed bytes, which are not in the file."""
        if text:
            self._add_run(ByteRun(text, None, 0, None), len(text))

    def put_expansion(self, expansion: WordExpansion, use: ArgumentUse) -> None:
        """Append `expansion`, the value of a variable, and record that the word uses this variable.

        The recorded use is `use` with new values for `start` and `end`: the range of the appended text. The variables
        in `expansion` are recorded too.
        """
        start = self.length
        for run in expansion.runs:
            self._add_run(run, len(run.text))
        self.record_use(ArgumentUse(use.name, use.argument_index, use.effect, start, self.length))
        for inner in expansion.uses:
            self.record_use(
                ArgumentUse(inner.name, inner.argument_index, inner.effect, inner.start + start, inner.end + start)
            )

    def record_unchosen(self, expansion: WordExpansion) -> None:
        """Record the variables in a text that is left out of the result, such as `$B` in `${A:-$B}` if `A` is set."""
        for use in expansion.uses:
            self.record_use(use._replace(effect=VariableEffect.UNCHOSEN, start=self.length, end=self.length))

    def record_use(self, use: ArgumentUse) -> None:
        self._uses.append(use)
        if len(self._uses) > MAX_PARTS:
            raise WordError(Reason.UNRESOLVED_ARGUMENT)

    def _add_run(self, run: ByteRun, added_length: int) -> None:
        self._runs.append(run)
        self.length += added_length
        if self.length > MAX_LENGTH or len(self._runs) > MAX_PARTS:
            raise WordError(Reason.UNRESOLVED_ARGUMENT)


def expand_literally(instruction: DockerfileInstruction, positions: Iterable[int]) -> WordExpansion:
    """Return the bytes at `positions` of the instruction's text as an expansion in which `$` has no special meaning.

    Raises WordError if the result exceeds a limit.
    """
    builder = ExpansionBuilder()
    for position in positions:
        builder.put_text(instruction, position, position + 1, None)
    return builder.finish()
