"""Dockerfiles inside compose files (`dockerfile_inline`), which compose interpolates before the build."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from bot.formats._syntax.compose.interpolation import InvalidInterpolationError, parse_text
from bot.formats._syntax.dockerfile.inline import InlineDockerfile
from bot.formats._syntax.yaml.nodes import Document, Scalar
from bot.model.remark import LiteralText, VariableUse
from bot.model.source import FilePath, Occurrence, UnsupportedText

_ODD_LINE_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""Characters that YAML takes for line breaks and other tools do not."""


def read_inline(
    document: Document, node: Scalar, path: FilePath, format_name: str, locator: str
) -> Iterator[Occurrence | UnsupportedText]:
    """Yield the images of the Dockerfile in `node`.

    They can be edited only if the Dockerfile's lines stand in the file literally: in a block scalar with `|`.
    """
    dockerfile = InlineDockerfile(document.line_number(node), document.source.line_number)
    for line, offset in _lines(document, node):
        _add(dockerfile, line, offset)
        dockerfile.add(b"\n", None)
    yield from dockerfile.read(path, format_name, locator)


def _lines(document: Document, node: Scalar) -> Iterator[tuple[str, int | None]]:
    """Yield each line of a scalar, and the byte of the file at which it stands literally, else None."""
    source = document.source_of(node)
    lines = node.value.split("\n")
    header_end = source.find("\n", source.find("|"))
    if node.style != "|" or header_end < 0 or _ODD_LINE_BREAK.search(source) or document.is_shared(node):
        yield from ((line, None) for line in lines)
        return
    at = document.start(node) + len(source[: header_end + 1].encode())
    for line, written in zip(lines, source[header_end + 1 :].split("\n"), strict=False):
        length = len(written.encode())
        is_literal = written.removesuffix("\r").endswith(line)
        indent = len(written.removesuffix("\r").encode()) - len(line.encode())
        yield line, at + indent if is_literal else None
        at += length + 1


def _add(dockerfile: InlineDockerfile, line: str, offset: int | None) -> None:
    """Add a line as compose passes it on: `$$` becomes a dollar, and a variable becomes a template placeholder."""
    try:
        parts = parse_text(line, offset)
    except InvalidInterpolationError:
        dockerfile.add(line.encode(), None)
        return
    for part in parts:
        match part:
            case LiteralText(text, span):
                dockerfile.add(text.encode(), None if span is None else span.start)
            case VariableUse(variable):
                dockerfile.add(b"{{%b}}" % variable.encode(), None)
            case _:
                assert_never(part)
