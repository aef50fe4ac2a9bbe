"""Lines of text output, some with a style: terminals show styles as colours, and other outputs ignore them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto


class Style(Enum):
    """The styles of text. The words say the same, so no information is lost without styles."""

    UPDATE = auto()
    GOOD = auto()
    WARNING = auto()
    BAD = auto()
    FAINT = auto()
    EXPLANATION = auto()
    """A sentence that a terminal may wrap, indented by the length of `head`."""


@dataclass(frozen=True, slots=True)
class StyledLine:
    """A line with a style, from the end of `head` to the end of the line."""

    head: str
    text: str
    style: Style

    def __str__(self) -> str:
        """Return the line without its style."""
        return self.head + self.text


Line = str | StyledLine
"""A line is a string if it has no style."""


def indent_line(line: Line) -> Line:
    """Indent a line by two blanks."""
    return replace(line, head=f"  {line.head}") if isinstance(line, StyledLine) else f"  {line}"


def join_lines(lines: Sequence[Line]) -> str:
    """Return the lines as one text without styles."""
    return "\n".join(map(str, lines))
