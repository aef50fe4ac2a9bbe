"""The text of a run on stdout: for a terminal, for the log of a CI service, or for a pipe."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import TextIO

from bot.cli.terminal import is_terminal
from bot.model.report import RunReport
from bot.model.vocabulary import Reason
from bot.reports.folds import Fold, render_bracket_fold, render_gitlab_fold, render_unfolded

DIM, RED, GREEN, YELLOW, CYAN, PLAIN = (f"\x1b[{code}m" for code in (2, 31, 32, 33, 36, 0))
_BY_MARK = {
    "↑": CYAN,
    "✓": GREEN,
    "‖": YELLOW,
    "✗": RED,
    "†": RED,
    "»": YELLOW,
    "·": DIM,
    "?": YELLOW,
    "!": DIM,
}
"""Colours by the marks of `bot/reports/text.py`. The words beside a mark say the same, so colours are not needed."""
_REFERENCE_LINE = re.compile(rf"^( *\d+  )([{''.join(_BY_MARK)}] .*)$", re.MULTILINE)
_EXPLANATION = re.compile(rf"^((?:{'|'.join(map(re.escape, Reason))}) {{2,}})(\S.*)$", re.MULTILINE)
"""The explanations of reasons, below the list."""
_FAILURES_HEADING = re.compile(r"^basebump could not do its work here:$", re.MULTILINE)


def render_run_for_screen(report: RunReport) -> str:
    """Render the text of a run for stdout."""
    from bot.reports.overview import render_overview
    from bot.reports.text import render_run_text

    if not is_terminal(sys.stdout):
        return render_run_text(report, choose_fold(os.environ))
    table = render_overview(report, shutil.get_terminal_size().columns)
    return colour_text("\n\n".join(filter(None, (render_run_text(report), table))), sys.stdout)


def choose_fold(environment: Mapping[str, str]) -> Fold:
    """Return the syntax for collapsible sections in the log of the CI service that runs basebump."""
    if environment.get("GITHUB_ACTIONS") == "true" or environment.get("TF_BUILD") == "True":
        return render_bracket_fold
    if environment.get("GITLAB_CI") == "true":
        return render_gitlab_fold
    return render_unfolded


def colour_text(text: str, stream: TextIO) -> str:
    """Return the text for a terminal, in colours unless NO_COLOR is set: https://no-color.org/."""
    if not is_terminal(stream):
        return text
    columns = shutil.get_terminal_size().columns
    text = _EXPLANATION.sub(lambda found: _wrap_explanation(found, columns), text)
    if os.environ.get("NO_COLOR"):
        return text
    return _FAILURES_HEADING.sub(rf"{RED}\g<0>{PLAIN}", _REFERENCE_LINE.sub(_colour_reference, text))


def _wrap_explanation(match: re.Match[str], columns: int) -> str:
    """Wrap an explanation between words, and indent it below the first line."""
    word, sentence = match.groups()
    if columns < len(word) * 2:
        return match[0]
    return "\n".join(textwrap.wrap(sentence, columns, initial_indent=word, subsequent_indent=" " * len(word)))


def _colour_reference(match: re.Match[str]) -> str:
    before, rest = match.groups()
    return f"{before}{_BY_MARK[rest[0]]}{rest}{PLAIN}"
