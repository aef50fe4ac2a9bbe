"""Dockerfiles inside compose files (`dockerfile_inline`), which compose interpolates before the build."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from bot.formats._syntax.compose.interpolation import InvalidInterpolationError, parse_text
from bot.formats._syntax.dockerfile.inline_dockerfile import InlineDockerfile
from bot.formats._syntax.yaml.nodes import YamlDocument, YamlScalar
from bot.model.cross_file import LiteralText, VariableUse
from bot.model.source import FilePath, Occurrence, UnsupportedText

_ODD_LINE_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""Characters that YAML takes for line breaks and other tools do not."""


def read_inline(
    document: YamlDocument, node: YamlScalar, path: FilePath, format_name: str, locator: str
) -> Iterator[Occurrence | UnsupportedText]:
    """Yield the images of the Dockerfile in `node`.

    They can be edited only if the Dockerfile's lines stand in the file literally: in a block scalar with `|`.
    """
    dockerfile = InlineDockerfile(document.get_line_number(node), document.source.get_line_number)
    for line, offset in _split_lines(document, node):
        _add_line(dockerfile, line, offset)
        dockerfile.add_piece(b"\n", None)
    yield from dockerfile.read_images(path, format_name, locator)


def _split_lines(document: YamlDocument, node: YamlScalar) -> Iterator[tuple[str, int | None]]:
    """Yield each line of a scalar, and the byte of the file at which it stands literally, else None."""
    source = document.get_source_text(node)
    lines = node.value.split("\n")
    header_end = source.find("\n", source.find("|"))
    if node.style != "|" or header_end < 0 or _ODD_LINE_BREAK.search(source) or document.is_shared(node):
        yield from ((line, None) for line in lines)
        return
    at = document.get_start(node) + len(source[: header_end + 1].encode())
    for line, source_line in zip(lines, source[header_end + 1 :].split("\n"), strict=False):
        length = len(source_line.encode())
        is_literal = source_line.removesuffix("\r").endswith(line)
        indent = len(source_line.removesuffix("\r").encode()) - len(line.encode())
        yield line, at + indent if is_literal else None
        at += length + 1


def _add_line(dockerfile: InlineDockerfile, line: str, offset: int | None) -> None:
    """Add a line as compose passes it on: `$$` becomes a dollar, and a variable becomes a template placeholder."""
    try:
        parts = parse_text(line, offset)
    except InvalidInterpolationError:
        dockerfile.add_piece(line.encode(), None)
        return
    for part in parts:
        match part:
            case LiteralText(text, span):
                dockerfile.add_piece(text.encode(), None if span is None else span.start)
            case VariableUse(variable):
                dockerfile.add_piece(b"{{%b}}" % variable.encode(), None)
            case _:
                assert_never(part)
