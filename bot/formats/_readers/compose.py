"""Read compose files: the images of services, of inline Dockerfiles, and of additional build contexts.

https://github.com/compose-spec/compose-spec/blob/main/spec.md. An image that is written with variables becomes a
cross-file fact, because the `.env` file beside the compose file can set the variables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from bot.formats._syntax.compose.inline import read_inline
from bot.formats._syntax.compose.interpolation import InvalidInterpolationError, parse_text
from bot.formats._syntax.compose.services import Service, build_arguments, environment_uses, services_of
from bot.formats._syntax.places import TEMPLATE_MARKS, Place, shown
from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.tree_paths import dockerfile_of
from bot.formats._syntax.yaml.files import read_file
from bot.formats._syntax.yaml.images import ImageReader
from bot.formats._syntax.yaml.keys import may_be_escaped
from bot.formats._syntax.yaml.nodes import (
    EACH,
    EVERY,
    STRING,
    Document,
    Node,
    Scalar,
)
from bot.model.found import ExtractedItem
from bot.model.remark import (
    BuildArgumentSetting,
    BuildOutput,
    EnvironmentUse,
    InterpolatedImage,
    LiteralText,
    VariableUse,
)
from bot.model.source import FilePath, Occurrence, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "compose"
_WORDS = (b"image", b"dockerfile_inline", b"args", b"$", b"environment", b"env_file")
"""A file without any of these has no image, no build argument and no variable."""
_CONTEXT_SCHEME = "docker-image://"
_TEMPLATES = ("{{", "<%", "<<")


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images of a file, and the facts about build arguments and variables."""
    return read_file(file, _is_wanted, lambda document: _read_document(document, file.path))


def _is_wanted(content: bytes) -> bool:
    """Return False if these bytes certainly hold nothing to extract."""
    return any(word in content for word in _WORDS) or may_be_escaped(content)


class _Image(NamedTuple):
    """A node at a place where compose expects an image."""

    locator: str
    node: Node
    role: Role
    platform: str | None = None
    scheme: str = ""
    """The text before the image in the same scalar: `docker-image://`, or `NAME=docker-image://` in a list."""


def _read_document(document: Document, path: FilePath) -> Iterator[ExtractedItem]:
    """Yield the images of a document, and the facts about build arguments and variables. Raises TooDeepError."""
    services = list(services_of(document))
    images = [image for service in services for image in _images_of(service)]
    inline = {
        id(node.event): (locator, node)
        for service in services
        for locator, node in service.at("build", "dockerfile_inline")
        if isinstance(node, Scalar)
    }
    arguments = [remark for service in services for remark in _arguments_of(service, path)]
    events = {id(image.node.event) for image in images if isinstance(image.node, Scalar)}
    uses = dict.fromkeys(environment_uses(document, services, events)) if services else {}
    outputs = frozenset(name for service in services if (name := service.output))
    # Read images only after the whole walk: only then are the scalars known that also stand elsewhere by an alias.
    found: list[Occurrence | UnsupportedText | InterpolatedImage] = []
    for image in images:
        read = _read(document, path, image)
        found += [read] if read is not None else []
    for locator, node in inline.values():  # once per Dockerfile, however many services name it by aliases
        found += read_inline(document, node, path, _FORMAT, locator)
    yield from sorted(found, key=lambda each: each.line_number)
    yield from arguments
    yield from (EnvironmentUse(path, variable) for variable in uses)
    if outputs:
        yield BuildOutput(path, outputs)


def _images_of(service: Service) -> Iterator[_Image]:
    """Yield the image of a service without a build, else the images among its build contexts. Raises TooDeepError."""
    if service.build is None:
        platform = read_platform(service.platform)
        yield from (_Image(*place, Role.THIRD_PARTY, platform) for place in service.at("image"))
        return
    for element in (EVERY, EACH):
        for locator, node in service.at("build", "additional_contexts", element):
            if isinstance(node, Scalar):
                before, scheme, _ = node.value.partition(_CONTEXT_SCHEME)
                if scheme and (not before if element == EVERY else before.endswith("=")):
                    yield _Image(locator, node, Role.BASE, scheme=before + scheme)


def _arguments_of(service: Service, path: FilePath) -> Iterator[BuildArgumentSetting]:
    document = service.document
    build = service.build
    context, dockerfile = document.text(build, "context"), document.text(build, "dockerfile")
    target = dockerfile_of(path, context, dockerfile)
    if target is not None:
        for argument in build_arguments(service):
            yield BuildArgumentSetting(path, argument.line_number, target, argument.name)


def _read(document: Document, path: FilePath, image: _Image) -> Occurrence | UnsupportedText | InterpolatedImage | None:
    """Return the image reference of a scalar, as an `InterpolatedImage` fact if variables decide it."""
    node = image.node
    found: Occurrence | UnsupportedText | InterpolatedImage | None = None
    if isinstance(node, Scalar) and "$" in node.value and not any(mark in node.value for mark in _TEMPLATES):
        found = _interpolated(document, path, image, node)
    if found is None:
        reader = ImageReader(document, path, _FORMAT, image.role)
        found = reader.read(image.locator, node, image.platform, image.scheme)
    if isinstance(found, Occurrence | InterpolatedImage) and isinstance(node, Scalar) and node.is_block:
        return replace(found, related_lines=(document.line_number(node),))
    return found


def _interpolated(document: Document, path: FilePath, image: _Image, node: Scalar) -> InterpolatedImage | UnsupportedText | None:
    """Return an image that is written with variables; None if the text turns out to contain no variable."""
    written = node.text.removeprefix(image.scheme)
    start = document.literal_start(node) if node.tag == STRING else None
    first = document.start(node) if start is None else start + len(image.scheme.encode())
    line_number = document.source.line_number(first)
    place = Place(path, _FORMAT, image.role, line_number, image.locator, image.platform)
    if start is None:
        return place.unsupported(document.source_of(node), Reason.MALFORMED)
    try:
        text = parse_text(written, first)
    except InvalidInterpolationError:
        return place.unsupported(written, Reason.MALFORMED)
    if not any(isinstance(part, VariableUse) for part in text):
        return None
    if any(isinstance(part, LiteralText) and TEMPLATE_MARKS.search(part.text) for part in text):
        return place.unsupported(written, Reason.TEMPLATED)
    return InterpolatedImage(
        path=path,
        format=_FORMAT,
        line_number=line_number,
        locator=image.locator,
        written=shown(written),
        text=text,
        role=image.role,
        platform=image.platform,
        is_shared=document.is_shared(node),
    )
