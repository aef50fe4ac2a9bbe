"""Helm charts: the images among their values, and what their templates do with those."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from bot.formats._syntax.helm.keys import Context, Value, locate, walk_values
from bot.formats._syntax.helm.values import ValueImage, find_images, read_values
from bot.formats._syntax.yaml.files import read_file
from bot.formats._syntax.yaml.nodes import Document, Scalar
from bot.formats._syntax.yaml.parts import Part
from bot.model.remark import ChartImage, ChartTemplate, ChartValue, Found, ImagePart, ValueUse
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_CHART = "Chart.yaml"
_TEMPLATE = re.compile(r"(?:.+/)?templates/.+\.(?:ya?ml|tpl|txt)", re.DOTALL)
_TEMPLATES = re.compile(r"(?:(?<=/)|\A)templates/")
_VALUES = re.compile(r"(?:.+/)?(?:[^/]*values[^/]*|values/[^/]+)\.ya?ml", re.DOTALL | re.IGNORECASE)
_BELOW_CHART = re.compile(r"(?:(?<=/)|\A)(?:ci|values)/[^/]+\Z")
"""Where values of a chart are, if not beside its Chart.yaml: chart-testing has them in `ci/`."""

_OWN_VALUES = "values.y"
"""How the name of the values begins that a chart has for itself; all others are laid over them."""

_PARTS = r"registry|repository|tag|version|digest"
_MAY_HAVE_IMAGES = re.compile(rf"image|{_PARTS}|\\[xuU\r\n\xc2\xe2]".encode("latin-1"), re.IGNORECASE)
"""A word that the keys of all images have, and of all their parts; or an escape that can write its letters."""
_MAY_BE_PART = re.compile(rf"name|repo|{_PARTS}|.*(?:image|_tag|Tag|_digest|Digest)", re.DOTALL)
"""Keys of the parts of images, and of those that are beside the key `image`."""
_NAMED = re.compile(rb"\.(Values(?:\.[A-Za-z_][A-Za-z0-9_]*)*)")


@dataclass(frozen=True, slots=True)
class _Helm:
    name: str = "helm"
    has_line_end_comments: bool = True

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        charts = {path.removesuffix(_CHART) for path in paths if path.rpartition("/")[2] == _CHART}
        return [path for path in paths if not charts.isdisjoint(_charts_of(path))]

    def extract(self, file: SourceFile) -> Iterator[Found]:
        if _TEMPLATE.fullmatch(file.path):
            yield from _read_template(file.path, file.content)
            return
        yield from read_file(file, _is_wanted, lambda document: _read(document, file.path))
        yield from _read_texts(file)


def _charts_of(path: FilePath) -> Iterator[str]:
    """Yield the folders of charts, with their `/`, that a file by its name may belong to."""
    if _TEMPLATE.fullmatch(path):
        yield from (path[: folder.start()] for folder in _TEMPLATES.finditer(path))
    elif _VALUES.fullmatch(path):
        yield path[: path.rfind("/") + 1]
        yield from (path[: below.start()] for below in _BELOW_CHART.finditer(path))


def _read_texts(file: SourceFile) -> Iterator[ChartTemplate]:
    """Yield what texts among the values do with other values: templates may take them for templates (`tpl`).

    They are read line by line; nothing is known of what a line names that is not a template for itself.
    """
    if b".Values" not in file.content:
        return
    for line in file.content.split(b"\n"):
        if b".Values" in line and not line.lstrip().startswith(b"#"):
            named = {(*each.decode().split("."),) for each in _NAMED.findall(line)}
            read = list(_read_template(file.path, line))
            is_whole = all(((), ValueUse.UNKNOWN) not in each.uses for each in read) and b":=" not in line
            unknown = ChartTemplate(file.path, "", frozenset((way, ValueUse.UNKNOWN) for way in named))
            yield from read if is_whole else [unknown]


def _read_template(path: FilePath, content: bytes) -> Iterator[ChartTemplate]:
    from bot.formats._syntax.helm.templates import read_chart_template  # much to import where there is no chart

    return read_chart_template(path, content)


def _is_wanted(content: bytes) -> bool:
    """Say whether there may be an image among these values; a no is certain."""
    return _MAY_HAVE_IMAGES.search(content) is not None


def _read(document: Document, path: FilePath) -> Iterator[Found]:
    """Yield the images among the values of a document, and all that may be parts of some. Raises TooDeepError."""
    locator = str(document.index)
    values = list(walk_values(document, document.root))
    images = list(find_images(document, values, locator))
    found = read_values(images, path, FORMAT.name)
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
        pinned_in=ImagePart.REPOSITORY if image.is_in_list else image.pinned_in,
        registry=image.parts.prefix,
        is_certain=not image.may_be_elsewhere,
    )


FORMAT: FileFormat = _Helm()
