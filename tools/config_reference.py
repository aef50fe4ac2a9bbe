"""Write docs/configuration-reference.md from the JSON Schema: `python -m tools.config_reference`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bot.settings.reading.validation import build_json_schema
from tools.checkout import ROOT, replace_part

PAGE = ROOT / "docs" / "configuration-reference.md"
SOURCE = "from the schema"


def render_page(text: str) -> str:
    """Return the page with the generated part replaced."""
    return replace_part(text, SOURCE, render_reference())


def render_reference() -> Iterator[str]:
    """Yield Markdown lines: a table for every mapping of the config file, in the order of the schema."""
    schema = build_json_schema()
    yield from _render_mapping("", schema, schema["$defs"], set())


def _render_mapping(path: str, mapping: dict, definitions: dict, rendered: set[tuple[str, str]]) -> Iterator[str]:
    """Yield the tables of a mapping and of the mappings in it. Skip mappings in `rendered`, and add the others to it.

    In `rendered`, a mapping is identified by its path and the title of its schema, because the same `match` is part of
    all kinds of scanners.
    """
    if (path, mapping["title"]) in rendered:
        return
    rendered.add((path, mapping["title"]))
    yield from (f"### {_format_heading(path, mapping)}", "", mapping["description"], "")
    yield from ("| key | type | default | description |", "|---|---|---|---|")
    for key, value in mapping["properties"].items():
        default = _format_default(key, value, mapping)
        yield f"| `{key}` | {_describe_type(value, definitions)} | {default} | {value['description']} |"
    yield ""
    for key, value in mapping["properties"].items():
        for inner_path, inner in _list_mappings(f"{path}.{key}".removeprefix("."), value, definitions):
            yield from _render_mapping(inner_path, inner, definitions, rendered)


def _format_heading(path: str, mapping: dict) -> str:
    kind = mapping["properties"].get("kind", {}).get("const")
    return (f"`{path}`" if path else "The file") + (f" of the kind `{kind}`" if kind else "")


def _list_mappings(path: str, value: dict, definitions: dict) -> Iterator[tuple[str, dict]]:
    """Yield the path and the schema of each mapping that a key accepts, directly or as an item of a list."""
    if "items" in value:
        yield from _list_mappings(f"{path}[]", value["items"], definitions)
        return
    for each in value.get("oneOf", [value]):
        resolved = _resolve_reference(each, definitions)
        if "properties" in resolved:
            yield path, resolved


def _describe_type(value: dict, definitions: dict) -> str:
    """Return the type of a value in the words of the tables."""
    value = _resolve_reference(value, definitions)
    match value:
        case {"const": constant}:
            return f"`{constant}`"
        case {"enum": choices}:
            return ", ".join(f"`{choice}`" for choice in choices)
        case {"anyOf": [{"type": "string"}, {"type": "array"}]}:
            return "text, or a list"
        case {"oneOf": variants}:
            return " or ".join(dict.fromkeys(_describe_type(each, definitions) for each in variants))
        case {"type": "array", "items": items}:
            return f"list of {_describe_type(items, definitions)}"
        case {"type": "object"}:
            return "mapping"
        case {"type": "boolean"}:
            return "`true`, `false`"
        case {"type": "integer"}:
            return "number"
        case {"type": "string"}:
            return value.get("title", "text")
    message = f"{json.dumps(value)} is a schema without a description; hint: add a case for it"
    raise AssertionError(message)


def _format_default(key: str, value: dict, mapping: dict) -> str:
    if key in mapping.get("required", ()):
        return "required"
    return f"`{json.dumps(value['default']).strip(chr(34))}`" if "default" in value else ""


def _resolve_reference(mapping: dict, definitions: dict) -> dict:
    name = mapping.get("$ref", "").rpartition("/")[2]
    return definitions[name] if name else mapping


if __name__ == "__main__":
    PAGE.write_text(render_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
