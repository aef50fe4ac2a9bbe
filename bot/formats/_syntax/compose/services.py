"""The services in a compose document, their builds, and the variables that the document uses.

The model follows https://github.com/compose-spec/compose-spec/blob/main/spec.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from bot.formats._syntax.compose.interpolation import list_variable_names
from bot.formats._syntax.yaml.nodes import (
    ALL_ITEMS,
    ALL_VALUES,
    NULL,
    KeyPath,
    YamlDocument,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
)
from bot.formats._syntax.yaml.trees import StoredNode, wrap_node

_SERVICES = "services"
_NON_SERVICE_KEYS = frozenset({"version", "name", "include", "networks", "volumes", "configs", "secrets", "models"})
"""Top-level keys that are not services. In a file without `services`, the format of 2014, every other key is a
service."""
_TOP_LEVEL_KEYS = _NON_SERVICE_KEYS | {_SERVICES}
_SERVICE_KINDS = frozenset({"image", "build", "extends"})
"""The keys of which every service has at least one."""
_FRAGMENT_PREFIX = "x-"
_RESET_TAG = "!reset"
"""The tag that removes the value from another file (https://docs.docker.com/reference/compose-file/merge/)."""
_ENVIRONMENT_FILE_PATHS: tuple[KeyPath, ...] = (("env_file",), ("env_file", ALL_ITEMS), ("env_file", ALL_ITEMS, "path"))
_ENVIRONMENT_FILES = frozenset({".env", "./.env"})


class ComposeService(NamedTuple):
    """A service of a compose file, including the mappings that are merged into it with `<<`.

    Its properties and methods raise TooDeepError if the document's nodes are visited more than MAX_VISITS times.
    """

    document: YamlDocument
    name: str
    locator: str
    node: YamlNode

    @property
    def build(self) -> YamlNode:
        """The value of `build` (a folder or a mapping), or None if the service is not built."""
        match self.document.get_values(self.node, "build")[-1:]:
            case [YamlScalar() as scalar] if not scalar.value or scalar.event.tag == _RESET_TAG or _is_null(scalar):
                return None
            case [node]:
                return node
            case _:
                return None

    @property
    def output_image(self) -> str | None:
        """The name of the image that this service builds, which is its key `image`; None if it has no key `build`.

        Reading this property does not mark the name as visited. Therefore, `YamlDocument.is_shared` still treats the
        name as a value that is not an image reference.
        """
        if self.build is None:
            return None
        image = self.document.get_entries(self.node).get("image")
        return image.value if isinstance(image, YamlScalar) else None

    @property
    def platform(self) -> str | None:
        return self.document.get_string(self.node, "platform")

    def walk(self, *path: str) -> Iterator[tuple[str, YamlNode]]:
        """Yield the nodes at the keys `path` below the service, with their locators.

        Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.

        For example, the keys `build`, `args` lead to the build arguments of the service.
        """
        return self.document.walk(self.node, path, self.locator)


class ComposeSetting(NamedTuple):
    """An entry of `environment`, `build.args` or `build.additional_contexts`."""

    name: str
    line_number: int
    has_value: bool
    """True if the file contains the value. Otherwise the environment variable of the same name provides it."""
    value: str = ""
    """The value, which may contain variables; empty if it is not a text."""


def list_services(document: YamlDocument) -> Iterator[ComposeService]:
    """Yield the services in a document, or nothing if the document is a Kubernetes object.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.
    """
    root = document.root
    keys = document.list_keys(root)
    if "apiVersion" in keys and "kind" in keys:
        return
    parents = list(document.walk(root, (_SERVICES,), str(document.index)))
    is_legacy = _SERVICES not in keys
    for locator, parent in parents or [(str(document.index), root)]:
        for key in document.list_keys(parent):
            if is_legacy and (key in _NON_SERVICE_KEYS or key.startswith(_FRAGMENT_PREFIX)):
                continue
            for service_locator, node in document.walk(parent, (key,), locator):
                if isinstance(node, YamlMapping):
                    yield ComposeService(document, key, service_locator, node)


def is_compose_document(document: YamlDocument) -> bool:
    """Return True if a document of a file with any name is evidently a compose file.

    All its keys are keys of compose files, every service has an image or a build, and at least one has an image.
    """
    entries = document.get_entries(document.root)
    services = list(document.get_entries(entries.get(_SERVICES)).values())
    kinds = [_SERVICE_KINDS & document.get_entries(each).keys() for each in services]
    has_only_known_keys = all(key in _TOP_LEVEL_KEYS or key.startswith(_FRAGMENT_PREFIX) for key in entries)
    is_mapping = isinstance(document.root, YamlMapping) and isinstance(entries.get(_SERVICES), YamlMapping)
    return is_mapping and has_only_known_keys and all(kinds) and any("image" in each for each in kinds)


def list_build_arguments(service: ComposeService) -> Iterator[ComposeSetting]:
    """Yield the arguments in the `build.args` of a service, which may be a mapping or a list.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.
    """
    document = service.document
    yield from (each for _, node in service.walk("build", "args") for each in _list_settings(document, node))


def list_build_contexts(service: ComposeService) -> Iterator[ComposeSetting]:
    """Yield the `build.additional_contexts` of a service, a mapping or a list of `NAME=value`.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.
    """
    document = service.document
    yield from (
        each for _, node in service.walk("build", "additional_contexts") for each in _list_settings(document, node)
    )


def list_environment_uses(
    document: YamlDocument, services: Collection[ComposeService], image_events: Collection[int]
) -> Iterator[str | None]:
    """Yield the name of every variable that the document uses outside image references.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.

    The value of such a variable must not be changed to update an image. If a service passes the whole `.env` file to a
    container, the result also contains None, because the container may use any variable.

    `image_events` contains `id(scalar.event)` of each scalar that is an image reference, so that these are left out.
    """
    for text in _list_texts(document.root, image_events):
        yield from list_variable_names(text)
    for service in services:
        for passed_path in (("environment",), ("build", "args")):
            for _, node in service.walk(*passed_path):
                yield from (each.name for each in _list_settings(document, node) if not each.has_value)
        for file_path in _ENVIRONMENT_FILE_PATHS:
            if any(
                isinstance(node, YamlScalar) and node.value in _ENVIRONMENT_FILES
                for _, node in service.walk(*file_path)
            ):
                yield None
    for kind in ("secrets", "configs"):
        for _, node in document.walk(document.root, (kind, ALL_VALUES, "environment"), ""):
            if isinstance(node, YamlScalar):
                yield node.value


def _list_settings(document: YamlDocument, node: YamlNode) -> Iterator[ComposeSetting]:
    """Yield the entries of `environment`, `args` or `additional_contexts`.

    In a list, an entry is `NAME=value` or `NAME`. In a mapping, it is `NAME: value`.
    """
    for key, value in document.get_entries(node).items():
        line_number = document.get_line_number(value)
        if not isinstance(node, YamlSequence):
            text = value.value if isinstance(value, YamlScalar) and not _is_null(value) else ""
            yield ComposeSetting(key, line_number, not _is_null(value), text)
        elif isinstance(value, YamlScalar):
            name, equals, text = value.value.partition("=")
            yield ComposeSetting(name, line_number, bool(equals), text)


def _is_null(node: YamlNode) -> bool:
    return isinstance(node, YamlScalar) and NULL in (node.tag, node.event.tag)


def _list_texts(root: YamlNode, excluded_events: Collection[int]) -> Iterator[str]:
    """Yield the text of every scalar value below `root`. A scalar that is referenced by aliases is yielded only once.

    Keys are left out, because compose does not replace variables in them. A scalar is left out if `excluded_events`
    contains the `id` of its parser event.
    """
    visited_ids: set[int] = set()
    pending: list[Any] = [root.event if isinstance(root, YamlScalar) else root]
    while pending:
        raw: StoredNode = pending.pop()
        if raw is None or id(raw) in visited_ids:
            continue
        visited_ids.add(id(raw))
        match raw:
            case YamlMapping():
                pending += [*raw.values.values(), *(value for _, value in raw.hidden or ())]
            case YamlSequence():
                pending += raw.items
            case event:
                if id(event) not in excluded_events:
                    scalar = wrap_node(event)
                    yield scalar.value if isinstance(scalar, YamlScalar) else ""
