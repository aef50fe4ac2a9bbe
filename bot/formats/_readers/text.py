"""Read any text file that the config selects: references with a tag that are already pinned by a digest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from bot.formats._syntax.line_offsets import LineOffsets
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.model.extracted_item import ExtractedItem
from bot.model.image_name import MAX_REFERENCE_LENGTH
from bot.model.source import Reference, SourceFile
from bot.model.vocabulary import Role

_FORMAT = "text"
_DIGEST = re.compile(rb"@sha256:[0-9a-f]{64}(?![0-9A-Za-z])")
_NAME_AND_TAG = re.compile(
    rb"""
    # Not inside a word, and not after a variable or an escape. A shell default (`:-`) or a scheme may come before it.
    (?: (?<![0-9A-Za-z_./@%$}{:\\-]) | (?<=:-) | (?<=docker://) | (?<=docker-image://) )
    (?P<name>
        (?: [0-9A-Za-z][0-9A-Za-z.-]*+ (?: :[0-9]++ )? / )?
        [a-z0-9]++ (?: (?:[.]|__?|-++) [a-z0-9]++ )*+ (?: / [a-z0-9]++ (?: (?:[.]|__?|-++) [a-z0-9]++ )*+ )*+
    )
    : [0-9A-Za-z_] [0-9A-Za-z_.-]{0,127}+
    \Z
    """,
    re.VERBOSE,
)
"""The grammar of references with a tag (bot/model/image_name.py), up to the start of the digest."""


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the references in a file that have a tag and a digest."""
    content = file.content
    lines = LineOffsets(content)
    name_counts: Counter[bytes] = Counter()
    after_last = 0
    for digest in _DIGEST.finditer(content):
        first = max(digest.start() - MAX_REFERENCE_LENGTH, after_last)
        mention = _NAME_AND_TAG.search(content, first, digest.start())
        after_last = digest.end()
        if mention is None:
            continue
        start = mention.start()
        name_counts[mention["name"]] += 1
        # The locator does not contain the tag, because an edit may change the tag.
        locator = f"{mention['name'].decode()}#{name_counts[mention['name']]}"
        position = ReferencePosition(file.path, _FORMAT, Role.BASE, lines.get_line_number(start), locator)
        found = position.read_reference(content[start : digest.end()].decode(), start)
        if isinstance(found, Reference):
            yield found
