"""Types for the names of file formats."""

from __future__ import annotations

from typing import Annotated

from bot.core.globs import is_glob_match
from bot.formats import load_all_formats
from bot.model.config_types.markers import Check
from bot.model.config_types.texts import require_text, validate_glob
from bot.settings.suggest import suggest_key


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
    return ValueError(f"`{value}` is not a file format; the formats are {', '.join(names)}{suggest_key(value, names)}")


FormatName = Annotated[str, Check(_validate_format_name)]
FormatGlob = Annotated[str, Check(_validate_format_glob)]
