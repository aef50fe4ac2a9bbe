"""Read the values files of Helm charts: the images among the values, and the templates inside the values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from bot.formats._syntax.helm.actions import MAX_ACTIONS
from bot.formats._syntax.helm.templates import read_chart_template
from bot.formats._syntax.helm.value_images import ImageCandidate, find_images, read_images
from bot.formats._syntax.helm.values_walk import KeyMeaning, ValuesEntry, build_locator, walk_values
from bot.formats._syntax.yaml.file_reader import read_file
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, STRING, YamlDocument, YamlScalar
from bot.formats._syntax.yaml.split_references import ReferencePart
from bot.model.chart_facts import (
    ChartDependency,
    ChartImage,
    ChartMetadata,
    ChartTemplate,
    ChartValue,
    ImagePart,
    ValuesFile,
    ValueUse,
)
from bot.model.cost_limits import MAX_FILE_REFERENCES
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason

_FORMAT = "helm"
_CHART_VALUES_PREFIX = "values.y"
"""Prefix of the name of a chart's own values file. All other values files are merged over that file."""

_PARTS = r"registry|repository|tag|version|digest"
_MAY_HAVE_IMAGES = re.compile(rf"image|{_PARTS}|\\[xuU\r\n\xc2\xe2]".encode("latin-1"), re.IGNORECASE)
"""Words that occur in the keys of every image or of its parts, and escapes that can represent their letters."""
_MAY_BE_PART = re.compile(rf"name|repo|{_PARTS}|.*(?:image|_tag|Tag|_digest|Digest)", re.DOTALL)
"""Keys for a part of an image, and keys that accompany the key `image`."""
_PLAIN_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,3})(?:\.[0-9]{0,2}[1-9])?")
"""Numbers of `Chart.yaml` that Helm does not change. It changes `1.10` to `1.1`, and rounds numbers to 32 bits."""
_VALUE_REFERENCE = re.compile(rb"\.(Values(?:\.[A-Za-z_][A-Za-z0-9_]*)*)")


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images in a values file, and facts that are later combined with other files of the chart.

    - A `ChartValue` is a value that may be a part of an image, such as a tag.
    - A `ChartImage` is an image in the chart's own values file, which other values files may override.
    - A `ChartTemplate` states how a template inside a value uses other values.
    - A `ValuesFile` states that the file contains images among its values.
    """
    has_images = False
    for item in read_file(
        file,
        _is_relevant,
        lambda document: () if _is_kubernetes_object(document) else _read_document(document, file.path),
    ):
        has_images = has_images or isinstance(item, Reference)
        yield item
    if has_images:
        yield ValuesFile(file.path)
    yield from _read_texts(file)


def read_metadata(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the name, the dependencies and the version in a `Chart.yaml`.

    All are empty if the file cannot be parsed.
    """
    items = read_file(file, lambda _: True, lambda document: [_make_metadata(document, file.path)])
    found = [each for each in items if isinstance(each, ChartMetadata)]
    yield from found or [ChartMetadata(file.path, "", ())]


def _make_metadata(document: YamlDocument, path: FilePath) -> ChartMetadata:
    """Return the name, the dependencies and the `appVersion` of a chart.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.
    """
    dependencies = (
        ChartDependency(name, document.get_string(node, "repository") or "")
        for _, node in document.walk(document.root, ("dependencies", ALL_ITEMS), "")
        if (name := document.get_string(node, "name"))
    )
    name = document.get_string(document.root, "name") or ""
    return ChartMetadata(path, name, tuple(dependencies), _read_app_version(document))


def _read_app_version(document: YamlDocument) -> str:
    """Return the `appVersion` of a chart.

    The result is empty if the chart has no `appVersion`, or if Helm may read the `appVersion` as another text.
    """
    version = document.get_values(document.root, "appVersion")[-1:]
    match version:
        case [YamlScalar() as scalar] if scalar.tag == STRING or _PLAIN_NUMBER.fullmatch(scalar.value):
            return scalar.value
        case _:
            return ""


def _read_texts(file: SourceFile) -> Iterator[ChartTemplate]:
    """Yield a `ChartTemplate` for each line with a template inside a value, such as `image: "{{ .Values.tag }}"`.

    A chart may render such a value with `tpl`. If a line contains only a part of a template, it is unknown how the
    template uses values. For such a line, the `ChartTemplate` states `ValueUse.UNKNOWN` for all values that the line
    names. If the file has more than MAX_ACTIONS actions, a single `ChartTemplate` states this for all values.
    """
    if b".Values" not in file.content:
        return
    if file.content.count(b"{{") > MAX_ACTIONS:
        yield ChartTemplate(file.path, "", frozenset({((), ValueUse.UNKNOWN)}))
        return
    for line in file.content.split(b"\n"):
        if b".Values" in line and not line.lstrip().startswith(b"#"):
            value_paths = {(*each.decode().split("."),) for each in _VALUE_REFERENCE.findall(line)}
            templates = list(read_chart_template(file.path, line))
            is_whole = all(((), ValueUse.UNKNOWN) not in each.uses for each in templates) and b":=" not in line
            unknown_template = ChartTemplate(
                file.path, "", frozenset((value_path, ValueUse.UNKNOWN) for value_path in value_paths)
            )
            yield from templates if is_whole else [unknown_template]


def _is_relevant(content: bytes) -> bool:
    """Return False if parsing `content` would certainly find no image."""
    return _MAY_HAVE_IMAGES.search(content) is not None


def _read_document(document: YamlDocument, path: FilePath) -> Iterator[ExtractedItem]:
    """Yield the images among the values of a document, and a `ChartValue` for each possible part of an image.

    If the file is the chart's own values file (`values.yaml`), also yield a `ChartImage` for each image, because other
    values files may override parts of it. If there are more than MAX_FILE_REFERENCES images, yield only an
    `UnsupportedText`. Raises TooDeepError if the values are nested too deeply, or the document's nodes are visited too
    often.
    """
    locator = str(document.index)
    values = list(walk_values(document, document.root))
    images = list(islice(find_images(document, values, locator), MAX_FILE_REFERENCES + 1))
    if len(images) > MAX_FILE_REFERENCES:
        yield UnsupportedText(path, 1, "", Reason.TOO_LARGE)
        return
    found = read_images(images, path, _FORMAT)
    yield from sorted(found, key=lambda each: each.line_number)
    if path.rpartition("/")[2].startswith(_CHART_VALUES_PREFIX):
        yield from (_make_chart_image(image, path, locator) for image in images)
    for value in values:
        if isinstance(value.node, YamlScalar) and _may_be_part(value):
            part = ReferencePart.create(document, value.node)
            yield ChartValue(
                path, part.line_number, build_locator(locator, (*value.collection.keys, value.key)), part.text
            )


def _is_kubernetes_object(document: YamlDocument) -> bool:
    """Return True if a document has the keys of a Kubernetes object, such as a HelmRelease.

    No chart uses these keys together as values. The images of objects are read by the format `kubernetes`.
    """
    entries = document.get_entries(document.root)
    kinds = (entries.get("apiVersion"), entries.get("kind"))
    has_metadata = "metadata" in entries and not isinstance(entries["metadata"], YamlScalar)
    return has_metadata and all(isinstance(each, YamlScalar) for each in kinds)


def _may_be_part(value: ValuesEntry) -> bool:
    return value.collection.key_meaning is not KeyMeaning.NOTHING or _MAY_BE_PART.fullmatch(value.key) is not None


def _make_chart_image(candidate: ImageCandidate, path: FilePath, locator: str) -> ChartImage:
    parts = tuple((part, build_locator(locator, keys)) for part, keys in candidate.keys_by_part.items())
    return ChartImage(
        path,
        candidate.locator,
        parts=tuple(each for each in parts if each[0] is ImagePart.REPOSITORY) if candidate.is_in_list else parts,
        digest_part=ImagePart.REPOSITORY if candidate.is_in_list else candidate.digest_part,
        registry=candidate.parts.registry,
        is_certain=not candidate.has_uncertain_registry,
    )
