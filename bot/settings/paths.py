"""Types for paths in a config file, which are relative to the folder of the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from bot.model.config_types.addresses import normalise_download_url
from bot.model.config_types.markers import JsonSchema
from bot.model.config_types.texts import require_text

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, slots=True, eq=False)
class InFolder:
    """Converts a text of the file with the folder of the file, which is the context of the validation."""

    resolve: Callable[[Path, str], Any]
    """Return the value, or raise ValueError."""
    json_schema: JsonSchema | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - imported only to read a config file

        def validate(value: str, info: core_schema.ValidationInfo) -> Any:
            return self.resolve(info.context or Path(), require_text(value))

        return core_schema.with_info_after_validator_function(validate, core_schema.str_schema())

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) if self.json_schema is None else dict(self.json_schema)


def _resolve_download(folder: Path, value: str) -> Path | str:
    return normalise_download_url(value) if "://" in value else folder / value


def _resolve_program(folder: Path, value: str) -> str:
    """Return the path of a program. A name without a slash is returned unchanged, because it is looked up on PATH."""
    return str(folder / value) if "/" in value else value


ConfigPath = Annotated[Path, InFolder(lambda folder, value: folder / value)]
PathOrUrl = Annotated[Path | str, InFolder(_resolve_download)]
"""The path of a file, or the https URL of a download as a string."""
Program = Annotated[str, InFolder(_resolve_program)]
