"""The text output of `scan` and `run` on stdout: for a terminal, for the log of a CI service, or for a pipe."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TextIO

from bot.cli.presentation import has_colors, is_terminal
from bot.model.report import RunReport
from bot.model.source import FilePath
from bot.reports.folds import Fold, render_bracket_fold, render_gitlab_fold, render_unfolded
from bot.reports.styled_lines import Line, Style, StyledLine, join_lines

_COLOURS = {Style.UPDATE: 36, Style.GOOD: 32, Style.WARNING: 33, Style.BAD: 31, Style.FAINT: 2}
"""The colour codes of styles. Explanations have no colour."""


def render_scan_for_screen(report: RunReport, written_paths: Sequence[FilePath] | None) -> str:
    """Render the text output of `scan` for stdout. `render_scan_lines` documents the parameters."""
    from bot.reports.text import render_scan_lines

    return show_lines(render_scan_lines(report, written_paths), sys.stdout)


def render_run_for_screen(report: RunReport) -> str:
    """Render the text output of `run` for stdout.

    A terminal gets colours, and a table of all repositories at the end. A log gets a collapsible section for each
    repository, if the CI service supports such sections.
    """
    from bot.reports.overview import render_overview
    from bot.reports.text import render_run_lines, render_run_text

    if not is_terminal(sys.stdout):
        return render_run_text(report, choose_fold(os.environ))
    table = render_overview(report, shutil.get_terminal_size().columns)
    return "\n\n".join(filter(None, (show_lines(render_run_lines(report), sys.stdout), table)))


def choose_fold(environment: Mapping[str, str]) -> Fold:
    """Return the function that renders collapsible sections in the syntax of the current CI service.

    Outside of CI, and for a CI service that is not known, return a function that renders plain lines.
    """
    if environment.get("GITHUB_ACTIONS") == "true" or environment.get("TF_BUILD") == "True":
        return render_bracket_fold
    if environment.get("GITLAB_CI") == "true":
        return render_gitlab_fold
    return render_unfolded


def show_lines(lines: Sequence[Line], stream: TextIO) -> str:
    """Return the lines as one text for `stream`.

    If the stream has no colours, styles are ignored. If the stream is a terminal, lines with the style `EXPLANATION`
    are wrapped to its width.
    """
    columns = shutil.get_terminal_size().columns if is_terminal(stream) else None
    has_colours = has_colors(stream)
    if columns is None and not has_colours:
        return join_lines(lines)
    return "\n".join(
        _show_line(line, columns, has_colours=has_colours) if isinstance(line, StyledLine) else line for line in lines
    )


def _show_line(line: StyledLine, columns: int | None, *, has_colours: bool) -> str:
    if line.style is Style.EXPLANATION:
        return _wrap_explanation(line, columns) if columns is not None else str(line)
    return f"{line.head}\x1b[{_COLOURS[line.style]}m{line.text}\x1b[0m" if has_colours else str(line)


def _wrap_explanation(line: StyledLine, columns: int) -> str:
    """Wrap a line to `columns` characters, and align its continuation lines with the beginning of `line.text`.

    Return the line unchanged if `line.head`, which comes before the text, takes more than half of the columns.
    """
    if columns < len(line.head) * 2:
        return str(line)
    indent = " " * len(line.head)
    return "\n".join(textwrap.wrap(line.text, columns, initial_indent=line.head, subsequent_indent=indent))
