"""Validate documents with the declarations of their keys, and generate the JSON Schema of these declarations.

This is the only module that makes pydantic read the declarations.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, with_config
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bot.model.config_types.markers import EXAMPLES
from bot.model.config_types.times import format_duration
from bot.settings.documents import ConfigFile
from bot.settings.sections.serve import SocketAddress

Declaration = TypeVar("Declaration")

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _get_key(field: str) -> str:
    """Return the key of a field. The field `from_` has the key `from`, which is a word of Python."""
    return field.removesuffix("_")


_OPTIONS = ConfigDict(extra="forbid", hide_input_in_errors=True, alias_generator=_get_key)


def validate(declaration: type[Declaration], document: object, folder: Path | None = None) -> Declaration:
    """Return the content of a document as a frozen value.

    Raises pydantic.ValidationError with all errors if the document is not valid.

    Paths in the document are relative to `folder`.
    """
    adapter: TypeAdapter[Declaration] = _build_adapter(cast(Any, declaration))
    return adapter.validate_python(document, context=folder)


@cache
def _build_adapter(declaration: Any) -> TypeAdapter[Any]:
    return TypeAdapter(with_config(_OPTIONS)(declaration))


@cache
def build_json_schema(declaration: type = ConfigFile) -> dict[str, Any]:
    """Return the JSON Schema of a config file, for editors (https://json-schema.org/draft/2020-12/schema).

    The descriptions in it are the docstrings of the declarations and of their keys, each joined to one line.
    """
    return cast(dict[str, Any], _remove_examples(build_schema_with_examples(declaration)))


def build_schema_with_examples(declaration: type = ConfigFile) -> dict[str, Any]:
    """Return the JSON Schema of a config file, in which `EXAMPLES` lists the examples of each value."""
    schema = _build_adapter(declaration).json_schema(schema_generator=_ConfigSchemaGenerator)
    return {"$schema": DIALECT, **_finish(schema)}


def _remove_examples(schema: Any) -> Any:
    match schema:
        case dict():
            return {key: _remove_examples(value) for key, value in schema.items() if key != EXAMPLES}
        case list():
            return [_remove_examples(each) for each in schema]
        case _:
            return schema


def _finish(schema: Any) -> Any:
    """Return a schema with descriptions of one line, and with its definitions sorted by name."""
    match schema:
        case dict():
            return {key: _finish_value(key, value) for key, value in schema.items()}
        case list():
            return [_finish(each) for each in schema]
        case _:
            return schema


def _finish_value(key: str, value: Any) -> Any:
    if key == "description":
        return " ".join(value.split())
    if key == "$defs":
        return {name: _finish(value[name]) for name in sorted(value)}
    return _finish(value)


class _ConfigSchemaGenerator(GenerateJsonSchema):
    """Generates the JSON Schema without null and without the titles of keys.

    Null is not a valid value in a config file, and the titles would only repeat the names of the keys.
    """

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 - pydantic's signature
        return field.get("name") == "kind" or super().field_is_required(field, total)

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        json_schema = super().dataclass_schema(schema)
        declaration: Any = schema["cls"]
        for field, description in read_key_descriptions(declaration).items():
            if (key := _get_key(field)) in json_schema["properties"]:
                json_schema["properties"][key]["description"] = description
        return json_schema

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        json_schema = super().default_schema(schema)
        if not _is_valid_default(schema.get("default"), json_schema):
            json_schema.pop("default", None)
        return json_schema

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return str(dft) if isinstance(dft, SocketAddress) else super().encode_default(dft)


def _is_valid_default(default: object, json_schema: JsonSchemaValue) -> bool:
    """Return True if a default can be written into the file. A constant is not a default, because it is required."""
    if default == ():
        return not any(each.get("minItems") for each in json_schema.get("anyOf", [json_schema]))
    return not (default is None or is_dataclass(default) or "const" in json_schema)


@cache
def read_key_descriptions(declaration: type) -> Mapping[str, str]:
    """Return the description of each field of a dataclass: its metadata, or the docstring below it."""
    descriptions = {each.name: each.metadata["description"] for each in fields(declaration) if each.metadata}
    if descriptions:
        return descriptions
    for each in reversed(declaration.__mro__[:-1]):
        body = _parse_classes(each.__module__)[each.__name__].body
        for field, text in pairwise(body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(docstring))):
                    descriptions[name] = docstring
    return descriptions


@cache
def _parse_classes(module: str) -> Mapping[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
