"""The text output of `scan` and `run` on stdout: for a terminal, for the log of a CI service, or for a pipe."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from bot.cli.presentation import has_colors, is_quiet, is_terminal, is_verbose
from bot.model.report import RunReport
from bot.model.source import FilePath
from bot.reports.parts.styled_lines import Line, Style, StyledLine, join_lines
from bot.reports.run.folds import Fold, render_bracket_fold, render_gitlab_fold, render_unfolded

_COLOURS = {Style.UPDATE: 36, Style.GOOD: 32, Style.WARNING: 33, Style.BAD: 31, Style.FAINT: 2}
"""The colour codes of styles. Explanations have no colour."""
_SEVERITY_COLOURS = {"exploited": "1;35", "critical": "1;31", "high": "31", "medium": "33", "low": "2"}
_SEVERITY = re.compile(
    r"(?:(?<![\w.-])\d+ (?:known )?|\A *(?:- )?)(exploited|critical|high|medium|low)(?![\w-])(?=[ ,;).]|\Z)"
)
"""Matches a number of findings (`3 critical`), and a severity in the first column of a table."""
_COLUMN_GAP = re.compile(r"(?<=\S) {2,}(?=\S)")
_GAP = "  "
HANGING_INDENT = 2
"""The number of extra blanks before the second and each further row of a wrapped line."""


def render_scan_for_screen(report: RunReport, written_paths: Sequence[FilePath] | None, *, lists_exposure: bool) -> str:
    """Render the text output of `scan` for stdout. `ScanDetails` documents `lists_exposure`."""
    from bot.reports.run.report_text import ScanDetails, render_scan_lines

    details = ScanDetails(is_quiet(), is_verbose(), lists_exposure, find_screen_width(sys.stdout))
    return show_lines(render_scan_lines(report, written_paths, details), sys.stdout)


def render_run_for_screen(report: RunReport) -> str:
    """Render the text output of `run` for stdout.

    A terminal gets colours, and a table of all repositories. A log gets a collapsible section for each
    repository, if the CI service supports such sections.
    """
    from bot.reports.run.report_text import render_run_lines

    if not is_terminal(sys.stdout):
        return show_lines(render_run_lines(report, choose_fold(os.environ), is_brief=is_quiet()), sys.stdout)
    width = find_screen_width(sys.stdout)
    return show_lines(render_run_lines(report, is_brief=is_quiet(), screen_width=width), sys.stdout)


def choose_fold(environment: Mapping[str, str]) -> Fold:
    """Return the function that renders collapsible sections in the syntax of the current CI service.

    Outside of CI, and for an unknown CI service, return a function that renders plain lines.
    """
    if environment.get("GITHUB_ACTIONS") == "true" or environment.get("TF_BUILD") == "True":
        return render_bracket_fold
    if environment.get("GITLAB_CI") == "true":
        return render_gitlab_fold
    return render_unfolded


def show_lines(lines: Sequence[Line], stream: TextIO) -> str:
    """Return the lines as one text for `stream`.

    If the stream is a terminal, lines are wrapped to its width. If the stream has colours, styles become colours, and
    numbers of findings have the colour of their severity.
    """
    columns = find_screen_width(stream)
    has_colours = has_colors(stream)
    if columns is None and not has_colours:
        return join_lines(lines)
    return "\n".join(row for line in lines for row in _show_line(_as_styled(line), columns, has_colours=has_colours))


def find_screen_width(stream: TextIO) -> int | None:
    """Return the number of characters in a line if the stream is a terminal; None if it is not."""
    return shutil.get_terminal_size().columns if is_terminal(stream) else None


def show_text(text: str, stream: TextIO) -> str:
    """Return a text without styles as `show_lines` would return its lines."""
    return show_lines(text.split("\n"), stream)


def _as_styled(line: Line) -> StyledLine:
    if isinstance(line, StyledLine):
        return line
    text = line.lstrip(" ")
    return StyledLine(line[: len(line) - len(text)], text, Style.EXPLANATION)


def _show_line(line: StyledLine, columns: int | None, *, has_colours: bool) -> Iterator[str]:
    """Yield the terminal rows that show a line.

    The line is not wrapped if `columns` is None, or if it fits one row.
    """
    head = line.head
    for text in _wrap_text(line, columns) if columns is not None and line.is_wrapped else [line.text]:
        shown = _paint_text(text, _COLOURS.get(line.style)) if has_colours else text
        if line.link is not None and has_colours and columns is not None:
            shown = f"\x1b]8;;{line.link}\x1b\\{shown}\x1b]8;;\x1b\\"
        yield f"{_paint_text(head, None) if has_colours else head}{shown}".rstrip(" ")
        head = " " * _choose_indent(line, columns or 0)


def _wrap_text(line: StyledLine, columns: int) -> list[str]:
    """Return the text in pieces. The first piece fits after `line.head`, and the others fit after the indent.

    The alignment of table columns is removed: two blanks replace each gap. A column that does not fit the rest of a row
    begins the next row. It is wrapped between words only if it fits no row.
    """
    if len(line.head) + len(line.text) <= columns:
        return [line.text]
    indent = _choose_indent(line, columns)
    first_word = line.text.partition(" ")[0]
    is_below_head = len(line.head) + len(first_word) > columns >= indent + len(first_word)
    rows, room = ([""], columns - indent) if is_below_head else ([], columns - len(line.head))
    row = ""
    for cell in _COLUMN_GAP.split(line.text):
        extended = f"{row}{_GAP}{cell}" if row else cell
        if len(extended) <= room:
            row = extended
        elif row and len(cell) <= columns - indent:
            rows.append(row)
            row, room = cell, columns - indent
        else:
            *wrapped, row = _wrap_words(extended, room, columns - indent)
            rows += wrapped
            room = columns - indent if wrapped else room
    return [*rows, row]


def _wrap_words(text: str, first_width: int, width: int) -> list[str]:
    """Return the text in rows of at most `width` characters, and the first row with `first_width`. Break no word."""
    longest = max(first_width, width, 1)
    wrapper = textwrap.TextWrapper(longest, break_long_words=False, break_on_hyphens=False)
    first_indent, indent = longest - max(first_width, 0), longest - max(width, 0)
    wrapper.initial_indent, wrapper.subsequent_indent = "." * first_indent, "." * indent
    first, *others = wrapper.wrap(text) or [wrapper.initial_indent]
    return [first[first_indent:], *(each[indent:] for each in others)]


def _choose_indent(line: StyledLine, columns: int) -> int:
    """Return the number of blanks before the second and each further row of a line.

    The indent is smaller if a long word, such as a digest, would not fit otherwise.
    """
    is_labelled = line.style is Style.EXPLANATION and bool(line.head.strip())
    indent = len(line.head) + (0 if is_labelled else HANGING_INDENT)
    longest = max(map(len, line.text.split()), default=0)
    if indent <= columns // 2 and indent + longest <= columns:
        return indent
    nested = len(line.head) - len(line.head.lstrip(" ")) + HANGING_INDENT
    return nested if nested <= columns // 2 and nested + longest <= columns else HANGING_INDENT


def _paint_text(text: str, colour: int | None) -> str:
    """Return the text in a colour. Numbers of findings and names of severities have the colour of the severity."""
    base = f"\x1b[{colour}m" if colour is not None else ""
    painted = _SEVERITY.sub(lambda match: f"\x1b[{_SEVERITY_COLOURS[match[1]]}m{match[0]}\x1b[0m{base}", text)
    return f"{base}{painted}\x1b[0m" if base else painted
