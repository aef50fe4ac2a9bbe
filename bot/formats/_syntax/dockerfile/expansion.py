"""The result of expanding a shell word of a Dockerfile: its bytes, their file positions, and the variables used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import NamedTuple

from bot.formats._syntax.dockerfile.lexer import DockerfileInstruction
from bot.model.vocabulary import Reason

MAX_LENGTH = 2048
"""Limit on the bytes of a word's result: twice the longest reference."""
MAX_PARTS = 64
"""Limit on the byte runs, and on the uses of variables, in one result; a reference made of ten arguments has some
twenty."""
MAX_STEPS = 1_000_000
"""Budget of steps for the words of one file, so that none takes more than a second or two; the most expensive known
file costs some two thousand."""
_PART_STEPS = 8
"""Steps that a part of a result costs; a byte of it costs one."""


class WordError(Exception):
    """A word that BuildKit refuses (`malformed`), or that exceeds a limit of the expansion (`unresolved-argument`)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class VariableEffect(Enum):
    """The effect that a use of a variable has on a word."""

    VALUE = auto()
    """The value of the variable is inserted."""
    CHOICE = auto()
    """Whether the variable is set decides which text is inserted."""
    PATTERN = auto()
    """A text computed from the value is inserted."""
    UNCHOSEN = auto()
    """The variable is named in a text that was not chosen."""
    UNSET = auto()
    """The variable has no value here, and the user may set one when building."""
    PREDEFINED = auto()
    """The builder sets the variable, to a different value for each platform."""


class ArgumentUse(NamedTuple):
    """One use of a variable, and the range of the result that depends on it."""

    name: bytes
    argument_index: int | None
    """The index of the argument's default; None if the name has none."""
    effect: VariableEffect
    start: int
    end: int

    def is_around(self, position: int) -> bool:
        """Return True if a text inserted at `position`, behind the byte before it, becomes part of this use."""
        return self.start < position <= self.end


class ByteRun(NamedTuple):
    """Bytes of a result that stand side by side in the file."""

    text: bytes
    file_start: int | None
    """None for computed bytes, which are not in the file."""
    line_number: int
    argument_index: int | None
    """The argument whose default holds the bytes; None for the word itself."""


@dataclass(frozen=True)
class WordExpansion:
    """The result of expanding a word."""

    runs: tuple[ByteRun, ...]
    uses: tuple[ArgumentUse, ...] = ()

    @cached_property
    def text(self) -> bytes:
        return b"".join(run.text for run in self.runs)

    @property
    def cost(self) -> int:
        """The steps that the expansion took from the budget."""
        return len(self.text) + _PART_STEPS * (len(self.runs) + len(self.uses))

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The names that decide the result, in the order of their first use."""
        names = [use.name.decode(errors="replace") for use in self.uses if use.effect is not VariableEffect.UNCHOSEN]
        return tuple(dict.fromkeys(names))

    @cached_property
    def unknown_uses(self) -> tuple[ArgumentUse, ...]:
        """The uses of variables that have no single value."""
        return tuple(use for use in self.uses if use.effect in (VariableEffect.UNSET, VariableEffect.PREDEFINED))

    def find_run(self, start: int, end: int) -> tuple[ByteRun, int] | None:
        """Return the run that holds all bytes from `start` to `end`, and the file offset at which these begin.

        An empty range belongs to the run that ends there. None if no single run holds the range, or if that run is
        computed.
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
    """A variable with a value: one default from an `ARG`."""

    index: int
    """Counts the defaults of a file, from 0."""
    expansion: WordExpansion


@dataclass(slots=True)
class ArgScope:
    """The variables that the words of one file see, and the budget that is left for expanding words."""

    defaults: dict[bytes, ArgDefault] = field(default_factory=dict)
    first_lines: dict[int, int] = field(default_factory=dict)
    """By argument index: the first line of its instruction."""
    remaining_steps: int = MAX_STEPS

    def spend_steps(self, steps: int) -> None:
        """Take `steps` from the budget. Raises WordError if it is used up."""
        self.remaining_steps -= steps
        if self.remaining_steps <= 0:
            raise WordError(Reason.UNRESOLVED_ARGUMENT)


class ExpansionBuilder:
    """Builds a `WordExpansion`; every method raises WordError if the result gets too long."""

    def __init__(self) -> None:
        self._runs: list[ByteRun] = []
        self._uses: list[ArgumentUse] = []
        self.length = 0

    def finish(self) -> WordExpansion:
        return WordExpansion(tuple(self._runs), tuple(self._uses))

    def put_text(self, instruction: DockerfileInstruction, start: int, end: int, argument_index: int | None) -> None:
        """Add the bytes from `start` to `end` of the instruction's text."""
        for text, file_start, line_number in instruction.iterate_pieces(start, end):
            last = self._runs[-1] if self._runs else None
            if last and last.argument_index == argument_index and last.file_start == file_start - len(last.text):
                self._runs.pop()
                self._add_run(ByteRun(last.text + text, last.file_start, last.line_number, argument_index), len(text))
            else:
                self._add_run(ByteRun(text, file_start, line_number, argument_index), len(text))

    def put_computed(self, text: bytes) -> None:
        """Add computed bytes, which are not in the file."""
        if text:
            self._add_run(ByteRun(text, None, 0, None), len(text))

    def put_expansion(self, expansion: WordExpansion, use: ArgumentUse) -> None:
        """Add an expansion that `use` inserts."""
        start = self.length
        for run in expansion.runs:
            self._add_run(run, len(run.text))
        self.record_use(ArgumentUse(use.name, use.argument_index, use.effect, start, self.length))
        for inner in expansion.uses:
            self.record_use(
                ArgumentUse(inner.name, inner.argument_index, inner.effect, inner.start + start, inner.end + start)
            )

    def record_unchosen(self, expansion: WordExpansion) -> None:
        """Record the variables of a text that was not chosen."""
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


def expand_literally(instruction: DockerfileInstruction, origins: Iterable[int]) -> WordExpansion:
    """Return the bytes at `origins` of an instruction's text, without expansion. Raises WordError."""
    builder = ExpansionBuilder()
    for origin in origins:
        builder.put_text(instruction, origin, origin + 1, None)
    return builder.finish()
