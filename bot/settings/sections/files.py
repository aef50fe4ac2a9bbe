"""The entries of `files` in the config file, and types for the names of file formats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from bot.core.globs import is_glob_match
from bot.formats import load_all_formats
from bot.model.config_types.markers import Check, Example, OneOrMore
from bot.model.config_types.texts import PathGlob, require_text, validate_glob


def _validate_format_glob(value: str) -> str:
    names = _list_format_names()
    if not any(is_glob_match(value, name) for name in names):
        raise _build_format_error(validate_glob(value), names)
    return value


def _validate_format_name(value: str) -> str:
    names = _list_format_names()
    if value not in names:
        raise _build_format_error(require_text(value), names)
    return value


def _list_format_names() -> list[str]:
    return [file_format.name for file_format in load_all_formats()]


def _build_format_error(value: str, names: list[str]) -> ValueError:
    from bot.settings.suggest import suggest_key  # noqa: PLC0415 - imported only for a mistyped name

    return ValueError(f"`{value}` is not a file format; the formats are {', '.join(names)}{suggest_key(value, names)}")


FormatName = Annotated[str, Check(_validate_format_name)]
FormatGlob = Annotated[str, Check(_validate_format_glob)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesEntry:
    """The config entry that sets the format of files whose names do not show their format."""

    format: Annotated[FormatName, Example("dockerfile")]
    """The name of the format. `text` finds pinned references (`name:tag@sha256:…`) in any text file."""
    path: Annotated[OneOrMore[PathGlob], Example(["build/*.docker"])]
    """Globs for the paths of the files in a repository."""


def merge_globs(entries: Iterable[FilesEntry]) -> dict[str, tuple[str, ...]]:
    """Return the globs for the paths of additional files, by the names of their formats."""
    globs: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        globs[entry.format] = (*globs.get(entry.format, ()), *entry.path)
    return globs
