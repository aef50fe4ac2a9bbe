"""What a compose document says: its services, what each is built from, and where it uses variables.

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
"""Keys of the top beside `services`; without that key, all others are services, as in files of 2014."""
_FRAGMENT = "x-"
_RESET = "!reset"
"""Takes away what another file says (https://docs.docker.com/reference/compose-file/merge/)."""
_ENVIRONMENT_FILE_PATHS: tuple[Path, ...] = (("env_file",), ("env_file", EACH), ("env_file", EACH, "path"))
_ENVIRONMENT_FILES = frozenset({".env", "./.env"})


class Service(NamedTuple):
    """One service, what is merged into it included. What is asked of it may raise TooDeepError."""

    document: Document
    locator: str
    node: Node

    @property
    def build(self) -> Node:
        """What it is built from, a folder or a mapping; None where it is not built."""
        match self.document.values(self.node, "build")[-1:]:
            case [Scalar() as scalar] if not scalar.value or scalar.event.tag == _RESET or _is_null(scalar):
                return None
            case [node]:
                return node
            case _:
                return None

    @property
    def output(self) -> str | None:
        """The image that is built of it, as it is written; no path has led there."""
        if self.build is None:
            return None
        image = dict(self.document.look(self.node)).get("image")
        return image.value if isinstance(image, Scalar) else None

    @property
    def platform(self) -> str | None:
        return self.document.text(self.node, "platform")

    def at(self, *path: str) -> Iterator[tuple[str, Node]]:
        """Yield what stands at `path`, with locators. Raises TooDeepError."""
        return self.document.walk(self.node, path, self.locator)


class BuildArgument(NamedTuple):
    """A build argument that a service sets."""

    name: str
    line_number: int
    has_value: bool
    """Whether its value stands here; else it comes from the environment, under its own name."""


def services_of(document: Document) -> Iterator[Service]:
    """Yield the services of a document; none of what is something else. Raises TooDeepError."""
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
    """Yield every variable that the document uses; None where it hands on all of the `.env`. Raises TooDeepError.

    What stands in the scalars `images`, by the `id` of their events, is left out.
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
    """Yield name, line and whether there is a value of `NAME=value` in a list, or `NAME: value` in a mapping."""
    for key, value in document.look(node):
        if not isinstance(node, Sequence):
            yield key, document.line_number(value), not _is_null(value)
        elif isinstance(value, Scalar):
            name, equals, _ = value.value.partition("=")
            yield name, document.line_number(value), bool(equals)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and NULL in (node.tag, node.event.tag)


def _texts(root: Node, left_out: Collection[int]) -> Iterator[str]:
    """Yield every scalar value once, wherever aliases name it again; keys are not interpolated."""
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
