"""A proposal of the local forge on a terminal."""

from __future__ import annotations

import pytest
from support.soon import soon

from bot.cli.screen import show_lines
from bot.reports.run.proposal_text import render_proposal_lines

BODY = """A sentence.

| | Critical | Low |
|---|--:|--:|
| now | 1 | 5 |
| after | **0** | 12 |

| Check | |
|---|---|
| Why now | the tag points to a newer digest, which is much newer than `a\\|b` |
"""
CHANGE = "+FROM python:3.12-slim@sha256:0123456789 AS a-stage-with-a-long-name"


class FakeTerminal:
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown_lines(monkeypatch):
    for name, value in (("TERM", "xterm"), ("COLUMNS", "50"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    return show_lines(render_proposal_lines("A title", "a → main (open)", BODY, CHANGE), FakeTerminal()).split("\n")


def test_proposal_text_aligns_tables_and_wraps_long_cells(shown_lines):
    assert shown_lines[5:] == [
        "         Critical  Low",
        "  now    1         5",
        "  after  0         12",
        "",
        "  Check",
        "  Why now  the tag points to a newer digest, which",
        "           is much newer than `a|b`",
        "",
        CHANGE,
    ]


def test_proposal_text_does_not_wrap_lines_of_the_diff(shown_lines):
    assert shown_lines[-1] == CHANGE


def test_proposal_text_omits_html_comments_tags_and_link_targets():
    body = "<!-- a\n<!-- b -->\n<details><summary>**Fixed**</summary>\n[`x`](https://a.example/) <!---->y <!-- open"
    lines = render_proposal_lines("t", "h", body, "")
    assert lines[3:] == ["▸ **Fixed**", "`x` y <!-- open"]


@pytest.mark.parametrize("piece", ["<!--", "<summary>", "[", "[a", "<b ", "|", "**"])
def test_body_with_many_unclosed_brackets_or_tags_is_rendered_fast(piece):
    with soon(2):
        render_proposal_lines("t", "h", piece * (1_000_000 // len(piece)), "")
