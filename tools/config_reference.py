"""Write the reference part of docs/configuration.md from the JSON Schema: `python -m tools.config_reference`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bot.settings.schema import build_json_schema
from tools.checkout import ROOT, with_part

PAGE = ROOT / "docs" / "configuration.md"
SOURCE = "from the schema"


def page(text: str) -> str:
    """Return the page with the generated part replaced."""
    return with_part(text, SOURCE, reference())


def reference() -> Iterator[str]:
    """Yield Markdown lines: a table for every mapping of the config file, in the order of the schema."""
    schema = build_json_schema()
    yield from _mapping("", schema, schema["$defs"], set())


def _mapping(path: str, shape: dict, definitions: dict, rendered: set[tuple[str, str]]) -> Iterator[str]:
    """Yield the table of a mapping and those of the mappings in it, unless they are in `rendered`; add them there.

    A mapping is identified by its path and the title of its schema, because entries of all kinds of scanners have the
    same `match`.
    """
    if (path, shape["title"]) in rendered:
        return
    rendered.add((path, shape["title"]))
    yield from (f"### {_heading(path, shape)}", "", shape["description"], "")
    yield from ("| key | type | default | description |", "|---|---|---|---|")
    for key, value in shape["properties"].items():
        default = _default(key, value, shape)
        yield f"| `{key}` | {_takes(value, definitions)} | {default} | {value['description']} |"
    yield ""
    for key, value in shape["properties"].items():
        for inner_path, inner in _mappings_in(f"{path}.{key}".removeprefix("."), value, definitions):
            yield from _mapping(inner_path, inner, definitions, rendered)


def _heading(path: str, shape: dict) -> str:
    kind = shape["properties"].get("kind", {}).get("const")
    return (f"`{path}`" if path else "The file") + (f" of the kind `{kind}`" if kind else "")


def _mappings_in(path: str, value: dict, definitions: dict) -> Iterator[tuple[str, dict]]:
    """Yield path and schema of the mappings that a key accepts, directly or as items of a list."""
    if "items" in value:
        yield from _mappings_in(f"{path}[]", value["items"], definitions)
        return
    for each in value.get("oneOf", [value]):
        resolved = _resolved(each, definitions)
        if "properties" in resolved:
            yield path, resolved


def _takes(value: dict, definitions: dict) -> str:
    value = _resolved(value, definitions)
    match value:
        case {"const": constant}:
            return f"`{constant}`"
        case {"enum": choices}:
            return ", ".join(f"`{choice}`" for choice in choices)
        case {"anyOf": [{"type": "string"}, {"type": "array"}]}:
            return "text, or a list"
        case {"oneOf": variants}:
            return " or ".join(dict.fromkeys(_takes(each, definitions) for each in variants))
        case {"type": "array", "items": items}:
            return f"list of {_takes(items, definitions)}"
        case {"type": "object"}:
            return "mapping"
        case {"type": "boolean"}:
            return "`true`, `false`"
        case {"type": "integer"}:
            return "number"
        case {"type": "string"}:
            return value.get("title", "text")
    message = f"no description for the schema {json.dumps(value)}"
    raise AssertionError(message)


def _default(key: str, value: dict, shape: dict) -> str:
    if key in shape.get("required", ()):
        return "required"
    return f"`{json.dumps(value['default']).strip(chr(34))}`" if "default" in value else ""


def _resolved(shape: dict, definitions: dict) -> dict:
    name = shape.get("$ref", "").rpartition("/")[2]
    return definitions[name] if name else shape


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
