"""The files of the cases of every format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from support.formats.cases import CASE_FORMATS
from support.parts import ROOT

from bot.model.path_index import index_paths
from bot.model.source import FilePath
from bot.ports import FileFormat

CASES = ROOT / "tests" / "formats"


@dataclass(frozen=True)
class FormatSample:
    """The files of one case, and one among them that its format selects."""

    files: Mapping[FilePath, bytes]
    path: FilePath

    @property
    def content(self) -> bytes:
        return self.files[self.path]

    def with_content(self, content: bytes) -> Mapping[FilePath, bytes]:
        """Return the files with that one changed."""
        return {**self.files, self.path: content}


def _list_samples(file_format: FileFormat) -> list[FormatSample]:
    """Return the files of a format's cases that it selects, each among those of its case."""
    samples = []
    for before in sorted((CASES / file_format.name).glob("*/before")):
        paths = {FilePath(path.relative_to(before).as_posix()): path for path in before.rglob("*") if path.is_file()}
        files = {name: path.read_bytes() for name, path in paths.items()}
        samples += [FormatSample(files, path) for path in sorted(file_format.select_paths(index_paths(files.keys())))]
    return samples


SAMPLES = {file_format.name: _list_samples(file_format) for file_format in CASE_FORMATS}
