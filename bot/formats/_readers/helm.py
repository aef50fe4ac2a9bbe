"""Read the values of Helm charts: the images among them, and how template texts in them use other values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.formats._syntax.helm.keys import Context, Value, locate, walk_values
from bot.formats._syntax.helm.templates import read_chart_template
from bot.formats._syntax.helm.values import ValueImage, find_images, read_values
from bot.formats._syntax.yaml.files import read_file
from bot.formats._syntax.yaml.nodes import Document, Scalar
from bot.formats._syntax.yaml.parts import Part
from bot.model.found import ExtractedItem
from bot.model.remark import ChartImage, ChartTemplate, ChartValue, ImagePart, ValueUse
from bot.model.source import FilePath, SourceFile

_FORMAT = "helm"
_OWN_VALUES = "values.y"
"""Prefix of the file name of a chart's own values; all other values files are merged over them."""

_PARTS = r"registry|repository|tag|version|digest"
_MAY_HAVE_IMAGES = re.compile(rf"image|{_PARTS}|\\[xuU\r\n\xc2\xe2]".encode("latin-1"), re.IGNORECASE)
"""A word that the keys of every image or of its parts contain, or an escape that can spell its letters."""
_MAY_BE_PART = re.compile(rf"name|repo|{_PARTS}|.*(?:image|_tag|Tag|_digest|Digest)", re.DOTALL)
"""Keys of the parts of images, and keys that stand beside the key `image`."""
_NAMED = re.compile(rb"\.(Values(?:\.[A-Za-z_][A-Za-z0-9_]*)*)")


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images, the values that may be parts of an image, and the uses of values in template texts."""
    yield from read_file(file, _is_wanted, lambda document: _read(document, file.path))
    yield from _read_texts(file)


def _read_texts(file: SourceFile) -> Iterator[ChartTemplate]:
    """Yield how template texts among the values use other values, since a chart may render such a text with `tpl`.

    The file is read line by line. If a line is not a complete template, the use of the values that it names is unknown.
    """
    if b".Values" not in file.content:
        return
    for line in file.content.split(b"\n"):
        if b".Values" in line and not line.lstrip().startswith(b"#"):
            named = {(*each.decode().split("."),) for each in _NAMED.findall(line)}
            templates = list(read_chart_template(file.path, line))
            is_whole = all(((), ValueUse.UNKNOWN) not in each.uses for each in templates) and b":=" not in line
            unknown = ChartTemplate(file.path, "", frozenset((way, ValueUse.UNKNOWN) for way in named))
            yield from templates if is_whole else [unknown]


def _is_wanted(content: bytes) -> bool:
    """Return False if there is certainly no image among these values."""
    return _MAY_HAVE_IMAGES.search(content) is not None


def _read(document: Document, path: FilePath) -> Iterator[ExtractedItem]:
    """Yield the images among the values of a document, and all values that may be parts of one. Raises TooDeepError."""
    locator = str(document.index)
    values = list(walk_values(document, document.root))
    images = list(find_images(document, values, locator))
    found = read_values(images, path, _FORMAT)
    yield from sorted(found, key=lambda each: each.line_number)
    if path.rpartition("/")[2].startswith(_OWN_VALUES):
        yield from (_chart_image(image, path, locator) for image in images)
    for value in values:
        if isinstance(value.node, Scalar) and _may_be_part(value):
            part = Part.of(document, value.node)
            yield ChartValue(path, part.line_number, locate(locator, (*value.around.keys, value.key)), part.text)


def _may_be_part(value: Value) -> bool:
    return value.around.context is not Context.NOTHING or _MAY_BE_PART.fullmatch(value.key) is not None


def _chart_image(image: ValueImage, path: FilePath, locator: str) -> ChartImage:
    parts = tuple((part, locate(locator, keys)) for part, keys in image.keys.items())
    return ChartImage(
        path,
        image.locator,
        parts=tuple(each for each in parts if each[0] is ImagePart.REPOSITORY) if image.is_in_list else parts,
        digest_part=ImagePart.REPOSITORY if image.is_in_list else image.pinned_in,
        registry=image.parts.prefix,
        is_certain=not image.may_be_elsewhere,
    )
