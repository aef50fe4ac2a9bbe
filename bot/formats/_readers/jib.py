"""Read the base images of Jib, which builds images without a Dockerfile, from Maven projects and Gradle scripts.

See https://github.com/GoogleContainerTools/jib/blob/master/jib-maven-plugin/README.md and the README of
`jib-gradle-plugin`. Jib accepts a tag, a digest, or both. Versions before 2.2.0 reject a reference with both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from bot.formats._syntax.broken import BrokenAtError, BrokenFile
from bot.formats._syntax.gradle_script import find_property_values
from bot.formats._syntax.line_offsets import LineOffsets
from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.reference_positions import SCHEME, TEMPLATE_MARKS, ReferencePosition, UniqueLocators
from bot.formats._syntax.xml_elements import XmlElement, XmlFile, read_xml
from bot.model.extracted_item import ExtractedItem
from bot.model.source import Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "jib"
_MAVEN_PLUGIN = "jib-maven-plugin"
_MAVEN_PROPERTY = "jib.from.image"
_GRADLE_BLOCKS = ("jib", "JibExtension")
_IMAGE_PATH = ("from", "image")
_REGISTRY_SCHEME = "registry://"
"""Scheme of images in a registry. Jib also accepts these images without a scheme. Images with another scheme are in the
Docker daemon or in a file."""
_NO_IMAGE = "scratch"
_JIB_DEFAULT_PLATFORM = {"os": "linux", "architecture": "amd64"}


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the base images in a `pom.xml` or in a Gradle script."""
    return _read_maven(file) if file.path.endswith(".xml") else _read_gradle(file)


def _read_maven(file: SourceFile) -> Iterator[Reference | UnsupportedText]:
    match read_xml(file.content):
        case XmlFile() as xml:
            images = sorted(_find_maven_images(xml), key=lambda found: found[1].start)
        case BrokenFile() as broken:
            yield broken.make_unsupported(file.path)
            return
        case unknown:
            assert_never(unknown)
    locators = UniqueLocators()
    for locator, element, platform in images:
        text = xml.get_text(element)
        line_number = xml.get_line_number(text.start)
        position = ReferencePosition(
            file.path, _FORMAT, Role.BASE, line_number, locators.make_unique(locator), platform
        )
        yield from _read_image(position, text.value, text.start, is_literal=text.is_literal)


def _find_maven_images(xml: XmlFile) -> Iterator[tuple[str, XmlElement, str | None]]:
    """Yield the elements that contain a base image, each with its locator and its platform.

    Jib reads its own configuration and the property `jib.from.image` of the project.
    """
    for element in xml.root.walk():
        if element.name == "plugin":
            artifacts = (xml.get_text(each).value for each in element.list_children("artifactId"))
            if _MAVEN_PLUGIN in artifacts:
                yield from _find_plugin_images(xml, element)
        elif element.name == "properties":
            for each in element.list_children(_MAVEN_PROPERTY):
                yield f"properties/{_MAVEN_PROPERTY}", each, None


def _find_plugin_images(xml: XmlFile, plugin: XmlElement) -> Iterator[tuple[str, XmlElement, str | None]]:
    configurations = [
        *plugin.list_children("configuration"),
        *plugin.find_descendants("executions", "execution", "configuration"),
    ]
    for configuration in configurations:
        for base in configuration.list_children("from"):
            platform = _get_platform(xml, base)
            for image in base.list_children("image"):
                yield f"{_MAVEN_PLUGIN}/{'/'.join(_IMAGE_PATH)}", image, platform


def _get_platform(xml: XmlFile, base: XmlElement) -> str | None:
    """Return the only platform for which an image is built, or None if the file names several platforms or none."""
    platforms = list(base.find_descendants("platforms", "platform"))
    if len(platforms) != 1:
        return None
    parts = {**_JIB_DEFAULT_PLATFORM, **{each.name: xml.get_text(each).value for each in platforms[0].children}}
    return read_platform(f"{parts['os']}/{parts['architecture']}")


def _read_gradle(file: SourceFile) -> Iterator[Reference | UnsupportedText]:
    try:
        values = list(find_property_values(file.content, _GRADLE_BLOCKS, _IMAGE_PATH))
    except (UnicodeDecodeError, BrokenAtError) as error:
        yield BrokenFile.create_from_error(file.content, error).make_unsupported(file.path)
        return
    locators = UniqueLocators()
    line_offsets = LineOffsets(file.content)
    for value in values:
        line_number = line_offsets.get_line_number(value.start)
        locator = locators.make_unique(f"jib/{'/'.join(_IMAGE_PATH)}")
        position = ReferencePosition(file.path, _FORMAT, Role.BASE, line_number, locator)
        if value.is_string:
            yield from _read_image(position, value.text, value.start, is_literal=value.is_literal)
        else:
            yield position.make_unsupported(value.text, Reason.TEMPLATED)


def _read_image(
    position: ReferencePosition, text: str, start: int, *, is_literal: bool
) -> Iterator[Reference | UnsupportedText]:
    """Yield the image reference in `text`. If `text` is empty or `scratch`, yield nothing.

    `start` is the byte offset of the text in the file.
    `is_literal` is False if the file writes the text with entities or comments, so that it must not be edited.
    """
    name = text.removeprefix(_REGISTRY_SCHEME)
    if not name or name == _NO_IMAGE:
        return
    if TEMPLATE_MARKS.search(name):
        yield position.make_unsupported(text, Reason.TEMPLATED)
    elif not is_literal:
        yield position.make_unsupported(text, Reason.MALFORMED)
    elif SCHEME.match(name):
        yield position.make_not_editable(name, Reason.NOT_AN_IMAGE)
    else:
        yield position.read_reference(name, start + len(text) - len(name))
