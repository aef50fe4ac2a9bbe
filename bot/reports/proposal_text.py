"""Renders proposals of the local forge for a terminal: the Markdown of a body without its hidden parts, and a diff."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.core.markdown import make_console_block, make_console_line
from bot.reports.styled_lines import Line, Style, StyledLine

_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_SUMMARY = re.compile(r"<summary>(.*?)</summary>", re.DOTALL)
_TAG = re.compile(r"</?(?:details|summary|b|strong|sub|sup|p|br|kbd)\b[^<>]*>")
_LINK = re.compile(r"\[([^\]\n]+)\]\(https?://[^()\s]+\)")
_EMPTY_LINES = re.compile(r"\n{3,}")
_DIFF_STYLES = {"+": Style.GOOD, "-": Style.BAD, "@": Style.UPDATE}


def render_proposal_list(repository: str, rows: Sequence[tuple[str, str, str]]) -> list[Line]:
    """Return a line for each proposal of a repository. A row has the branch, the state and the title."""
    if not rows:
        return [f"{make_console_line(repository)} has no proposals; hint: run basebump with --level propose"]
    width = max(len(branch) for branch, _, _ in rows)
    return [
        StyledLine(
            "",
            f"{make_console_line(branch).ljust(width)}  {state:<6}  {make_console_line(title)}",
            Style.UPDATE if state == "open" else Style.FAINT,
        )
        for branch, state, title in rows
    ]


def render_proposal_lines(title: str, heading: str, body: str, changes: str) -> list[Line]:
    """Return the title, the branches, the text and the changes of a proposal.

    The text is Markdown. Comments, which contain basebump's mark, tags of folds and the addresses of links are left
    out. `changes` is a diff, or empty.
    """
    text = _LINK.sub(r"\1", _TAG.sub("", _SUMMARY.sub(r"▸ \1", _COMMENT.sub("", body))))
    text = _EMPTY_LINES.sub("\n\n", make_console_block(text)).strip("\n")
    lines: list[Line] = [StyledLine("", make_console_line(title), Style.UPDATE), make_console_line(heading), ""]
    lines += text.split("\n")
    return [*lines, "", *_render_diff(changes)] if changes else lines


def _render_diff(changes: str) -> Iterator[Line]:
    for line in make_console_block(changes).rstrip("\n").split("\n"):
        is_header = line.startswith(("+++", "---"))
        yield StyledLine("", line, Style.EXPLANATION if is_header else _DIFF_STYLES.get(line[:1], Style.EXPLANATION))
