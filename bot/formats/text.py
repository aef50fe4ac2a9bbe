"""Formats that do not depend on the structure of a file.

`FORMAT` reads references with a tag and a digest in text files that the config selects. `UnreadTextsFormat` finds
texts that look like image references, so that outputs can count those that no other format reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bot.core.references.locking import find_folder_reasons
from bot.formats._syntax.json_names import JSON_NAME
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, Reference, SourceFile, UnreadText, UnsupportedText
from bot.ports import FileFormat

_ENDINGS = (".yaml", ".yml", ".hcl", ".tf", ".tofu", ".toml", ".nomad")
"""Endings of the files in which images are values of keys. Names of JSON files have a pattern of their own."""
_JSON_FILE = re.compile(rf"(?:.*/)?{JSON_NAME}", re.IGNORECASE | re.DOTALL)


class _TextFormat:
    name = "text"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:  # noqa: ARG002 - only `files:` selects files
        return ()

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if b"@sha256:" not in file.content or b"\0" in file.content:  # a file with a NUL byte is not text
            return iter(())
        from bot.formats._readers.text import read

        return read(file)


class UnreadTextsFormat:
    """Finds texts that look like image references and that no other format reads, in files of many languages.

    It is not a format of the config: `scan` and `check` add it to the others. Folders of tests, examples, archives and
    copies of other projects are left out. It extracts nothing, because the texts depend on the references that the
    others extract from the same file.
    """

    name = "unread-texts"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        jsons = (path for path in paths.list_ending_in_any_case(".json") if _JSON_FILE.fullmatch(path))
        return [each for each in (*paths.list_ending_in_any_case(*_ENDINGS), *jsons) if not find_folder_reasons(each)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:  # noqa: ARG002 - see above
        return iter(())

    def find_unread_texts(self, file: SourceFile, items: Sequence[Reference | UnsupportedText]) -> Iterable[UnreadText]:
        """Return the texts in a file that look like image references, and that none of `items` of this file reads."""
        from bot.formats._readers.unread_texts import find_unread_texts

        return find_unread_texts(file, items)


FORMAT: FileFormat = _TextFormat()
