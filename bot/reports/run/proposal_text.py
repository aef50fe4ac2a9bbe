"""Renders proposals of the local forge for a terminal: the Markdown of a body without its hidden parts, and a diff."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from bot.core.markdown import make_console_block, make_console_line
from bot.reports.parts.styled_lines import Line, Style, StyledLine

_COMMENT_START, _COMMENT_END = "<!--", "-->"
_TAG = re.compile(r"</?(?:details|summary|b|strong|sub|sup|p|br|kbd)\b[^<>]*>")
_LINK = re.compile(r"\[([^\[\]\n]+)\]\(https?://[^()\s]+\)")
"""A link. The label contains no `[`, so that a search in a long row of `[` reads each character only once."""
_CELL_END = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")
_BOLD = re.compile(r"^\*\*([^*`]+)\*\*$")
_EMPTY_LINES = re.compile(r"\n{3,}")
_DIFF_STYLES = {"+": Style.GOOD, "-": Style.BAD, "@": Style.UPDATE}


def render_proposal_list(repository: str, rows: Sequence[tuple[str, str, str, str]]) -> list[Line]:
    """Return a line for each proposal of a repository, with the branch, the number, the state and the title."""
    if not rows:
        return [f"{make_console_line(repository)} has no proposals; hint: run basebump with --level propose"]
    width = max(len(branch) for branch, *_ in rows)
    digits = max(len(number) for _, number, *_ in rows)
    return [
        StyledLine(
            f"{make_console_line(branch).ljust(width)}  {number.rjust(digits)}  {state:<6}  ",
            make_console_line(title),
            Style.UPDATE if state == "open" else Style.FAINT,
        )
        for branch, number, state, title in rows
    ]


def render_proposal_lines(title: str, heading: str, body: str, changes: str) -> list[Line]:
    """Return the title, the branches, the text and the changes of a proposal.

    The text is Markdown. Comments (one of them contains basebump's mark), the tags of collapsible sections and the URLs
    of links are left out. `changes` is a diff, or empty.
    """
    text = _LINK.sub(r"\1", _TAG.sub("", _remove_comments(body).replace("<summary>", "▸ ")))
    text = _EMPTY_LINES.sub("\n\n", make_console_block(text)).strip("\n")
    lines: list[Line] = [StyledLine("", make_console_line(title), Style.UPDATE), make_console_line(heading), ""]
    for is_table, group in groupby(text.split("\n"), key=lambda row: row.startswith("|")):
        rows = list(group)
        lines += _render_table(list(map(_split_cells, rows))) if is_table else rows
    return [*lines, "", *_render_diff(changes)] if changes else lines


def _remove_comments(text: str) -> str:
    """Remove comments, and the line breaks after them.

    Unlike a regular expression, this function reads a text with many `<!--` only once.
    """
    kept: list[str] = []
    at = 0
    while (start := text.find(_COMMENT_START, at)) >= 0:
        end = text.find(_COMMENT_END, start + len(_COMMENT_START))
        if end < 0:
            break
        kept.append(text[at:start])
        at = end + len(_COMMENT_END)
        at += text.startswith("\n", at)
    return "".join((*kept, text[at:]))


def _split_cells(row: str) -> list[str]:
    """Return the cells of a row of a Markdown table, without the characters that only Markdown needs."""
    cells = _CELL_END.split(row.strip().removeprefix("|").removesuffix("|"))
    return [_BOLD.sub(r"\1", cell.strip()).replace("\\|", "|") for cell in cells]


def _render_table(rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    """Yield the rows of a Markdown table with aligned columns. All columns except the first one can be wrapped."""
    shown = [row for row in rows if any(row) and not all(_RULE.fullmatch(cell) for cell in row)]
    count = max(map(len, shown), default=0)
    padded = [[*row, *[""] * (count - len(row))] for row in shown]
    widths = [max(map(len, column)) for column in zip(*padded, strict=True)]
    for row in padded:
        first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield StyledLine(f"  {first}  ", "  ".join(others).rstrip(), Style.EXPLANATION)


def _render_diff(changes: str) -> Iterator[Line]:
    for line in make_console_block(changes).rstrip("\n").split("\n"):
        is_header = line.startswith(("+++", "---"))
        style = Style.EXPLANATION if is_header else _DIFF_STYLES.get(line[:1], Style.EXPLANATION)
        yield StyledLine("", line, style, is_wrapped=False)
