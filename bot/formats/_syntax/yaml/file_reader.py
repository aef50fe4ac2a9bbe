"""Read a YAML file one document at a time. A document is read completely or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import assert_never

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.reference_positions import format_for_display
from bot.formats._syntax.yaml.nodes import BrokenSection, TooDeepError, YamlDocument, read_documents
from bot.model.extracted_item import ExtractedItem
from bot.model.source import SourceFile, UnsupportedText
from bot.model.vocabulary import Reason


def read_file(
    file: SourceFile,
    is_relevant: Callable[[bytes], bool],
    extract_items: Callable[[YamlDocument], Iterable[ExtractedItem]],
) -> Iterator[ExtractedItem]:
    """Yield the items that `extract_items` returns for each YAML document of `file`.

    `is_relevant` is a quick test of raw bytes, which avoids unnecessary parsing. `is_relevant` is called with the whole
    file first, and later with each section (the part of the file from one `---` to the next). If it returns False, the
    bytes with which it was called are not parsed.

    A file in UTF-16, a section that cannot be parsed, and a document for which `extract_items` raises TooDeepError are
    each reported as an `UnsupportedText`.
    """
    if is_utf_16(file.content):
        yield UnsupportedText(file.path, 1, "", Reason.UNPARSABLE)
        return
    if not is_relevant(file.content):
        return
    for document in read_documents(file.content, is_relevant):
        match document:
            case YamlDocument():
                yield from _read_document(file, document, extract_items)
            case BrokenSection(reason, line_number):
                yield UnsupportedText(file.path, line_number, format_for_display(document.line.strip()), reason)
            case _:
                assert_never(document)


def _read_document(
    file: SourceFile, document: YamlDocument, extract_items: Callable[[YamlDocument], Iterable[ExtractedItem]]
) -> Iterable[ExtractedItem]:
    try:
        return list(extract_items(document))
    except TooDeepError:
        return [UnsupportedText(file.path, document.get_line_number(document.root), "", Reason.TOO_LARGE)]
