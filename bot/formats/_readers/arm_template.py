"""Read ARM templates: the images of container apps, container instances and web apps on Azure.

See https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax. A digest may be written into a string, or
into the default of the parameter or variable that is the value of an image. Other expressions are not evaluated.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import assert_never

from bot.core.references.locking import lock_reference
from bot.formats._syntax.azure_resources import (
    ImageValue,
    NamedTemplateValue,
    TemplateImages,
    TemplateString,
    is_image_property,
)
from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.jsonc import JsonArray, JsonFile, JsonObject, JsonString, JsonValue, JsonWord, read_json
from bot.model.extracted_item import ExtractedItem
from bot.model.source import Reference, SourceFile
from bot.model.vocabulary import Reason

_FORMAT = "arm-template"
_SCHEMA = re.compile(r"deploymentTemplate\.json", re.IGNORECASE)
_NAMED_VALUE = re.compile(r"(parameters|variables)\(\s*'([^']*)'\s*\)", re.IGNORECASE)
_EXPRESSION = re.compile(r"\[(?!\[).*\]", re.DOTALL)
_DEPLOYMENT_TYPE = "microsoft.resources/deployments"
_LIMITS = frozenset({"allowedvalues", "maxlength"})
"""Keys of a parameter that limit its values, in lower case."""
_GENERATED_NOTE = "`bicep build` generates this file from a Bicep file"


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images in a template, in the order of their lines, or nothing if the file is not an ARM template."""
    match read_json(file.content):
        case JsonFile(root=JsonObject() as root) as json if _is_template(root):
            scanner = _TemplateScanner()
            scanner.scan(root)
            get_line_number = json.line_offsets.get_line_number
            images = TemplateImages(file.path, _FORMAT, get_line_number, scanner.named_values, scanner.use_counts)
            is_generated = _is_generated(root)
            for found in images.read_values(scanner.images):
                if is_generated and isinstance(found, Reference):
                    yield replace(lock_reference(found, Reason.OTHER_WRITER), notes=(_GENERATED_NOTE,))
                else:
                    yield found
        case JsonFile():
            return
        case BrokenFile() as broken:
            yield broken.make_unsupported(file.path)
        case unknown:
            assert_never(unknown)


def _is_template(root: JsonObject) -> bool:
    return any(isinstance(each, JsonString) and _SCHEMA.search(each.value) for each in root.list_values("$schema"))


def _is_generated(root: JsonObject) -> bool:
    """Return True if Bicep generated the template, so that Bicep would overwrite every edit."""
    for key in ("metadata", "_generator"):
        root = next((each for each in root.list_values(key) if isinstance(each, JsonObject)), JsonObject(0, ()))
    return any(isinstance(each, JsonString) and each.value == "bicep" for each in root.list_values("name"))


@dataclass(slots=True)
class _TemplateScanner:
    """Scans one template. The results are in the fields."""

    images: list[ImageValue] = field(default_factory=list)
    named_values: dict[str, NamedTemplateValue] = field(default_factory=dict)
    use_counts: Counter[str] = field(default_factory=Counter)

    def scan(self, root: JsonObject) -> None:
        for key, value in root.items:
            section = key.value.lower()
            if section in ("parameters", "variables"):
                self._add_named_values(section, value)
            elif section == "resources":
                self._scan_resources(value, "", "resources", is_nested=False)
            self._count_uses(value)

    def _add_named_values(self, section: str, value: JsonValue) -> None:
        for key, each in value.items if isinstance(value, JsonObject) else ():
            name = f"{section}('{key.value.lower()}')"
            if section == "variables":
                self.named_values[name] = NamedTemplateValue(_get_string(each), is_parameter=False, is_limited=False)
                continue
            attributes = {each_key.value.lower(): inner for each_key, inner in _list_items(each)}
            default = _get_string(attributes.get("defaultvalue"))
            is_limited = not _LIMITS.isdisjoint(attributes)
            self.named_values[name] = NamedTemplateValue(default, is_parameter=True, is_limited=is_limited)

    def _scan_resources(self, value: JsonValue, parent_type: str, locator: str, *, is_nested: bool) -> None:
        """Scan a list of resources, or an object whose values are resources.

        `is_nested` is True in a template that is part of another template. A nested template may use its own
        parameters, or the parameters of the outer template.
        """
        resources = value.items if isinstance(value, JsonArray) else [each for _, each in _list_items(value)]
        for index, resource in enumerate(resources):
            items = {key.value.lower(): each for key, each in _list_items(resource)}
            own_type = items.get("type")
            if not isinstance(own_type, JsonString):
                continue
            is_full = "." in own_type.value.partition("/")[0]
            resource_type = own_type.value if is_full or not parent_type else f"{parent_type}/{own_type.value}"
            at = f"{locator}/{index}"
            for key, each in items.items():
                if key == "resources":
                    self._scan_resources(each, resource_type, f"{at}/{key}", is_nested=is_nested)
                elif key == "properties" and resource_type.lower() == _DEPLOYMENT_TYPE:
                    self._scan_deployment(each, at)
                else:
                    self._scan_property(resource_type, (key,), each, at, is_nested=is_nested)

    def _scan_deployment(self, properties: JsonValue, locator: str) -> None:
        for key, template in _list_items(properties):
            for inner_key, resources in _list_items(template) if key.value.lower() == "template" else ():
                if inner_key.value.lower() == "resources":
                    self._scan_resources(resources, "", f"{locator}/template/resources", is_nested=True)

    def _scan_property(
        self, resource_type: str, path: tuple[str, ...], value: JsonValue, locator: str, *, is_nested: bool
    ) -> None:
        if isinstance(value, JsonString) and is_image_property(resource_type, path):
            image = ImageValue(
                "/".join((locator, *path)), path[-1], value.value, value.start, _read_value(value, is_nested=is_nested)
            )
            self.images.append(image)
        elif isinstance(value, JsonArray):
            for each in value.items:
                self._scan_property(resource_type, path, each, locator, is_nested=is_nested)
        else:
            for key, each in _list_items(value):
                self._scan_property(resource_type, (*path, key.value.lower()), each, locator, is_nested=is_nested)

    def _count_uses(self, root: JsonValue) -> None:
        waiting = [root]
        while waiting:
            match waiting.pop():
                case JsonString(text):
                    self.use_counts.update(_list_names(text))
                case JsonArray(_, items):
                    waiting += items
                case JsonObject(_, members):
                    waiting += [each for member in members for each in member]
                case JsonWord():
                    pass
                case unknown:
                    assert_never(unknown)


def _list_items(value: JsonValue) -> tuple[tuple[JsonString, JsonValue], ...]:
    return value.items if isinstance(value, JsonObject) else ()


def _list_names(text: str) -> Iterator[str]:
    """Yield the names of the parameters and variables in an expression, such as `parameters('image')`."""
    return (f"{kind.lower()}('{name.lower()}')" for kind, name in _NAMED_VALUE.findall(text))


def _get_string(value: JsonValue | None) -> TemplateString | None:
    """Return `value` if it is a string without an expression, or None."""
    if not isinstance(value, JsonString) or _EXPRESSION.fullmatch(value.value):
        return None
    return TemplateString(value.value, value.start, value.is_literal)


def _read_value(value: JsonString, *, is_nested: bool) -> TemplateString | str | None:
    """Return a string, the name of a parameter or variable, or None for any other expression."""
    if not _EXPRESSION.fullmatch(value.value):
        return _get_string(value)
    is_name = _NAMED_VALUE.fullmatch(value.value[1:-1].strip()) is not None
    return next(_list_names(value.value)) if is_name and not is_nested else None
