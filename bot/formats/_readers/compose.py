"""Read compose files: the images of services, inline Dockerfiles and additional build contexts.

See https://github.com/compose-spec/compose-spec/blob/main/spec.md. An image that is written with variables is yielded
as an `InterpolatedImage`. Such an image is resolved after all files have been read, because the `.env` file in the
folder of the compose file may set the variables.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, assert_never

from bot.core.references.expansion import expand_text
from bot.core.references.tree_paths import is_remote_context, resolve_dockerfile, resolve_in_tree
from bot.formats._syntax.compose.interpolation import InvalidInterpolationError, parse_text
from bot.formats._syntax.compose.services import (
    ComposeService,
    is_compose_document,
    list_build_arguments,
    list_build_contexts,
    list_environment_uses,
    list_services,
)
from bot.formats._syntax.dockerfile.inline_dockerfile import InlineDockerfile
from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.reference_positions import (
    TEMPLATE_MARKS,
    ReferencePosition,
    UniqueLocators,
    format_for_display,
)
from bot.formats._syntax.yaml.file_reader import read_file
from bot.formats._syntax.yaml.image_reader import YamlImageReader
from bot.formats._syntax.yaml.key_escapes import may_be_escaped
from bot.formats._syntax.yaml.nodes import (
    ALL_ITEMS,
    ALL_VALUES,
    STRING,
    KeyPath,
    TooDeepError,
    YamlDocument,
    YamlNode,
    YamlScalar,
    read_documents,
)
from bot.model.cross_file import (
    BuildArgument,
    BuildOutput,
    DockerfileBuild,
    EnvironmentUse,
    InterpolatedImage,
    InterpolatedText,
    LiteralText,
    NamedBuildContext,
    NamedFileUse,
    VariableUse,
)
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "compose"
_KEYWORDS = (
    *(b"image", b"dockerfile", b"args", b"additional_contexts", b"$", b"environment", b"env_file"),
    *(b"include", b"extends", b"build", b"source"),
)
"""A file without any of these words contains no image, no build and no variable, and names no other file."""
_FRONTEND_ARGUMENT = "BUILDKIT_SYNTAX"
"""The build argument whose value is the image of the Dockerfile frontend. It replaces the directive `# syntax=`:
https://docs.docker.com/reference/dockerfile/#buildkit-built-in-build-args."""
_INCLUDED_PATHS: tuple[KeyPath, ...] = (
    ("include", ALL_ITEMS),
    ("include", ALL_ITEMS, "path"),
    ("include", ALL_ITEMS, "path", ALL_ITEMS),
)
_CONTEXT_SCHEME = "docker-image://"
_TEMPLATE_OPENERS = ("{{", "<%", "<<")
_ODD_LINE_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""Characters that YAML treats as line breaks and other tools treat as ordinary characters."""


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images in a compose file, and facts that affect images in other files.

    The facts are the variables that the file uses, the build arguments that it sets for Dockerfiles, and the names of
    the images that it builds. For example, a build argument can set the tag in a `FROM` of a Dockerfile.
    """
    return read_file(file, _is_relevant, lambda document: _read_document(document, file.path))


def read_unnamed(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the same as `read` for the documents of a file with another name that are evidently compose files.

    Nothing is yielded for other documents, and for those that cannot be parsed.
    """
    for document in read_documents(file.content, _is_relevant):
        if isinstance(document, YamlDocument):
            try:
                found = list(_read_document(document, file.path)) if is_compose_document(document) else []
            except TooDeepError:
                found = [UnsupportedText(file.path, document.get_line_number(document.root), "", Reason.TOO_LARGE)]
            yield from found


def _is_relevant(content: bytes) -> bool:
    """Return False if parsing `content` would certainly find nothing to extract."""
    return any(word in content for word in _KEYWORDS) or may_be_escaped(content)


class _ServiceImage(NamedTuple):
    """A YAML node at which compose expects an image: the `image` of a service, a build context, or the frontend."""

    locator: str
    node: YamlNode
    role: Role
    platform: str | None = None
    scheme: str = ""
    """The text before the image in the same scalar: `docker-image://`. In a list, `NAME=docker-image://` or `NAME=`."""


def _read_document(document: YamlDocument, path: FilePath) -> Iterator[ExtractedItem]:
    """Yield the images in a document, and facts that affect images in other files.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.

    The facts are the variables that the document uses, the build arguments that it sets for Dockerfiles, and the names
    of the images that it builds.
    """
    services = list(list_services(document))
    images = [image for service in services for image in _list_images(service)]
    inline = {
        id(node.event): (locator, node)
        for service in services
        for locator, node in service.walk("build", "dockerfile_inline")
        if isinstance(node, YamlScalar)
    }
    contexts = [fact for service in services for fact in _list_contexts(service, path, inline)]
    inline_contents = {event_id: _build_inline(document, node).content for event_id, (_, node) in inline.items()}
    builds = [fact for service in services for fact in _list_builds(service, path, inline_contents)]
    image_events = {id(image.node.event) for image in images if isinstance(image.node, YamlScalar)}
    uses = dict.fromkeys(list_environment_uses(document, services, image_events)) if services else {}
    outputs = frozenset(name for service in services if (name := service.output_image))
    # Read the images only after the whole walk, which finds the scalars that aliases use elsewhere.
    found: list[Reference | UnsupportedText | InterpolatedImage] = []
    locators = UniqueLocators("~")  # `#` already numbers the values of a repeated key
    for image in images:
        reference = _read_image(document, path, image._replace(locator=locators.make_unique(image.locator)))
        found += [reference] if reference is not None else []
    for locator, node in inline.values():  # once per Dockerfile, even if several services share it through aliases
        found += _read_inline(document, node, path, locators.make_unique(locator))
    yield from sorted(found, key=lambda each: each.line_number)
    yield from _list_unknown_contexts(services, path)
    yield from _list_unknown_includes(document, path)
    yield from dict.fromkeys(builds)
    yield from contexts
    yield from dict.fromkeys(_list_named_files(document, services, path))
    yield from (EnvironmentUse(path, variable) for variable in uses)
    if outputs:
        yield BuildOutput(path, outputs)


def _list_images(service: ComposeService) -> Iterator[_ServiceImage]:
    """Yield the nodes with the images that a service uses.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.

    If the service is built, its `image` is the name of the result, and is not yielded. Its additional build contexts
    may be images, and are yielded instead.
    """
    yield from _list_mounted_images(service)
    if service.build is None:
        platform = read_platform(service.platform)
        yield from (_ServiceImage(*located, Role.THIRD_PARTY, platform) for located in service.walk("image"))
        return
    yield from (_ServiceImage(*located, Role.BASE) for located in service.walk("build", "args", _FRONTEND_ARGUMENT))
    if any(each.name == _FRONTEND_ARGUMENT for each in list_build_arguments(service)):
        for locator, node in service.walk("build", "args", ALL_ITEMS):
            if isinstance(node, YamlScalar) and node.value.startswith(f"{_FRONTEND_ARGUMENT}="):
                yield _ServiceImage(locator, node, Role.BASE, scheme=f"{_FRONTEND_ARGUMENT}=")
    yield from _list_context_images(service)


def _list_mounted_images(service: ComposeService) -> Iterator[_ServiceImage]:
    """Yield the images that a service mounts as volumes."""
    for locator, node in service.walk("volumes", ALL_ITEMS):
        if service.document.get_string(node, "type") == "image":
            for source_locator, source in service.document.walk(node, ("source",), locator):
                yield _ServiceImage(source_locator, source, Role.THIRD_PARTY)


def _list_context_images(service: ComposeService) -> Iterator[_ServiceImage]:
    for element in (ALL_VALUES, ALL_ITEMS):
        for locator, node in service.walk("build", "additional_contexts", element):
            if isinstance(node, YamlScalar):
                before, scheme, _ = node.value.partition(_CONTEXT_SCHEME)
                if scheme and (not before if element == ALL_VALUES else before.endswith("=")):
                    yield _ServiceImage(locator, node, Role.BASE, scheme=before + scheme)


def _list_builds(
    service: ComposeService, path: FilePath, inline_contents: Mapping[int, bytes]
) -> Iterator[DockerfileBuild]:
    """Yield the build of a service. A service that extends another one may inherit parts of its build.

    `inline_contents` contains the inline Dockerfiles of the file by `id(scalar.event)`. Raises TooDeepError if the
    document's nodes are visited more than MAX_VISITS times.
    """
    build = service.build
    names = [f"{posixpath.dirname(path)}/{service.name}", *_list_extended_names(service, path)]
    if build is None and len(names) == 1:
        return
    contexts = [build] if isinstance(build, YamlScalar) else service.document.get_values(build, "context")
    dockerfiles = service.document.get_values(build, "dockerfile")
    inline = [
        content
        for _, node in service.walk("build", "dockerfile_inline")
        if isinstance(node, YamlScalar)
        for content in [inline_contents[id(node.event)]]
    ]
    position = (dockerfiles or contexts or [service.node])[-1]
    yield DockerfileBuild(
        path,
        service.document.get_line_number(position),
        _FORMAT,
        tuple(names),
        _parse_last(contexts),
        _parse_last(dockerfiles),
        inline[-1] if inline else None,
        tuple(
            BuildArgument(each.name, each.line_number, _parse_value(each.value))
            if each.has_value
            else BuildArgument(each.name, each.line_number, (VariableUse(each.name),), is_optional=True)
            for each in list_build_arguments(service)
            if each.name != _FRONTEND_ARGUMENT or not each.has_value  # its value is read as an image of this file
        ),
    )


def _list_unknown_contexts(services: Iterable[ComposeService], path: FilePath) -> Iterator[UnsupportedText]:
    """Yield the build contexts that are images only if a variable has a certain value."""
    for service in services:
        for each in list_build_contexts(service):
            expanded = expand_text(_parse_value(each.value), {})
            is_known = "$" not in each.value or each.value.startswith(_CONTEXT_SCHEME)
            if not is_known and (expanded.missing_variables or expanded.text.startswith(_CONTEXT_SCHEME)):
                yield UnsupportedText(path, each.line_number, each.value, Reason.UNRESOLVED_ARGUMENT)


def _list_unknown_includes(document: YamlDocument, path: FilePath) -> Iterator[UnsupportedText]:
    """Yield the keys of `include` that change the variables or the folder of the included file."""
    for key in ("env_file", "project_directory"):
        for _, node in document.walk(document.root, ("include", ALL_ITEMS, key), ""):
            yield UnsupportedText(path, document.get_line_number(node), key, Reason.UNRESOLVED_ARGUMENT)


def _list_extended_names(service: ComposeService, path: FilePath) -> Iterator[str]:
    """Yield the name of the service that a service extends, with the folder of its file."""
    for _, node in service.walk("extends"):
        if isinstance(node, YamlScalar):
            yield f"{posixpath.dirname(path)}/{node.value}"
        else:
            file = service.document.get_string(node, "file")
            extended_path = resolve_in_tree(path, file) if file else path
            name = service.document.get_string(node, "service")
            if extended_path is not None and name:
                yield f"{posixpath.dirname(extended_path)}/{name}"


def _parse_last(nodes: Sequence[YamlNode]) -> InterpolatedText:
    """Return the text of the last of several nodes with the same key; empty if it is not a text."""
    match nodes[-1:]:
        case [YamlScalar(value=value)] if value:
            return _parse_value(value)
        case _:
            return ()


def _parse_value(text: str) -> InterpolatedText:
    """Return a text split at its variables. A text that Compose would reject is a variable that nothing sets."""
    try:
        return parse_text(text, None)
    except InvalidInterpolationError:
        return (VariableUse(text),)


def _list_named_files(
    document: YamlDocument, services: Iterable[ComposeService], path: FilePath
) -> Iterator[NamedFileUse]:
    """Yield the files that a compose file includes, and the files of the services that it extends.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.
    """
    named = [node for service in services for _, node in service.walk("extends", "file")]
    for keys in _INCLUDED_PATHS:
        named += [node for _, node in document.walk(document.root, keys, "")]
    for node in named:
        if isinstance(node, YamlScalar) and node.value and not is_remote_context(node.value):
            yield NamedFileUse(path, document.get_line_number(node), _FORMAT, _parse_value(node.value))


def _list_contexts(
    service: ComposeService, path: FilePath, inline: Mapping[int, tuple[str, YamlScalar]]
) -> Iterator[NamedBuildContext]:
    """Yield the named build contexts of a service.

    `inline` contains the inline Dockerfiles of the file and their locators, by `id(scalar.event)`.
    """
    document = service.document
    build = service.build
    context, dockerfile = document.get_string(build, "context"), document.get_string(build, "dockerfile")
    targets = [
        (path, inline[id(node.event)][0])
        for _, node in service.walk("build", "dockerfile_inline")
        if isinstance(node, YamlScalar)
    ]
    if not targets and (built_dockerfile := resolve_dockerfile(path, context, dockerfile)) is not None:
        targets = [(built_dockerfile, "")]
    for target, locator_prefix in targets:
        for each in list_build_contexts(service):
            yield NamedBuildContext(path, each.line_number, target, each.name, locator_prefix)


def _read_image(
    document: YamlDocument, path: FilePath, image: _ServiceImage
) -> Reference | UnsupportedText | InterpolatedImage | None:
    """Return the image reference in a node, or None if the node contains no text.

    If the reference contains variables, it is returned as an `InterpolatedImage`, because their values are known only
    after all files have been read.
    """
    node = image.node
    found: Reference | UnsupportedText | InterpolatedImage | None = None
    if isinstance(node, YamlScalar) and "$" in node.value and not any(mark in node.value for mark in _TEMPLATE_OPENERS):
        found = _read_interpolated(document, path, image, node)
    if found is None:
        reader = YamlImageReader(document, path, _FORMAT, image.role)
        found = reader.read(image.locator, node, image.platform, image.scheme)
    if isinstance(found, Reference | InterpolatedImage) and isinstance(node, YamlScalar) and node.is_block:
        return replace(found, related_lines=(document.get_line_number(node),))
    return found


def _read_interpolated(
    document: YamlDocument, path: FilePath, image: _ServiceImage, node: YamlScalar
) -> InterpolatedImage | UnsupportedText | None:
    """Return an image that is written with variables.

    Return None if the text contains no variable, for example because its only dollar sign is escaped as `$$`.

    Return an `UnsupportedText` if a variable is not valid, or if the text contains a template. Also return an
    `UnsupportedText` if an escape or folding changes the text, because the file then does not contain the text
    literally.
    """
    written = node.text.removeprefix(image.scheme)
    start = document.find_literal_start(node) if node.tag == STRING else None
    first = document.get_start(node) if start is None else start + len(image.scheme.encode())
    line_number = document.source.get_line_number(first)
    position = ReferencePosition(path, _FORMAT, image.role, line_number, image.locator, image.platform)
    if start is None:
        return position.make_unsupported(document.get_source_text(node), Reason.MALFORMED)
    try:
        text = parse_text(written, first)
    except InvalidInterpolationError:
        return position.make_unsupported(written, Reason.MALFORMED)
    if not any(isinstance(part, VariableUse) for part in text):
        return None
    if any(isinstance(part, LiteralText) and TEMPLATE_MARKS.search(part.text) for part in text):
        return position.make_unsupported(written, Reason.TEMPLATED)
    return InterpolatedImage(
        path=path,
        format=_FORMAT,
        line_number=line_number,
        locator=image.locator,
        written=format_for_display(written),
        text=text,
        role=image.role,
        platform=image.platform,
        is_shared=document.is_shared(node),
    )


def _read_inline(
    document: YamlDocument, node: YamlScalar, path: FilePath, locator: str
) -> Iterator[Reference | UnsupportedText]:
    """Yield the images of the inline Dockerfile in `node`.

    The images are editable only if the file contains the lines of the Dockerfile literally. A block scalar with `|`
    contains them literally, but a text in quotes does not.
    """
    yield from _build_inline(document, node).read_images(path, _FORMAT, locator)


def _build_inline(document: YamlDocument, node: YamlScalar) -> InlineDockerfile:
    dockerfile = InlineDockerfile(document.get_line_number(node), document.source.get_line_number)
    for line, offset in _split_lines(document, node):
        _add_line(dockerfile, line, offset)
        dockerfile.add_piece(b"\n", None)
    return dockerfile


def _split_lines(document: YamlDocument, node: YamlScalar) -> Iterator[tuple[str, int | None]]:
    """Yield each line of a scalar with its byte offset in the file.

    The offset is None if the file does not contain the line literally.
    """
    source = document.get_source_text(node)
    lines = node.value.split("\n")
    header_end = source.find("\n", source.find("|"))
    if node.style != "|" or header_end < 0 or _ODD_LINE_BREAK.search(source) or document.is_shared(node):
        yield from ((line, None) for line in lines)
        return
    at = document.get_start(node) + len(source[: header_end + 1].encode())
    for line, source_line in zip(lines, source[header_end + 1 :].split("\n"), strict=False):
        length = len(source_line.encode())
        is_literal = source_line.removesuffix("\r").endswith(line)
        indent = len(source_line.removesuffix("\r").encode()) - len(line.encode())
        yield line, at + indent if is_literal else None
        at += length + 1


def _add_line(dockerfile: InlineDockerfile, line: str, offset: int | None) -> None:
    """Add a line to `dockerfile` in the form in which compose passes the line to the build.

    `$$` becomes a dollar sign. A variable becomes a template (`{{NAME}}`), because its value is unknown here. Images
    that contain such a template are reported as `templated`. `offset` is the byte offset of the line in the file, or
    None if the file does not contain the line literally.
    """
    try:
        parts = parse_text(line, offset)
    except InvalidInterpolationError:
        dockerfile.add_piece(line.encode(), None)
        return
    for part in parts:
        match part:
            case LiteralText(text, span):
                dockerfile.add_piece(text.encode(), None if span is None else span.start)
            case VariableUse(variable):
                dockerfile.add_piece(b"{{%b}}" % variable.encode(), None)
            case _:
                assert_never(part)
