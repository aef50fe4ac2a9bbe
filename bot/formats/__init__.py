"""File formats, one per module, which select files by name.

`_readers` contains the code that extracts image references, and `_syntax` the parsers that formats share.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module

from bot.core.globs import is_any_glob_match
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat


@cache
def load_all_formats() -> tuple[FileFormat, ...]:
    """Import every public module of this package and return their `FORMAT` objects, sorted by name."""
    names = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    formats: list[FileFormat] = [import_module(f"{__name__}.{name}").FORMAT for name in names]
    return tuple(sorted(formats, key=lambda file_format: file_format.name))


def load_formats_with_globs(globs: Mapping[str, tuple[str, ...]]) -> tuple[FileFormat, ...]:
    """Return all formats. The formats that are named in `globs` also select files by these globs.

    For example, `{"compose": ("deploy/*.yaml",)}` lets the format `compose` read all files that match `deploy/*.yaml`,
    in addition to files with its usual names.
    """
    return tuple(
        FormatWithGlobs(file_format, globs[file_format.name]) if file_format.name in globs else file_format
        for file_format in load_all_formats()
    )


@dataclass(frozen=True, slots=True)
class FormatWithGlobs:
    """A format that also reads files that match globs, in addition to files with its usual names.

    The globs come from the config. A file that another file names is read with the glob `**`.
    """

    file_format: FileFormat
    globs: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.file_format.name

    @property
    def has_line_end_comments(self) -> bool:
        return self.file_format.has_line_end_comments

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        """Return the files that the wrapped format selects, and the files that match one of the globs."""
        chosen = dict.fromkeys(self.file_format.select_paths(paths))
        return [path for path in paths.paths if path in chosen or is_any_glob_match(self.globs, path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        """Yield the items that the wrapped format extracts from `file`."""
        is_listed = is_any_glob_match(self.globs, file.path)
        return self.file_format.extract(replace(file, is_listed_in_config=True) if is_listed else file)
