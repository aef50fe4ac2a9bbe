"""Compose files: the images of services, inline Dockerfiles and additional build contexts.

A file with another name, such as `stack.yml`, is recognised by its content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.formats._syntax.compose.file_names import is_compose_name
from bot.formats._syntax.encoding import is_utf_16
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

_OTHER_FILE = re.compile(r"values|(?:\A|/)\.(?:drone|woodpecker|crow|vela)", re.IGNORECASE)
"""Paths of values files of charts, and of CI pipelines whose services other formats read."""
_BYTE_ORDER_MARKS = b"\xef\xbb\xbf\xff\xfe"


class _ComposeFormat:
    name = "compose"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return paths.list_ending_in_any_case(".yaml", ".yml")

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if file.is_listed_in_config or is_compose_name(file.path):
            from bot.formats._readers.compose import read

            return read(file)
        has_usual_encoding = not is_utf_16(file.content)
        if not _may_be_unnamed(file.path, file.content if has_usual_encoding else file.content.replace(b"\0", b"")):
            return iter(())
        if not has_usual_encoding:
            return iter((UnsupportedText(file.path, 1, "", Reason.UNPARSABLE),))
        from bot.formats._readers.compose import read_unnamed

        return read_unnamed(file)


def _may_be_unnamed(path: FilePath, content: bytes) -> bool:
    """Return False if a file with another name is certainly not a compose file, or belongs to another format."""
    has_services = b"\nservices:" in content or content[:100].lstrip(_BYTE_ORDER_MARKS).startswith(b"services:")
    return has_services and b"image:" in content and _OTHER_FILE.search(path) is None


FORMAT: FileFormat = _ComposeFormat()
