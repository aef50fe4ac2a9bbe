"""The services of a compose document, their builds, and the variables that the document uses.

The model is that of https://github.com/compose-spec/compose-spec/blob/main/spec.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from bot.formats._syntax.compose.interpolation import names_in
from bot.formats._syntax.yaml.nodes import EACH, EVERY, NULL, Document, Mapping, Node, Path, Scalar, Sequence
from bot.formats._syntax.yaml.trees import Raw, node_of

_SERVICES = "services"
_NO_SERVICES = frozenset({"version", "name", "include", "networks", "volumes", "configs", "secrets", "models"})
"""Top-level keys that are not services; in a file without `services`, as of 2014, every other key is a service."""
_FRAGMENT = "x-"
_RESET = "!reset"
"""Removes a value of another file (https://docs.docker.com/reference/compose-file/merge/)."""
_ENVIRONMENT_FILE_PATHS: tuple[Path, ...] = (("env_file",), ("env_file", EACH), ("env_file", EACH, "path"))
_ENVIRONMENT_FILES = frozenset({".env", "./.env"})


class Service(NamedTuple):
    """One service, with the mappings that are merged into it. Properties and methods may raise TooDeepError."""

    document: Document
    locator: str
    node: Node

    @property
    def build(self) -> Node:
        """The build section, a folder or a mapping; None if the service is not built."""
        match self.document.values(self.node, "build")[-1:]:
            case [Scalar() as scalar] if not scalar.value or scalar.event.tag == _RESET or _is_null(scalar):
                return None
            case [node]:
                return node
            case _:
                return None

    @property
    def output(self) -> str | None:
        """The image name that the build produces; None without a build. Reading it does not count as a walked path."""
        if self.build is None:
            return None
        image = dict(self.document.look(self.node)).get("image")
        return image.value if isinstance(image, Scalar) else None

    @property
    def platform(self) -> str | None:
        return self.document.text(self.node, "platform")

    def at(self, *path: str) -> Iterator[tuple[str, Node]]:
        """Yield the nodes at `path`, with locators. Raises TooDeepError."""
        return self.document.walk(self.node, path, self.locator)


class BuildArgument(NamedTuple):
    """A build argument that a service sets."""

    name: str
    line_number: int
    has_value: bool
    """Whether the file has its value; otherwise the environment variable of the same name provides it."""


def services_of(document: Document) -> Iterator[Service]:
    """Yield the services of a document; none if it is not a compose file. Raises TooDeepError."""
    root = document.root
    keys = document.keys(root)
    if "apiVersion" in keys and "kind" in keys:
        return
    parents = [(f"{document.index}/{_SERVICES}", node) for node in document.values(root, _SERVICES)]
    is_of_2014 = _SERVICES not in keys
    for locator, parent in parents or [(str(document.index), root)]:
        for key in document.keys(parent):
            if is_of_2014 and (key in _NO_SERVICES or key.startswith(_FRAGMENT)):
                continue
            for found, node in document.walk(parent, (key,), locator):
                if isinstance(node, Mapping):
                    yield Service(document, found, node)


def build_arguments(service: Service) -> Iterator[BuildArgument]:
    """Yield the arguments of a service's build, which are a mapping or a list. Raises TooDeepError."""
    document = service.document
    yield from (BuildArgument(*each) for _, node in service.at("build", "args") for each in _settings(document, node))


def environment_uses(
    document: Document, services: Collection[Service], images: Collection[int]
) -> Iterator[str | None]:
    """Yield every variable that the document uses; None for passing on the whole `.env`. Raises TooDeepError.

    `image_events` has the `id` of the events of image scalars, whose variables are left out.
    """
    for text in _texts(document.root, images):
        yield from names_in(text)
    for service in services:
        for handed_on in (("environment",), ("build", "args")):
            for _, node in service.at(*handed_on):
                yield from (name for name, _, has_value in _settings(document, node) if not has_value)
        for files in _ENVIRONMENT_FILE_PATHS:
            if any(isinstance(node, Scalar) and node.value in _ENVIRONMENT_FILES for _, node in service.at(*files)):
                yield None
    for kind in ("secrets", "configs"):
        for _, node in document.walk(document.root, (kind, EVERY, "environment"), ""):
            if isinstance(node, Scalar):
                yield node.value


def _settings(document: Document, node: Node) -> Iterator[tuple[str, int, bool]]:
    """Yield name, line and whether there is a value, for each `NAME=value` in a list or `NAME: value` in a mapping."""
    for key, value in document.look(node):
        if not isinstance(node, Sequence):
            yield key, document.line_number(value), not _is_null(value)
        elif isinstance(value, Scalar):
            name, equals, _ = value.value.partition("=")
            yield name, document.line_number(value), bool(equals)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and NULL in (node.tag, node.event.tag)


def _texts(root: Node, left_out: Collection[int]) -> Iterator[str]:
    """Yield every scalar value once, however many aliases name it; without keys, which are not interpolated."""
    seen: set[int] = set()
    pending: list[Any] = [root.event if isinstance(root, Scalar) else root]
    while pending:
        raw: Raw = pending.pop()
        if raw is None or id(raw) in seen:
            continue
        seen.add(id(raw))
        match raw:
            case Mapping():
                pending += [*raw.values.values(), *(value for _, value in raw.hidden or ())]
            case Sequence():
                pending += raw.items
            case event:
                if id(event) not in left_out:
                    scalar = node_of(event)
                    yield scalar.value if isinstance(scalar, Scalar) else ""
