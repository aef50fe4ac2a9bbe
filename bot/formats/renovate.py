"""Renovate: the image updates that the repository's Renovate config enables or disables."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

PACKAGE_FILE = "package.json"
_FOLDERS = ("", ".github/", ".gitlab/")
_FILES = (
    *(f"{folder}renovate.{kind}" for folder in _FOLDERS for kind in ("json", "jsonc", "json5")),
    *(f".renovaterc{kind}" for kind in ("", ".json", ".jsonc", ".json5")),
    PACKAGE_FILE,
)
"""Config files in the order in which Renovate searches for them. Renovate uses only the first file that exists
(https://docs.renovatebot.com/configuration-options/#locations-for-configuration-filenames)."""


class _RenovateFormat:
    name = "renovate"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return paths.list_existing(*_FILES)

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        is_package = file.path == PACKAGE_FILE
        if is_package and b"renovate" not in file.content:
            return iter(())
        from bot.formats._readers.renovate import read

        # A file with another name is selected by `files:` in basebump's config. It ranks first, as it does in Renovate.
        return read(file, _FILES.index(file.path) if file.path in _FILES else -1, is_package=is_package)


FORMAT: FileFormat = _RenovateFormat()


def find_config_path(paths: Container[FilePath]) -> FilePath | None:
    """Return the path of the config that Renovate uses, or None. `paths` are all paths of a tree.

    A `package.json` is a config only if it has the key `renovate`, which is not examined here.
    """
    return next((FilePath(path) for path in _FILES if path in paths), None)
