"""Read Terraform: the literal images of resources of Docker, Kubernetes and cloud providers.

An image that an expression computes is not read: its parts stand elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from bot.core.places.closing import close
from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.hcl.reader import Block, Body, Computed, Expression, Hcl, Object, Tuple, read_hcl
from bot.formats._syntax.hcl.tokens import Literal, Template
from bot.formats._syntax.jsonc import Array, Json, Text, read_json
from bot.formats._syntax.jsonc import Object as JsonObject
from bot.formats._syntax.places import TEMPLATE_MARKS, Locators, Place
from bot.formats._syntax.platforms import read_platform
from bot.model.found import ExtractedItem
from bot.model.source import FilePath, Occurrence, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "terraform"
_JSONENCODE = re.compile(rb"jsonencode[ \t]*\((?P<argument>.*)\)", re.DOTALL)
_ATTRIBUTE = b"v = "
"""Prefix that makes an HCL file of an expression."""
_KUBERNETES = frozenset({"container", "init_container"})
_LISTS = frozenset({"containers", "initContainers", "ephemeralContainers"})
"""Keys of a PodSpec that hold containers."""


class _Resource(NamedTuple):
    """Where resources of some types name images."""

    types: re.Pattern[str]
    kinds: frozenset[str] = frozenset({"resource"})
    attribute: str = ""
    """Name of an attribute of the resource that is an image."""
    blocks: frozenset[str] = frozenset()
    """Types of blocks, at any depth, whose attribute `image` is an image."""
    encoded: str = ""
    """Name of an attribute that holds a list of containers as JSON."""
    manifest: str = ""
    """Name of an attribute that holds a Kubernetes object, with lists of containers at any depth."""


_RESOURCES = (
    # https://registry.terraform.io/providers/kreuzwerker/docker/latest/docs
    _Resource(re.compile("docker_image"), frozenset({"resource", "data"}), attribute="name"),
    _Resource(re.compile("docker_container"), attribute="image"),
    _Resource(re.compile("docker_service"), blocks=frozenset({"container_spec"})),
    _Resource(re.compile("docker_buildx_builder"), blocks=frozenset({"docker_container"})),
    # https://registry.terraform.io/providers/hashicorp/kubernetes/latest/docs
    _Resource(re.compile("kubernetes_.+"), blocks=_KUBERNETES),
    _Resource(re.compile("kubernetes_manifest"), manifest="manifest"),
    # https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/cloud_run_v2_service
    _Resource(re.compile("google_cloud_run_.+"), blocks=frozenset({"containers"})),
    # https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/container_app
    _Resource(re.compile("azurerm_container_(?:app|app_job|group)"), blocks=_KUBERNETES),
    # https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/ecs_task_definition
    _Resource(re.compile("aws_ecs_task_definition"), encoded="container_definitions"),
)


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images of a file."""
    match read_hcl(file.content):
        case Hcl() as hcl:
            yield from sorted(_Reader(hcl, file.path).images(), key=lambda found: found.line_number)
        case BrokenFile() as broken:
            yield broken.unsupported(file.path)
        case unknown:
            assert_never(unknown)


@dataclass(slots=True)
class _Reader:
    """Reads the images of one file."""

    file: Hcl
    path: FilePath
    _locators: Locators = field(default_factory=Locators)

    def images(self) -> Iterator[Occurrence | UnsupportedText]:
        for block in self.file.body.blocks:
            for resource in _RESOURCES:
                if block.type in resource.kinds and block.labels and resource.types.fullmatch(block.labels[0]):
                    yield from self._of_resource(resource, block)

    def _of_resource(self, resource: _Resource, block: Block) -> Iterator[Occurrence | UnsupportedText]:
        locator = ".".join((block.type, *block.labels))
        body = block.body
        is_built = any(body.blocks_of("build"))  # then the image name is the output of the build
        if resource.attribute and not is_built:
            platform = read_platform(_text_of(body.value("platform")))
            yield from self._image(f"{locator}.{resource.attribute}", body.value(resource.attribute), platform)
        for at, inner in _blocks_below(body, resource.blocks, locator):
            yield from self._image(f"{at}.image", inner.value("image"))
        if resource.encoded:
            yield from self._encoded(f"{locator}.{resource.encoded}", body.value(resource.encoded))
        if resource.manifest:
            manifest = body.value(resource.manifest)
            places = self._in_manifest(f"{locator}.{resource.manifest}", manifest)
            is_job = _is_job(manifest)
            yield from (
                close(each, Reason.IMMUTABLE_JOB) if is_job and isinstance(each, Occurrence) else each
                for each in places
            )

    def _in_manifest(self, locator: str, value: Expression | None) -> Iterator[Occurrence | UnsupportedText]:
        match value:
            case Object(items=items):
                for item in items:
                    read = self._containers if item.name in _LISTS else self._in_manifest
                    yield from read(f"{locator}/{item.name}", item.value)
            case Tuple(items=values):
                for index, each in enumerate(values):
                    yield from self._in_manifest(f"{locator}/{index}", each)
            case Template() | Computed() | None:
                return
            case _:
                assert_never(value)

    def _containers(self, locator: str, value: Expression | None, shift: int = 0) -> Iterator[Occurrence | UnsupportedText]:
        """Yield the images of a list of container objects."""
        for index, container in enumerate(value.items if isinstance(value, Tuple) else ()):
            for item in container.items if isinstance(container, Object) else ():
                if item.name == "image":
                    yield from self._image(f"{locator}[{index}].image", item.value, shift=shift)

    def _encoded(self, locator: str, value: Expression | None) -> Iterator[Occurrence | UnsupportedText]:
        """Yield the images of `jsonencode([{ image = "…" }])`, or of the same JSON in a heredoc."""
        if isinstance(value, Template):
            yield from self._in_json(locator, value)
        if not isinstance(value, Computed):
            return
        call = _JSONENCODE.fullmatch(self.file.content[value.start : value.end])
        if call is None:
            return
        shift = value.start + call.start("argument") - len(_ATTRIBUTE)
        argument = read_hcl(_ATTRIBUTE + call["argument"].rstrip(b" \t\r\n,"))
        if isinstance(argument, Hcl):
            yield from self._containers(locator, argument.body.attributes[0].value, shift)

    def _in_json(self, locator: str, value: Template) -> Iterator[Occurrence | UnsupportedText]:
        """Yield the images of a list of containers that a heredoc holds as JSON without escapes."""
        lines = [
            (part.start, part.value) for part in value.parts if isinstance(part, Literal) and part.start is not None
        ]
        if not lines or not self.file.content.startswith(b"<<", value.start):
            return
        start, end = lines[0][0], lines[-1][0] + len(lines[-1][1])
        read = read_json(self.file.content[start:end])
        containers = read.root.items if isinstance(read, Json) and isinstance(read.root, Array) else ()
        for index, container in enumerate(containers):
            for image in container.values("image") if isinstance(container, JsonObject) else ():
                if isinstance(image, Text) and image.value:
                    at = self._locators.unique(f"{locator}[{index}].image")
                    line_number = self.file.line_number(start + image.start)
                    place = Place(self.path, _FORMAT, Role.THIRD_PARTY, line_number, at)
                    if TEMPLATE_MARKS.search(image.value):
                        yield place.unsupported(image.value, Reason.TEMPLATED)
                    elif image.is_literal:
                        yield place.read(image.value, start + image.start)
                    else:
                        yield place.unsupported(image.value, Reason.MALFORMED)

    def _image(
        self, locator: str, value: Expression | None, platform: str | None = None, shift: int = 0
    ) -> Iterator[Occurrence | UnsupportedText]:
        """Yield the image that `value` is; its bytes stand `shift` bytes later in the file than its spans say."""
        if not isinstance(value, Template):
            return
        unique = self._locators.unique(locator)
        start = value.start + shift
        place = Place(self.path, _FORMAT, Role.THIRD_PARTY, self.file.line_number(start), unique, platform)
        source = self.file.content[start : value.end + shift].decode().strip('"')
        text = _text_of(value)
        if text is None:
            if any(isinstance(part, Literal) for part in value.parts):  # otherwise it is a bare expression in quotes
                yield place.unsupported(source, Reason.TEMPLATED)
        elif TEMPLATE_MARKS.search(text):
            yield place.unsupported(source, Reason.TEMPLATED)
        elif value.value_start is None and text:
            yield place.unsupported(source, Reason.MALFORMED)
        elif value.value_start is not None and text:
            yield place.read(text, value.value_start + shift)


def _is_job(manifest: Expression | None) -> bool:
    """Return True if an object is a Job, whose containers cannot be changed while it exists."""
    items = manifest.items if isinstance(manifest, Object) else ()
    return any(item.name == "kind" and _text_of(item.value) == "Job" for item in items)


def _text_of(value: Expression | None) -> str | None:
    """Return the text of an expression; None if it is not a template or has an interpolation."""
    text = value.value if isinstance(value, Template) else None
    return None if text is None else text.decode(errors="replace")


def _blocks_below(body: Body, types: frozenset[str], locator: str) -> Iterator[tuple[str, Body]]:
    """Yield the bodies of blocks of `types` at any depth, including those that `dynamic` blocks generate."""
    for block in body.blocks if types else ():
        is_dynamic = block.type == "dynamic"
        kind = block.labels[0] if is_dynamic and block.labels else block.type
        at = f"{locator}/{kind}"
        for inner in [each.body for each in block.body.blocks_of("content")] if is_dynamic else [block.body]:
            if kind in types:
                yield at, inner
            yield from _blocks_below(inner, types, at)
