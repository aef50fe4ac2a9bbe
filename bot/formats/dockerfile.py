"""Dockerfiles: the images in `FROM`, `COPY --from=` and `RUN --mount=from=`, parsed as BuildKit parses them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from bot.formats._syntax.encoding import is_utf_16
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

MAX_LINES = 100_000
"""Limit on the lines of a Dockerfile. A longer file is reported as `too-deep`; the longest generated Dockerfiles have a
few thousand lines."""

_FILE_NAME = re.compile(r"Dockerfile(?:\..+)?|.+\.[Dd]ockerfile|Containerfile.*", re.DOTALL)
_OTHER_SUFFIXES = (
    # Files that accompany a Dockerfile and start with its name.
    *(".dockerignore", ".containerignore", ".md", ".rst", ".adoc", ".txt", ".json", ".yaml", ".yml", ".sh", ".py"),
    # Input of template engines, which is not built itself. `.template` is missing, because balena and others build it.
    *(".j2", ".jinja", ".jinja2", ".tpl", ".tmpl", ".gotmpl", ".erb", ".ejs", ".hbs", ".mustache"),
    # Left behind by editors and patches.
    *(".bak", ".orig", ".rej", ".swp", ".patch", ".diff", "~"),
)


class _DockerfileFormat:
    name = "dockerfile"
    has_line_end_comments = False

    def select_paths(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        return [path for path in paths if _FILE_NAME.fullmatch(path.rpartition("/")[2]) and not _has_other_suffix(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if is_utf_16(file.content):
            return iter((UnsupportedText(file.path, 1, "", Reason.UNDECODABLE),))
        if file.content.count(b"\n") > MAX_LINES:
            return iter((UnsupportedText(file.path, 1, "", Reason.TOO_DEEP),))
        from bot.formats._syntax.dockerfile.reader import read_dockerfile

        return read_dockerfile(file.content, file.path, self.name)


def _has_other_suffix(path: FilePath) -> bool:
    return path.lower().endswith(_OTHER_SUFFIXES)


FORMAT: FileFormat = _DockerfileFormat()
