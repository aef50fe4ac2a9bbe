"""Development containers: the image in a `devcontainer.json`, and the build arguments that the file sets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.formats._syntax.encoding import is_utf_16
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_FILES = re.compile(r"(?:.*/)?(?:\.devcontainer/(?:[^/]+/)?devcontainer\.json|\.devcontainer\.json)", re.DOTALL)
"""https://containers.dev/implementors/spec/#devcontainerjson"""


class _DevcontainerFormat:
    name = "devcontainer"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return [path for path in paths.list_named("devcontainer.json", ".devcontainer.json") if _FILES.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if not _is_relevant(file.content):
            return iter(())
        from bot.formats._readers.devcontainer import read

        return read(file)


_KEYS = (b"image", b"build", b"dockerFile", b"dockerComposeFile")


def _is_relevant(content: bytes) -> bool:
    r"""Return False if parsing `content` would certainly find neither an image nor a build.

    A file with an image or a build contains one of the keys, unless an escape (`\u0069mage`) or UTF-16 hides the key.
    """
    return any(key in content for key in _KEYS) or b"\\u" in content or is_utf_16(content)


FORMAT: FileFormat = _DevcontainerFormat()
