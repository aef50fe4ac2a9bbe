"""Read helmfiles: the values and the values files that they pass to the charts of releases.

A helmfile is a template of YAML, and helmfile renders it first (https://helmfile.readthedocs.io/en/latest/). basebump
reads it without rendering it, so a path that contains an action is unknown. Values are read only in a helmfile without
actions, because an action may change them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.core.references.locking import lock_reference
from bot.core.references.tree_paths import resolve_in_tree
from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.helm.actions import MAX_ACTIONS
from bot.formats._syntax.helm.value_images import find_images_below, read_images
from bot.formats._syntax.yaml.file_reader import read_file
from bot.formats._syntax.yaml.key_escapes import may_be_escaped
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, STRING, YamlDocument, YamlMapping, YamlScalar
from bot.model.chart_facts import ValuesFileUse
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason

_FORMAT = "helm"

_OPENER, _CLOSER = b"{{", b"}}"
_MARK = "\ufffd"
"""A character that replaces an action, so that the rest of the file can be read as YAML."""
_LOCAL_CHART = ("./", "../")


def read_helmfile(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the values files that a helmfile names, and the images in its values if it has no actions.

    Yield nothing if the helmfile cannot be parsed as YAML, or if it has more than MAX_ACTIONS actions.
    """
    if file.content.count(_OPENER) > MAX_ACTIONS:
        return
    plain_file = replace(file, content=_remove_actions(file.content))
    for item in read_file(plain_file, _may_have_values, lambda each: _list_uses(each, file.path)):
        if isinstance(item, ValuesFileUse):
            yield item
    if _OPENER not in file.content:
        found = read_file(file, _may_have_values, lambda each: _read_values(each, file.path))
        is_encoded = is_utf_16(file.content)
        yield from (each for each in found if is_encoded or isinstance(each, Reference))


def _may_have_values(raw: bytes) -> bool:
    return b"values" in raw or may_be_escaped(raw)


def _list_uses(document: YamlDocument, path: FilePath) -> Iterator[ValuesFileUse]:
    """Yield the values files of the releases in a document.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.
    """
    for _, release in document.walk(document.root, ("releases", ALL_ITEMS), ""):
        chart = document.get_string(release, "chart") or ""
        folder = resolve_in_tree(path, chart) if chart.startswith(_LOCAL_CHART) else None
        for _, node in document.walk(release, ("values", ALL_ITEMS), ""):
            text = node.value if isinstance(node, YamlScalar) and node.tag == STRING else ""
            values_path = resolve_in_tree(path, text) if text and _MARK not in text else None
            if values_path:
                yield ValuesFileUse(path, values_path, folder)


def _read_values(document: YamlDocument, path: FilePath) -> Iterator[Reference | UnsupportedText]:
    """Yield the images in the values of the releases in a document. The charts of the releases are unknown.

    Raises TooDeepError if the values are nested too deeply, or the document's nodes are visited too often.
    """
    images = [
        image
        for locator, node in document.walk(document.root, ("releases", ALL_ITEMS, "values", ALL_ITEMS), "")
        if isinstance(node, YamlMapping)
        for image in find_images_below(document, node, f"{document.index}{locator}")
    ]
    for found in sorted(read_images(images, path, _FORMAT), key=lambda each: each.line_number):
        if isinstance(found, Reference) and found.image.digest is None:
            yield replace(lock_reference(found, Reason.CHART_UNKNOWN), variables=())
        else:
            yield found


def _remove_actions(content: bytes) -> bytes:
    """Remove the lines of a template that consist of actions, and replace the actions in other lines by a mark."""
    if _OPENER not in content:
        return content
    lines = content.split(b"\n")
    return b"\n".join(b"" if _is_action(line) else _replace_actions(line) for line in lines)


def _is_action(line: bytes) -> bool:
    return line.lstrip().startswith(_OPENER) and line.rstrip().endswith(_CLOSER)


def _replace_actions(line: bytes) -> bytes:
    """Replace each action by a mark. Text after an opener without a closer is kept."""
    first, *others = line.split(_OPENER)
    texts = (each.partition(_CLOSER) for each in others)
    return first + b"".join(_MARK.encode() + rest if closer else _OPENER + text for text, closer, rest in texts)
