"""Read MSBuild project files: the base images of containers that the .NET SDK builds without a Dockerfile.

See https://learn.microsoft.com/dotnet/core/containers/publish-configuration, and the folder
`src/Containers/Microsoft.NET.Build.Containers/` of https://github.com/dotnet/sdk. The property `ContainerBaseImage`
accepts a tag, a digest, or both. If it has both, the SDK pulls the digest (`SourceImageReference.cs`). Versions of the
SDK before January 2025 (9.0.1xx and older) ignore the digest and pull the tag
(https://github.com/dotnet/sdk/issues/45856).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS, ReferencePosition, UniqueLocators
from bot.formats._syntax.xml_elements import XmlElement, XmlFile, XmlText, read_xml
from bot.model.extracted_item import ExtractedItem
from bot.model.source import Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "msbuild"
_ROOT = "Project"
_PROPERTIES = "PropertyGroup"
_IMAGE = "containerbaseimage"
_FAMILY = "containerfamily"
"""Names of properties in lower case, because MSBuild compares them without case."""
_FAMILY_NOTE = (
    "the .NET SDK chooses the base image from the family and the target framework;"
    " set ContainerBaseImage to name the image in the file"
)


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the base images in a project file.

    A file that sets only the family of the base image (`ContainerFamily`) does not contain an image reference. The
    family is then yielded as an `UnsupportedText`.
    """
    match read_xml(file.content):
        case XmlFile() as xml:
            yield from _read_project(file, xml)
        case BrokenFile() as broken:
            yield broken.make_unsupported(file.path)
        case unknown:
            assert_never(unknown)


def _read_project(file: SourceFile, xml: XmlFile) -> Iterator[Reference | UnsupportedText]:
    if xml.root.name != _ROOT:
        return
    properties = [child for group in xml.root.walk() if group.name == _PROPERTIES for child in group.children]
    images = _list_texts(xml, properties, _IMAGE)
    locators = UniqueLocators()
    for name, text in images or _list_texts(xml, properties, _FAMILY):
        locator = locators.make_unique(f"{_PROPERTIES}/{name}")
        position = ReferencePosition(file.path, _FORMAT, Role.BASE, xml.get_line_number(text.start), locator)
        yield _read_image(text, position) if images else _describe_family(text, position)


def _list_texts(xml: XmlFile, properties: Iterable[XmlElement], name: str) -> list[tuple[str, XmlText]]:
    """Return the properties with the given name that are not empty, each as its name in the file and its text."""
    texts = [(each.name, xml.get_text(each)) for each in properties if each.name.lower() == name]
    return [(written_name, text) for written_name, text in texts if text.value]


def _read_image(text: XmlText, position: ReferencePosition) -> Reference | UnsupportedText:
    if TEMPLATE_MARKS.search(text.value):
        return position.make_unsupported(text.value, Reason.TEMPLATED)
    if not text.is_literal:
        return position.make_unsupported(text.value, Reason.MALFORMED)
    return position.read_reference(text.value, text.start)


def _describe_family(text: XmlText, position: ReferencePosition) -> UnsupportedText:
    return replace(position.make_unsupported(text.value, Reason.TEMPLATED), notes=(_FAMILY_NOTE,))
