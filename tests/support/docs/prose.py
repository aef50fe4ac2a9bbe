"""The prose of a page: its paragraphs and sentences, without tables, blocks and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

_SENTENCE_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"”)]))\s+")
_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


def list_paragraphs(page: str) -> Iterator[str]:
    """Yield the text of each paragraph and list item. A span of code is one word."""
    kind = ""
    for token in _MARKDOWN.parse(page):
        if token.type in {"paragraph_open", "heading_open", "th_open", "td_open"}:
            kind = token.type
        elif token.type == "inline" and kind == "paragraph_open":
            yield _read_text(token)


def list_sentences(paragraph: str) -> list[str]:
    """Return the sentences of a paragraph."""
    return _SENTENCE_END.split(paragraph)


def count_words(text: str) -> int:
    """Return the number of words, for which a dash alone does not count."""
    return sum(re.search(r"\w", word) is not None for word in text.split())


def _read_text(token: Token) -> str:
    return "".join(_read_inline(each) for each in token.children or ())


def _read_inline(token: Token) -> str:
    match token.type:
        case "text" | "image":
            return token.content
        case "code_inline":
            return "code"
        case "softbreak" | "hardbreak":
            return " "
        case _:
            return ""
