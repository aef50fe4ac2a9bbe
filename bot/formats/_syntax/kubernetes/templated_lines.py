"""Read manifests that cannot be parsed as YAML because they contain templates. They are read line by line.

The nesting of keys is derived from indentation alone. For a line `image: …`, the keys of the lines around it form a
path, such as `spec.template.spec.containers[].image`. The line is read if this is the path of an image field in the
kind of the object, or if the path ends like the path of an image field in a PodSpec. A template under another key such
as `sidecarImage` of a custom resource is listed, too. The lines of a block scalar are text, and are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.core.references.locking import lock_reference
from bot.formats._syntax.kubernetes.image_fields import FieldShape
from bot.formats._syntax.kubernetes.image_keys import (
    FIELDS_WITHOUT_IMAGES,
    KEYS_WITHOUT_IMAGES,
    ImageCertainty,
    classify_image_text,
    is_image_key,
    may_have_image_keys_of_any_name,
)
from bot.formats._syntax.kubernetes.jobs import is_job, is_replaced
from bot.formats._syntax.kubernetes.kinds import KINDS, POD_FIELDS, get_group
from bot.formats._syntax.reference_positions import SCHEME, TEMPLATE_MARKS, ReferencePosition
from bot.formats._syntax.yaml.image_reader import SET_BY_FLUX
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, BrokenSection, KeyPath
from bot.formats._syntax.yaml.trees import MAX_NESTING
from bot.model.source import FilePath, Reference, UnsupportedText
from bot.model.vocabulary import Reason

MAX_VALUE = 2000
"""Limit on the bytes of a value. A reference has at most 1024, and a comment may follow."""

TEMPLATE_OPENER = re.compile(rb"\{\{|\{%|<%|%\{")
"""Opening marks of Go templates, Jinja, ERB and Terraform."""
_LINE_OPENERS = (b"{{", b"{%", b"<%", b"%{")
"""The marks that TEMPLATE_OPENER matches, for a quick test of the start of a line."""
_TEMPLATE_LINE = re.compile(rb"[ \t]*(?:\{\{.*\}\}|\{%.*%\}|<%.*%>|%\{.*\})[ \t]*")
_LINE = re.compile(
    rb"(?P<dashes>[ ]*+(?:-[ ]++)*+)"
    rb"(?P<quote>[\"']?)(?P<key>[A-Za-z0-9_][A-Za-z0-9_./-]*)(?P=quote)[ ]*:(?:[ \t]+(?P<value>.*))?"
)
_ITEM = re.compile(rb"(?P<dashes>[ ]*+(?:-(?:[ ]++|\Z))++)")
_VALUE = re.compile(
    rb"(?P<quote>[\"'])?(?P<text>(?(quote)[^\"']*+|(?:[^\"' \t]++|[ \t]++(?!\#|\Z))*+))(?(quote)(?P=quote))"
    rb"(?P<rest>[ \t]*+(?:(?<=[ \t])\#.*+)?)"
)
_BLOCK = re.compile(rb"(?:[&!]\S+[ \t]+)*[|>][-+0-9]*[ \t]*(?:#.*)?")
_IMAGE_KEY = re.compile(rb"(?<![\w./-])[\"']?image[\"']?[ \t]*:")
_OBJECT_KEYS = tuple(re.compile(rb"^[\"']?%b[\"']?[ \t]*:" % key, re.MULTILINE) for key in (b"apiVersion", b"kind"))
_DEFINITION = re.compile(rb"^kind:[ \t]+CustomResourceDefinition\b", re.MULTILINE)
_JSON_OBJECT_KEYS = tuple(re.compile(rb"\"%b\"\s*:" % key) for key in (b"apiVersion", b"kind"))
_POD_FIELD_PATHS = tuple(pod_field.path for pod_field in POD_FIELDS)
_IMAGE_FIELD_KEYS = frozenset(
    each.path[-1] for fields in KINDS.values() for each in fields if each.shape is FieldShape.IMAGE
)
"""The last keys of all image fields. Outside the path of such a field, a key like this may mean anything."""
_IMAGE = "image"
_METADATA = "metadata"
_LONGEST_METADATA_PATH = (_METADATA, "annotations", "key")


@dataclass(slots=True)
class _ImageLine:
    """A line that may contain an image, because its key (such as `image`) is also the last key of an image field."""

    value_start: int
    """The offset of the value in the section."""
    value: bytes
    path: KeyPath
    item_start: int | None
    """The offset of the line that starts the list item which directly contains this line, or None outside a list
    item."""


@dataclass(slots=True)
class _TemplatedLines:
    """Reads the lines of a section, and collects the possible images and the fields that describe the object."""

    root: dict[str, str] = field(default_factory=dict)
    metadata: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    """The metadata of the object itself by key path: its own fields, its labels and its annotations."""
    images: list[_ImageLine] = field(default_factory=list)
    is_understood: bool = True
    """True if every line with the key of an image was understood."""
    _open_keys: list[tuple[int, str, int]] = field(default_factory=list)
    """The column, key and line offset of each open mapping or list item. A list item has the key ALL_ITEMS."""

    def read_lines(self, raw: bytes, start: int) -> None:
        """Read `raw` from the offset `start`, and store the possible images and the object's own fields in `self`."""
        at = start
        block_column: int | None = None
        is_in_template = False
        for line in raw[start:].split(b"\n"):
            begin, at = at, at + len(line) + 1
            text = line.removesuffix(b"\r")
            was_in_template = is_in_template
            closing = text.rfind(b"}}")
            is_in_template = text.rfind(b"{{") > closing or (was_in_template and closing < 0)
            stripped = text.strip()
            if was_in_template or not stripped:
                continue
            if block_column is not None and len(text) - len(text.lstrip(b" ")) > block_column:
                continue
            if stripped.startswith(_LINE_OPENERS) and _TEMPLATE_LINE.fullmatch(text):
                continue
            block_column = None
            if not stripped.startswith(b"#"):
                block_column = self._read_line(text, begin)

    def _read_line(self, text: bytes, start: int) -> int | None:
        """Collect the key and the possible image of one line, which starts at the offset `start` of the section.

        If the line starts a block scalar (`key: |`), return the column of its key, so that the caller can skip the
        lines of the scalar. If the line does not start a block scalar, return None.
        """
        match = _LINE.fullmatch(text)
        if match is None:
            item = _ITEM.match(text)
            if item is not None:
                self._open_items(item["dashes"], start)
            self.is_understood = self.is_understood and _IMAGE_KEY.search(text) is None
            return None
        if match["dashes"].find(b"-") >= 0:
            self._open_items(match["dashes"], start)
        column, key, value = match.start("quote"), match["key"].decode(), match["value"] or b""
        if len(value) > MAX_VALUE:
            self.is_understood = (
                self.is_understood and key not in _IMAGE_FIELD_KEYS and _IMAGE_KEY.search(value) is None
            )
            value = b""
        self._close_keys(column)
        self._open_keys.append((column, key, start))
        if value and _BLOCK.fullmatch(value):
            self.is_understood = self.is_understood and key != _IMAGE
            return column
        if value and (key in _IMAGE_FIELD_KEYS or is_image_key(key)):
            items = [line for _, around, line in self._open_keys[-2:-1] if around == ALL_ITEMS]
            self.images.append(_ImageLine(start + match.start("value"), value, self._path, next(iter(items), None)))
        elif value.find(b"image") >= 0 and _IMAGE_KEY.search(value):
            self.is_understood = False
        if len(self._open_keys) == 1 or (
            self._open_keys[0][1] == _METADATA and len(self._open_keys) <= len(_LONGEST_METADATA_PATH)
        ):
            self._record_field(self._path, value)
        return None

    @property
    def _path(self) -> KeyPath:
        return tuple(key for _, key, _ in self._open_keys)

    def _open_items(self, dashes: bytes, start: int) -> None:
        if dashes.count(b"-") > MAX_NESTING:
            self.is_understood = False
            return
        for column, character in enumerate(dashes):
            if character == ord("-"):
                while self._open_keys and (
                    self._open_keys[-1][0] > column or self._open_keys[-1][:2] == (column, ALL_ITEMS)
                ):
                    self._open_keys.pop()
                self._open_keys.append((column, ALL_ITEMS, start))

    def _close_keys(self, column: int) -> None:
        while self._open_keys and self._open_keys[-1][0] >= column:
            self._open_keys.pop()

    def _record_field(self, path: KeyPath, value: bytes) -> None:
        match = _VALUE.fullmatch(value)
        text = match["text"].decode(errors="replace") if match is not None else ""
        if len(path) == 1:
            self.root[path[0]] = text
        else:
            self.metadata.setdefault(path[:-1], {})[path[-1]] = text

    @property
    def group_kind(self) -> tuple[str, str]:
        return get_group(self.root.get("apiVersion", "")), self.root.get("kind", "")

    @property
    def is_immutable(self) -> bool:
        own, labels, annotations = (
            self.metadata.get(path, {}) for path in ((_METADATA,), (_METADATA, "labels"), (_METADATA, "annotations"))
        )
        return is_job(*self.group_kind) and not is_replaced(own, labels, annotations)


def has_object_keys(raw: bytes, start: int, path: FilePath) -> bool:
    """Return True if a section that cannot be parsed contains an object, with the keys `apiVersion` and `kind`.

    Only the part of `raw` from the offset `start` on is searched. In YAML files, the keys must be at the top level. The
    result is False for a CustomResourceDefinition, because it never contains an image.
    """
    patterns = _JSON_OBJECT_KEYS if path.lower().endswith(".json") else _OBJECT_KEYS
    return all(pattern.search(raw, start) for pattern in patterns) and _DEFINITION.search(raw, start) is None


def read_templated_lines(
    broken: BrokenSection, start: int, position: ReferencePosition
) -> Iterator[Reference | UnsupportedText]:
    """Yield the images in a section that contains templates and so cannot be parsed. The section is read line by line.

    If some lines with images are not understood, also yield an `UnsupportedText` for the section. If the section
    contains no template, yield only this `UnsupportedText`.

    The locator of an image is the locator of the section, followed by `/image[n]`. All lines with a key such as `image`
    are counted, even if they contain no image, and `n` is the number of such lines above the image.

    Args:
        broken: The section.
        start: The offset in the section up to which it has been read already.
        position: The position of the section. Its line is the line of the parser's error.
    """
    source = broken.source
    unsupported_section = position.make_unsupported(broken.line.strip(), broken.reason)
    if TEMPLATE_OPENER.search(source.raw, start) is None:
        yield unsupported_section
        return
    lines = _TemplatedLines()
    lines.read_lines(source.raw, start)
    references: list[Reference | UnsupportedText] = []
    is_understood = lines.is_understood
    for index, image in enumerate(lines.images):
        line_number = source.get_line_number(source.start + image.value_start)
        also_lines = () if image.item_start is None else (source.get_line_number(source.start + image.item_start),)
        locator = f"{position.locator}/image[{index}]"
        line_position = ReferencePosition(
            position.path, position.format, position.role, line_number, locator, related_lines=also_lines
        )
        reference = _read_image_line(image, line_position, source.start, lines.group_kind)
        if reference is None:
            is_understood = is_understood and image.path[-1] != _IMAGE
            continue
        if isinstance(reference, Reference) and lines.is_immutable:
            reference = lock_reference(reference, Reason.IMMUTABLE_JOB)
        references.append(reference)
    if not is_understood:
        references.append(unsupported_section)
    yield from sorted(references, key=lambda each: each.line_number)


def _read_image_line(
    image: _ImageLine, position: ReferencePosition, start: int, group_kind: tuple[str, str]
) -> Reference | UnsupportedText | None:
    """Return the image in a line, or None if the line is not understood or the key of the line is not an image field.

    `start` is the offset of the section in the file. `group_kind` is the API group and the kind of the object.
    """
    match = _VALUE.fullmatch(image.value)
    text = (match["text"] if match is not None else image.value).decode(errors="replace")
    is_image_field = _is_image_field(image.path, group_kind)
    if TEMPLATE_MARKS.search(text) and (
        is_image_field or image.path[-1] == _IMAGE or _may_be_custom_image(image.path, group_kind[0], text)
    ):
        return position.make_unsupported(text, Reason.TEMPLATED)
    if match is None or not is_image_field:
        return None
    if SCHEME.match(text):
        return position.make_not_editable(text, Reason.NOT_AN_IMAGE)
    found = position.read_reference(text, start + image.value_start + match.start("text"))
    if isinstance(found, Reference) and SET_BY_FLUX.search(match["rest"].decode(errors="replace")):
        return lock_reference(found, Reason.OTHER_WRITER)
    return found


def _may_be_custom_image(path: KeyPath, group: str, text: str) -> bool:
    """Return True if a template under a key such as `sidecarImage` of a custom resource may become an image."""
    return (
        may_have_image_keys_of_any_name(group)
        and is_image_key(path[-1])
        and path[0] not in FIELDS_WITHOUT_IMAGES
        and KEYS_WITHOUT_IMAGES.isdisjoint(path)
        and classify_image_text(group, path[-1], text) is not ImageCertainty.NONE
    )


def _is_image_field(path: KeyPath, group_kind: tuple[str, str]) -> bool:
    if any(path == each.path and each.shape is FieldShape.IMAGE for each in KINDS.get(group_kind, ())):
        return True
    return any(path[-len(ending) :] == ending for ending in _POD_FIELD_PATHS)
