"""Lines of text output, some of them with a style. Terminals show most styles as colours; other outputs ignore them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto


class Style(Enum):
    """How a text is shown, for example as a warning. A style adds no information, so an output can ignore it."""

    UPDATE = auto()
    GOOD = auto()
    WARNING = auto()
    BAD = auto()
    FAINT = auto()
    EXPLANATION = auto()
    """A sentence without a colour. If `head` is a label and the sentence is wrapped, its further lines begin below its
    first word.
    """


@dataclass(frozen=True, slots=True)
class StyledLine:
    """A line of output: `head`, which has no style, followed by `text`, which has the style `style`."""

    head: str
    text: str
    style: Style
    link: str | None = None
    """The URL to which a terminal links the text; None for no link."""
    is_wrapped: bool = True
    """False if the line must not be wrapped on a narrow terminal, such as a line of a diff."""

    def __str__(self) -> str:
        """Return the text of the line without its style."""
        return self.head + self.text


Line = str | StyledLine
"""A line without a style is a string."""


def indent_line(line: Line) -> Line:
    """Return the line, indented by two blanks."""
    return replace(line, head=f"  {line.head}") if isinstance(line, StyledLine) else f"  {line}"


def join_lines(lines: Sequence[Line]) -> str:
    """Return the lines as one text without styles."""
    return "\n".join(map(str, lines))


def join_blocks(*blocks: Sequence[Line]) -> list[Line]:
    """Return the lines of all blocks, with an empty line between two blocks. Empty blocks are left out."""
    lines: list[Line] = []
    for block in blocks:
        lines += ["", *block] if lines and block else block
    return lines
