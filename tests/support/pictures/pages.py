"""Pages for a browser: a proposal as a forge shows it, and the output of a command as a terminal shows it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from support.parts import find_liberation_fonts, find_primer_css

STYLE = Path(__file__).with_name("pages.css")

_ALERT = re.compile(r"<blockquote>\s*<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*(.*?)</blockquote>", re.DOTALL)
_TASK = re.compile(r"<li>(<p>)?\[([ x])\] ")
_ESCAPE = re.compile(r"\x1b\[([\d;]*)m")
_PROPOSAL_HEAD = (
    '<h1>{title}</h1><p class="state"><span class="{kind}">{state}</span> <b>basebump</b> wants to merge 1 commit into'
    " <code>{base}</code> from <code>{branch}</code></p>"
)
_FONTS = {"Regular": "normal", "Bold": "bold"}
_FONT_FACE = '@font-face {{ font-family: "Segoe UI"; font-weight: {}; src: url("{}"); }}'
"""Segoe UI is the first font of GitHub's style sheet that Windows has. Liberation Sans is about as wide."""
_COLOURS = {"2": "dim", "31": "red", "32": "green", "33": "yellow", "36": "cyan"}


def render_markdown(text: str) -> str:
    """Render Markdown with GitHub's extensions to CommonMark: tables, alerts and checkboxes."""
    rendered = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    rendered = _ALERT.sub(lambda found: _render_alert(found[1], found[2]), rendered)
    return _TASK.sub(
        lambda found: (
            f'<li class="task-list-item">{found[1] or ""}<input type="checkbox" class="task-list-item-checkbox"'
            f"{' checked' * (found[2] == 'x')}> "
        ),
        rendered,
    )


def _render_alert(kind: str, content: str) -> str:
    title = f'<p class="markdown-alert-title">{kind.capitalize()}</p>'
    return f'<div class="markdown-alert markdown-alert-{kind.lower()}">{title}<p>{content}</div>'


def render_proposal(title: str, body: str, branch: str, base: str = "main", *, is_draft: bool = False) -> str:
    """Render the page of a proposal with GitHub's markup and published style sheet, which must have been unpacked."""
    state = "Draft" if is_draft else "Open"
    names = {"title": title, "base": base, "branch": branch, "state": state, "kind": state.lower()}
    head = _PROPOSAL_HEAD.format_map({key: html.escape(value) for key, value in names.items()})
    content = f'<div class="comment-body markdown-body">{render_markdown(body)}</div>'
    comment = f'<div class="author"><b>basebump</b></div>{content}'
    return _render_page("proposal", f'{head}<div class="comment">{comment}</div>')


def render_terminal(command: str, output: str) -> str:
    """Render a command and its output, whose colours are escape sequences."""
    return _render_page("terminal", f'<pre><span class="dim">$ {html.escape(command)}</span>\n{_colour(output)}</pre>')


def render_session(entries: Sequence[tuple[str, str, str]]) -> str:
    """Render several commands, each with a remark before it and its output."""
    blocks = [
        f'<span class="remark"># {html.escape(remark)}</span>\n<span class="dim">$ {html.escape(command)}</span>\n'
        f"{_colour(output)}"
        for remark, command, output in entries
    ]
    return _render_page("terminal", f"<pre>{chr(10).join(f'{each}{chr(10)}' for each in blocks)}</pre>")


def _colour(output: str) -> str:
    parts = _ESCAPE.split(output.replace("\r\n", "\n"))
    shown = html.escape(parts[0])
    for code, text in zip(parts[1::2], parts[2::2], strict=True):
        name = _COLOURS.get(code.rpartition(";")[2])  # `1;31` is bold and red
        shown += f'<span class="{name}">{html.escape(text)}</span>' if name else html.escape(text)
    return shown.rstrip()


def _link_style_sheet() -> str:
    """Return the elements that load GitHub's style sheet and a font; empty if they were not unpacked."""
    sheet, fonts = find_primer_css(), find_liberation_fonts()
    link = f'<link rel="stylesheet" href="{sheet.as_uri()}">' if sheet is not None else ""
    if fonts is None:
        return link
    faces = (
        _FONT_FACE.format(weight, (fonts / f"LiberationSans-{name}.ttf").as_uri()) for name, weight in _FONTS.items()
    )
    return f"{link}<style>{' '.join(faces)}</style>"


def _render_page(kind: str, content: str) -> str:
    links = _link_style_sheet() if kind == "proposal" else ""
    style = f"<style>{STYLE.read_text(encoding='utf-8')}</style>"
    head = f'<meta charset="utf-8"><title>basebump</title>{links}{style}'
    mode = 'data-color-mode="auto" data-light-theme="light" data-dark-theme="dark"'
    return f'<!doctype html><html lang="en" {mode}><head>{head}</head><body class="{kind}">{content}</body></html>'
