"""The files of the cases of every format."""

from __future__ import annotations

from pathlib import Path

from support.case_formats import CASE_FORMATS

from bot.model.source import FilePath
from bot.ports import FileFormat

CASES = Path(__file__).resolve().parent.parent / "formats"


def _samples_of(file_format: FileFormat) -> list[tuple[FilePath, bytes]]:
    """Return the files of a format's cases that it selects, each by its path in its case."""
    samples = []
    for before in sorted((CASES / file_format.name).glob("*/before")):
        files = {FilePath(path.relative_to(before).as_posix()): path for path in before.rglob("*") if path.is_file()}
        samples += [(path, files[path].read_bytes()) for path in sorted(file_format.selects(files.keys()))]
    return samples


SAMPLES = {file_format.name: _samples_of(file_format) for file_format in CASE_FORMATS}
