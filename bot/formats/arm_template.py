"""ARM templates: the images of container apps, container instances and web apps on Azure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.json_names import JSON_NAME
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

_FILE_NAME = re.compile(rf"(?:.*/)?{JSON_NAME}", re.IGNORECASE | re.DOTALL)
_SCHEMA = re.compile(rb"deploymentTemplate\.json", re.IGNORECASE)
"""The end of `$schema`, which every template has."""
_PROPERTY = re.compile(rb"image|FxVersion|\\u", re.IGNORECASE)
"""The properties that contain images. Escapes can hide their names."""


class _ArmTemplateFormat:
    name = "arm-template"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return [path for path in paths.list_ending_in_any_case(".json") if _FILE_NAME.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if is_utf_16(file.content):
            is_template = _may_have_images(file.content.replace(b"\0", b""))
            return iter((UnsupportedText(file.path, 1, "", Reason.UNPARSABLE),) if is_template else ())
        if not _may_have_images(file.content):
            return iter(())
        from bot.formats._readers.arm_template import read

        return read(file)


def _may_have_images(content: bytes) -> bool:
    """Return False if `content` is certainly not a template with images, so that most JSON files need not be parsed."""
    return b"Template.json" in content and bool(_SCHEMA.search(content) and _PROPERTY.search(content))


FORMAT: FileFormat = _ArmTemplateFormat()
