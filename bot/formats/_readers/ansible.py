"""Read Ansible playbooks and lists of tasks: the images of the modules that run containers.

See https://docs.ansible.com/ansible/latest/collections/community/docker/docker_container_module.html and
https://docs.ansible.com/ansible/latest/collections/containers/podman/podman_container_module.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.reference_positions import (
    TEMPLATE_MARKS,
    ReferencePosition,
    UniqueLocators,
    forbid_tag_with_digest,
)
from bot.formats._syntax.yaml.file_reader import read_file
from bot.formats._syntax.yaml.image_reader import YamlImageReader
from bot.formats._syntax.yaml.nodes import (
    ALL_ITEMS,
    STRING,
    TooDeepError,
    YamlDocument,
    YamlMapping,
    YamlNode,
    YamlScalar,
)
from bot.formats._syntax.yaml.table_reader import find_key_line
from bot.formats._syntax.yaml.trees import MAX_NESTING
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "ansible"
_DOCKER_MODULES = frozenset(
    {"docker_container", "community.docker.docker_container", "community.general.docker_container"}
)
_MODULES = _DOCKER_MODULES | {
    *("podman_container", "containers.podman.podman_container"),
    *("docker_swarm_service", "community.docker.docker_swarm_service", "community.general.docker_swarm_service"),
}
"""The names of the modules, with and without the names of their collections."""
_TASK_LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")
"""Keys of a play or of a block whose values are lists of tasks."""
_ACTIONS = ("action", "local_action")
"""Keys of a task whose value contains the name of the module and its arguments."""
_FREE_FORM_IMAGE = re.compile(r"(?:^|\s)image=[\"']?(?P<image>(?:\{\{[^{}]*+\}\}|[^\s\"'])+)")
"""The image in the short form of a task: `docker_container: name=web image=nginx`."""

_IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")
"""The ID of an image on the host, which the modules accept instead of an image reference."""


def read(file: SourceFile, is_relevant: Callable[[bytes], bool]) -> Iterator[ExtractedItem]:
    """Yield the images of the tasks in a file, in the order of their lines."""
    return read_file(file, is_relevant, lambda document: _read_document(document, file.path))


class _ModuleCall(NamedTuple):
    """A module with its arguments: a mapping, or a text in the short form."""

    module: str
    locator: str
    arguments: YamlNode
    task: YamlNode


def _read_document(document: YamlDocument, path: FilePath) -> Iterator[Reference | UnsupportedText]:
    """Yield the images in the tasks of a document.

    Raises TooDeepError if lists of tasks are nested too deeply, or the document's nodes are visited too often.
    """
    locators = UniqueLocators("~")  # a task can have both a module and `args`, and a key may contain a `/`
    reader = YamlImageReader(document, path, _FORMAT, Role.THIRD_PARTY)
    images = [
        (call, locators.make_unique(locator), image)
        for call in _find_calls(document, document.root, str(document.index))
        for locator, image in _find_images(document, call)
    ]  # first walk all paths, because only then are the shared scalars known
    found = [each for call, locator, image in images if (each := _read_image(reader, call, locator, image)) is not None]
    yield from sorted(found, key=lambda each: each.line_number)


def _find_calls(document: YamlDocument, tasks: YamlNode, locator: str, depth: int = 0) -> Iterator[_ModuleCall]:
    """Yield the calls of modules in a list of plays, blocks and tasks. `depth` is the number of lists around it."""
    if depth > MAX_NESTING:  # happens if a list contains an alias to itself
        raise TooDeepError
    for task_locator, task in document.walk(tasks, (ALL_ITEMS,), locator):
        if isinstance(task, YamlMapping):
            yield from _list_calls(document, task, task_locator)
            for key in _TASK_LISTS:
                for inner_locator, inner in document.walk(task, (key,), task_locator):
                    yield from _find_calls(document, inner, inner_locator, depth + 1)


def _list_calls(document: YamlDocument, task: YamlMapping, locator: str) -> Iterator[_ModuleCall]:
    for key in filter(_MODULES.__contains__, document.list_keys(task)):
        for name in (key, "args"):
            yield from (_ModuleCall(key, *each, task) for each in document.walk(task, (name,), locator))
    for key in _ACTIONS:
        for action_locator, action in document.walk(task, (key,), locator):
            words = action.value.split(maxsplit=1) if isinstance(action, YamlScalar) else []
            module = words[0] if words else document.get_string(action, "module") or ""
            if module in _MODULES:
                yield _ModuleCall(module, action_locator, action, task)
    for defaults_locator, defaults in document.walk(task, ("module_defaults",), locator):
        for key in filter(_MODULES.__contains__, document.list_keys(defaults)):
            yield from (_ModuleCall(key, *each, task) for each in document.walk(defaults, (key,), defaults_locator))


def _find_images(document: YamlDocument, call: _ModuleCall) -> Iterator[tuple[str, YamlNode]]:
    if isinstance(call.arguments, YamlScalar):
        yield call.locator, call.arguments
    else:
        yield from document.walk(call.arguments, ("image",), call.locator)


def _read_image(
    reader: YamlImageReader, call: _ModuleCall, locator: str, image: YamlNode
) -> Reference | UnsupportedText | None:
    document = reader.document
    if isinstance(call.arguments, YamlScalar):
        return _read_free_form(reader, call.arguments, locator)
    if isinstance(image, YamlScalar) and _IMAGE_ID.fullmatch(image.value):
        return None
    found = reader.read(locator, image, read_platform(document.get_string(call.arguments, "platform")))
    if not isinstance(found, Reference):
        return found
    key_line = find_key_line(document, call.arguments, call.locator.rpartition("/")[2].partition("#")[0])
    found = replace(found, related_lines=(document.get_line_number(call.task), key_line))
    return forbid_tag_with_digest(found) if _would_keep_image(document, call) else found


def _would_keep_image(document: YamlDocument, call: _ModuleCall) -> bool:
    """Return True if `docker_container` would keep the old image after a digest was added to the tag.

    The module never finds an image on the host by both a tag and a digest (`find_image` in its module_utils). The
    module must therefore be allowed to pull the image, and to create a container again if the name of its image
    changed.
    """
    pull, mismatch = (document.get_string(call.arguments, key) for key in ("pull", "image_name_mismatch"))
    return call.module in _DOCKER_MODULES and (pull == "never" or mismatch == "ignore")


def _read_free_form(reader: YamlImageReader, text: YamlScalar, locator: str) -> Reference | UnsupportedText | None:
    """Return the image in a text such as `name=web image=nginx`, or None if the text has no image."""
    document = reader.document
    match = _FREE_FORM_IMAGE.search(text.value)
    if match is None:
        return None
    start = document.find_literal_start(text) if text.tag == STRING else None
    offset = None if start is None else start + len(text.value[: match.start("image")].encode())
    line_number = document.get_line_number(text) if offset is None else document.source.get_line_number(offset)
    position = ReferencePosition(reader.path, _FORMAT, reader.role, line_number, locator)
    if TEMPLATE_MARKS.search(match["image"]):
        return position.make_unsupported(match["image"], Reason.TEMPLATED)
    if offset is None or document.is_shared(text):
        return position.make_unsupported(match["image"], Reason.MALFORMED)
    return position.read_reference(match["image"], offset)
