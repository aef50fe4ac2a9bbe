"""Write config/default.yaml from the declarations of the keys: `python -m tools.default_config`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import yaml

from bot.model.config_types.markers import EXAMPLES, Example
from bot.model.config_types.times import format_duration
from bot.model.policy import Policy, policy_keys
from bot.settings.documents import ConfigFile
from bot.settings.reading.config import validate_config
from bot.settings.reading.validation import build_schema_with_examples
from tools.checkout import ROOT

PAGE = ROOT / "config" / "default.yaml"
WIDTH = 120
HEADER = """\
# This is basebump's config file, with every key and its default value. It is generated: `make docs` writes it.
#
# A `#` followed by exactly one space begins a comment. Any other `#` at the beginning of a line hides a key: either a
# key of an entry that you can add, or a key without a default. To use such a key, remove the `#`. If the same key with
# an empty list (`[]`) is above it, remove that line, too. If you leave out a key, it has the default shown here. Empty
# values and keys that are not in this file are errors. `docs/configuration-reference.md` has all keys in tables.
#
# yaml-language-server: $schema=schema.json
"""
RULE_WITH_DEFAULTS = "A rule with the keys that have a default value, which is shown."
RULE_WITHOUT_DEFAULTS = "A rule with the other keys."


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the file, or a comment that can need several lines."""

    indent: int
    text: str
    is_comment: bool = False
    is_hidden: bool = True

    def render(self) -> Iterator[str]:
        margin = " " * self.indent
        if self.is_comment:
            prefix = f"{margin}# "
            yield from textwrap.wrap(
                self.text, WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_on_hyphens=False
            )
        else:
            yield f"{'#' if self.is_hidden else ''}{margin}{self.text}"


def render_default_config() -> str:
    """Return the config file with every key, as YAML with comments."""
    schema = build_schema_with_examples()
    _add_policy_defaults(schema["$defs"]["Rule"]["properties"], schema["$defs"])
    lines = [HEADER]
    for key, shape in schema["properties"].items():
        block = _Renderer(schema["$defs"]).list_lines(key, shape, is_required=key in schema["required"])
        lines += [text for line in block for text in line.render()]
        lines.append("")
    return "\n".join(lines)


def _add_policy_defaults(rule: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Split a rule's schema into an entry with the policy keys that have a default, and an entry with the other keys.

    The defaults are added here. The schema does not contain them, because a later rule can set a key that a rule leaves
    out.
    """
    defaults = {key.name: getattr(Policy(), name) for name, key in policy_keys().items()}
    for name, shape in rule.items():
        default, resolved = defaults.get(name), _resolve(shape, definitions)
        has_default = bool(default) or (default is not None and default != ()) or _accepts_empty_list(default, resolved)
        if not has_default:
            shape[EXAMPLES] = [replace(each, entry=RULE_WITHOUT_DEFAULTS) for each in shape.get(EXAMPLES, [Example()])]
        elif "properties" not in resolved:
            shape["default"] = format_duration(default) if isinstance(default, timedelta) else default


def _accepts_empty_list(default: object, shape: dict[str, Any]) -> bool:
    return default == () and shape.get("type") == "array" and not shape.get("minItems")


def _resolve(shape: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with the content of its definition. The description of the definition is left out."""
    name = shape.get("$ref", "").rpartition("/")[2]
    return {**definitions[name], "description": "", **shape} if name else shape


@dataclass(frozen=True, slots=True)
class _Renderer:
    """Lists the lines for one top-level key of the file."""

    definitions: dict[str, Any]
    described: set[tuple[str, str]] = field(default_factory=set)
    """The keys that already have a comment, as pairs of the mapping's name and the key."""

    def list_lines(self, key: str, shape: dict[str, Any], *, is_required: bool) -> Iterator[_Line]:
        yield _Line(0, self._describe(shape, is_required=is_required), is_comment=True)
        resolved = _resolve(shape, self.definitions)
        if "const" in resolved and is_required:
            yield _Line(0, f"{key}: {_format(resolved['const'])}", is_hidden=False)
        elif "properties" in resolved:
            is_hidden = not _has_no_effect(key)
            yield _Line(0, f"{key}:", is_hidden=is_hidden)
            yield from self._list_keys(resolved, 2, is_hidden=is_hidden)
        else:
            yield from self._list_value(key, shape, 0, is_hidden="default" not in shape)

    def _list_keys(self, mapping: dict[str, Any], indent: int, entry: str = "", *, is_hidden: bool) -> Iterator[_Line]:
        """Yield the keys of a mapping, or of one of the entries of a list, with their comments."""
        for key, shape in mapping["properties"].items():
            examples = {each.entry: each for each in shape.get(EXAMPLES, ())}
            if entry not in examples if examples else entry and key != "kind":
                continue
            is_required = key in mapping.get("required", ())
            is_kind = key == "kind" and "const" in shape  # the comment above the entry already describes this key
            if (mapping["title"], key) not in self.described and not is_kind:
                self.described.add((mapping["title"], key))
                yield _Line(indent, self._describe(shape, is_required=is_required), is_comment=True)
            is_key_hidden = is_hidden or "default" not in shape
            yield from self._list_value(key, shape, indent, entry, is_hidden=is_key_hidden, in_hidden=is_hidden)

    def _list_value(
        self,
        key: str,
        shape: dict[str, Any],
        indent: int,
        entry: str = "",
        *,
        is_hidden: bool,
        in_hidden: bool = False,
    ) -> Iterator[_Line]:
        """Yield a key with its value. Mappings and lists of mappings take further lines."""
        resolved = _resolve(shape, self.definitions)
        example = {each.entry: each.value for each in resolved.get(EXAMPLES, ())}.get(entry)
        variants = self._list_variants(resolved) if not entry or example is None else []
        if variants:
            if not is_hidden and not in_hidden:
                yield _Line(indent, f"{key}: []", is_hidden=False)
            yield _Line(indent, f"{key}:")
            yield from (_Line(indent + 2, f"- {_format(each)}") for each in example or ())
            entries = [
                list(self._list_entry(each, entry, indent + 2)) for each in variants for entry in _list_names(each)
            ]
            for index, lines in enumerate(entries):
                if index and indent == 0:
                    yield _Line(0, "", is_hidden=False)
                yield from lines
        elif "properties" in resolved and example is None:
            yield _Line(indent, f"{key}:", is_hidden=is_hidden)
            yield from self._list_keys(resolved, indent + 2, is_hidden=True)
        else:
            value = example if example is not None else _find_value(key, resolved)
            yield _Line(indent, f"{key}: {_format(value)}", is_hidden=is_hidden)

    def _list_variants(self, shape: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the schemas of the mappings that a list can contain."""
        items = shape.get("items", {})
        variants = [_resolve(each, self.definitions) for each in items.get("oneOf", [items])]
        return [each for each in variants if "properties" in each]

    def _list_entry(self, mapping: dict[str, Any], entry: str, indent: int) -> Iterator[_Line]:
        """Yield a list entry with some of the keys of a mapping."""
        comment = entry or self._describe_entry(mapping)
        lines = list(self._list_keys(mapping, indent + 2, entry, is_hidden=True))
        if comment:
            yield _Line(indent, comment, is_comment=True)
        first = next(index for index, line in enumerate(lines) if not line.is_comment)
        yield from (replace(line, indent=indent) for line in lines[:first])
        yield replace(lines[first], indent=indent, text=f"- {lines[first].text}")
        yield from lines[first + 1 :]

    def _describe_entry(self, mapping: dict[str, Any]) -> str:
        """Return the comment above the first list entry of a mapping; empty if the comment of the list's key describes
        it.
        """
        if mapping["title"] == "Rule":
            return RULE_WITH_DEFAULTS
        if "const" not in mapping["properties"].get("kind", {}):
            return ""
        text = self.definitions[mapping["title"]]["description"].removeprefix("The config entry for ")
        return text[0].upper() + text[1:]

    def _describe(self, shape: dict[str, Any], *, is_required: bool) -> str:
        """Return the comment above a key: its description, its allowed values, and whether the key is required."""
        items = shape.get("items", {})
        names = [each.get("$ref", "").rpartition("/")[2] for each in (shape, items)]
        details = [self.definitions[name]["description"].partition(". ")[2] for name in names if name]
        details = [each for each in details if "properties" in self.definitions[names[0] or names[1]]]
        choices = _resolve(items or shape, self.definitions).get("enum", ())
        unnamed = [each for each in choices if f"`{each}`" not in shape["description"]]
        return " ".join(
            part
            for part in (
                shape["description"],
                *details,
                f"The values are {', '.join(f'`{each}`' for each in choices)}." if unnamed else "",
                "This key is required." if is_required else "",
            )
            if part
        )


def _list_names(mapping: dict[str, Any]) -> list[str]:
    """Return the names of the entries that together show all keys of a mapping. The first name is empty."""
    examples = [each for shape in mapping["properties"].values() for each in shape.get(EXAMPLES, ())]
    return list(dict.fromkeys(["", *(each.entry for each in examples)]))


def _has_no_effect(key: str) -> bool:
    """Return True if an empty section of the config is valid and has the same effect as no section."""
    config, problems = validate_config({"schema": 1, key: {}}, requires_forges=False)
    return not problems and config == ConfigFile(schema=1)


def _find_value(key: str, shape: dict[str, Any]) -> Any:
    """Return the value to show for a key without an example: its default, or a value that fits its type."""
    match shape:
        case {"default": value} | {"const": value}:
            return value
        case {"enum": [value, *_]}:
            return value
        case {"type": "boolean"}:
            return True
        case {"type": "array", "items": items}:
            return [_find_value(key, items)]
    message = f"config/default.yaml cannot show `{key}`; hint: add an `Example` to its type, or `example` to `_key`"
    raise AssertionError(message)


def _format(value: Any) -> str:
    """Return a value in YAML on one line."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_format, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        is_plain = yaml.safe_load(f"[{value}]") == [value]
    except yaml.YAMLError:
        is_plain = False
    return str(value) if is_plain else json.dumps(value)


if __name__ == "__main__":
    PAGE.write_text(render_default_config(), encoding="utf-8")
