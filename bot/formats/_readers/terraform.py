"""Read Terraform: the literal images in resources for Docker, Kubernetes and cloud providers.

Images that an expression computes are not read, because their parts are elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from bot.core.references.locking import lock_reference
from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.hcl.reader import (
    ComputedExpression,
    HclBlock,
    HclBody,
    HclExpression,
    HclFile,
    HclObject,
    HclTuple,
    read_hcl,
)
from bot.formats._syntax.hcl.tokens import HclLiteral, HclTemplate
from bot.formats._syntax.jsonc import JsonArray, JsonFile, JsonObject, JsonString, read_json
from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS, ReferencePosition, UniqueLocators, extend_locator
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "terraform"
_JSONENCODE = re.compile(rb"jsonencode[ \t]*\((?P<argument>.*)\)", re.DOTALL)
_ATTRIBUTE_PREFIX = b"v = "
"""Prefix that turns an expression into an HCL file with one attribute."""
_CONTAINER_BLOCKS = frozenset({"container", "init_container"})
_CONTAINER_LISTS = frozenset({"containers", "initContainers", "ephemeralContainers"})
"""Keys of a PodSpec whose values are lists of containers."""


class _ResourceRule(NamedTuple):
    """The attributes and blocks that contain images in resources of certain types."""

    types: re.Pattern[str]
    kinds: frozenset[str] = frozenset({"resource"})
    attribute: str = ""
    """Name of an attribute of the resource whose value is an image."""
    block_types: frozenset[str] = frozenset()
    """Types of blocks, nested at any depth, whose attribute `image` is an image."""
    json_attribute: str = ""
    """Name of an attribute whose value is a list of containers as JSON."""
    manifest_attribute: str = ""
    """Name of an attribute whose value is a Kubernetes object, which may contain lists of containers at any depth."""
    module_attribute: str = ""
    """Name of an attribute of a module, nested at any depth, whose value is a list or a map of containers."""
    is_digest_looked_up: bool = False
    """True if Terraform looks up the current digest of the tag in the attribute whenever it runs."""


_RESOURCE_RULES = (
    # https://registry.terraform.io/providers/kreuzwerker/docker/latest/docs
    _ResourceRule(re.compile("docker_image"), frozenset({"resource", "data"}), attribute="name"),
    _ResourceRule(re.compile("docker_registry_image"), frozenset({"data"}), attribute="name", is_digest_looked_up=True),
    _ResourceRule(re.compile("docker_container"), attribute="image"),
    _ResourceRule(re.compile("docker_service"), block_types=frozenset({"container_spec"})),
    _ResourceRule(re.compile("docker_buildx_builder"), block_types=frozenset({"docker_container"})),
    # https://registry.terraform.io/providers/hashicorp/kubernetes/latest/docs
    _ResourceRule(re.compile("kubernetes_.+"), block_types=_CONTAINER_BLOCKS),
    _ResourceRule(re.compile("kubernetes_manifest"), manifest_attribute="manifest"),
    # https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/cloud_run_v2_service
    _ResourceRule(re.compile("google_cloud_run_.+"), block_types=frozenset({"containers"})),
    # https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/container_app
    _ResourceRule(re.compile("azurerm_container_(?:app|app_job|group)"), block_types=_CONTAINER_BLOCKS),
    # https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/ecs_task_definition
    _ResourceRule(re.compile("aws_ecs_task_definition"), json_attribute="container_definitions"),
    # https://registry.terraform.io/modules/terraform-aws-modules/ecs/aws/latest
    _ResourceRule(re.compile(".*", re.DOTALL), frozenset({"module"}), module_attribute="container_definitions"),
)


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images in a file, in the order of their lines."""
    match read_hcl(file.content):
        case HclFile() as hcl:
            yield from sorted(_TerraformReader(hcl, file.path).read_images(), key=lambda found: found.line_number)
        case BrokenFile() as broken:
            yield broken.make_unsupported(file.path)
        case unknown:
            assert_never(unknown)


@dataclass(slots=True)
class _TerraformReader:
    file: HclFile
    path: FilePath
    _locators: UniqueLocators = field(default_factory=UniqueLocators)

    def read_images(self) -> Iterator[Reference | UnsupportedText]:
        for block in self.file.body.blocks:
            for resource in _RESOURCE_RULES:
                if block.type in resource.kinds and block.labels and resource.types.fullmatch(block.labels[0]):
                    yield from self._read_resource(resource, block)

    def _read_resource(self, rule: _ResourceRule, block: HclBlock) -> Iterator[Reference | UnsupportedText]:
        locator = extend_locator(block.type, "".join(f".{label}" for label in block.labels))
        body = block.body
        is_built = any(body.list_blocks("build"))  # if the image is built, the attribute names the output
        if rule.attribute and not is_built:
            platform = read_platform(_get_text(body.get_value("platform")))
            for found in self._read_image(f"{locator}.{rule.attribute}", body.get_value(rule.attribute), platform):
                if rule.is_digest_looked_up and isinstance(found, Reference) and found.image.digest is None:
                    yield lock_reference(found, Reason.OTHER_WRITER)
                else:
                    yield found
        for at, inner in _find_blocks(body, rule.block_types, locator):
            yield from self._read_image(f"{at}.image", inner.get_value("image"))
        if rule.json_attribute:
            yield from self._read_encoded(f"{locator}.{rule.json_attribute}", body.get_value(rule.json_attribute))
        for attribute in body.attributes if rule.module_attribute else ():
            at = extend_locator(locator, f".{attribute.name}")
            yield from self._read_module_value(at, attribute.name, attribute.value, rule.module_attribute)
        if rule.manifest_attribute:
            manifest = body.get_value(rule.manifest_attribute)
            references = self._read_manifest(f"{locator}.{rule.manifest_attribute}", manifest)
            is_job = _is_job(manifest)
            yield from (
                lock_reference(each, Reason.IMMUTABLE_JOB) if is_job and isinstance(each, Reference) else each
                for each in references
            )

    def _read_module_value(
        self, locator: str, name: str | None, value: HclExpression, container_name: str
    ) -> Iterator[Reference | UnsupportedText]:
        """Yield the images of containers in an argument of a module.

        `container_name` is the name of the argument or the key that contains containers. `name` is that of `value`.
        """
        if name == container_name and not isinstance(value, HclObject):
            yield from self._read_containers(locator, value)
            yield from self._read_encoded(locator, value)
            return
        for item in value.items if isinstance(value, HclObject) else ():
            at = extend_locator(locator, f"/{item.name or '*'}")
            if name == container_name:
                containers = item.value.items if isinstance(item.value, HclObject) else ()
                for each in containers:
                    if each.name == "image":
                        yield from self._read_image(f"{at}.image", each.value)
            else:
                yield from self._read_module_value(at, item.name, item.value, container_name)

    def _read_manifest(self, locator: str, value: HclExpression | None) -> Iterator[Reference | UnsupportedText]:
        match value:
            case HclObject(items=items):
                for item in items:
                    read_item = self._read_containers if item.name in _CONTAINER_LISTS else self._read_manifest
                    yield from read_item(extend_locator(locator, f"/{item.name}"), item.value)
            case HclTuple(items=values):
                for index, each in enumerate(values):
                    yield from self._read_manifest(extend_locator(locator, f"/{index}"), each)
            case HclTemplate() | ComputedExpression() | None:
                return
            case _:
                assert_never(value)

    def _read_containers(
        self, locator: str, value: HclExpression | None, shift: int = 0
    ) -> Iterator[Reference | UnsupportedText]:
        """Yield the images in a list of container objects.

        `shift` is 0 if `value` was parsed as part of the file. If `value` was parsed separately, `shift` is the number
        to add to its offsets to get offsets in the file.
        """
        for index, container in enumerate(value.items if isinstance(value, HclTuple) else ()):
            for item in container.items if isinstance(container, HclObject) else ():
                if item.name == "image":
                    yield from self._read_image(f"{locator}[{index}].image", item.value, shift=shift)

    def _read_encoded(self, locator: str, value: HclExpression | None) -> Iterator[Reference | UnsupportedText]:
        """Yield the images in `jsonencode([{ image = "…" }])`, or in a heredoc that contains the same list as JSON."""
        if isinstance(value, HclTemplate):
            yield from self._read_json(locator, value)
        if not isinstance(value, ComputedExpression):
            return
        call = _JSONENCODE.fullmatch(self.file.content[value.start : value.end])
        if call is None:
            return
        shift = value.start + call.start("argument") - len(_ATTRIBUTE_PREFIX)
        argument = read_hcl(_ATTRIBUTE_PREFIX + call["argument"].rstrip(b" \t\r\n,"))
        if isinstance(argument, HclFile):
            yield from self._read_containers(locator, argument.body.attributes[0].value, shift)

    def _read_json(self, locator: str, value: HclTemplate) -> Iterator[Reference | UnsupportedText]:
        """Yield the images in a heredoc that contains a list of containers as JSON.

        Yield nothing if `value` is not a heredoc, or if the file does not contain its text literally.
        """
        lines = [
            (part.start, part.value) for part in value.parts if isinstance(part, HclLiteral) and part.start is not None
        ]
        if not lines or not self.file.content.startswith(b"<<", value.start):
            return
        start, end = lines[0][0], lines[-1][0] + len(lines[-1][1])
        parsed = read_json(self.file.content[start:end])
        containers = parsed.root.items if isinstance(parsed, JsonFile) and isinstance(parsed.root, JsonArray) else ()
        for index, container in enumerate(containers):
            for image in container.list_values("image") if isinstance(container, JsonObject) else ():
                if isinstance(image, JsonString) and image.value:
                    at = self._locators.make_unique(f"{locator}[{index}].image")
                    line_number = self.file.get_line_number(start + image.start)
                    position = ReferencePosition(self.path, _FORMAT, Role.THIRD_PARTY, line_number, at)
                    if TEMPLATE_MARKS.search(image.value):
                        yield position.make_unsupported(image.value, Reason.TEMPLATED)
                    elif image.is_literal:
                        yield position.read_reference(image.value, start + image.start)
                    else:
                        yield position.make_unsupported(image.value, Reason.MALFORMED)

    def _read_image(
        self, locator: str, value: HclExpression | None, platform: str | None = None, shift: int = 0
    ) -> Iterator[Reference | UnsupportedText]:
        """Yield the image in the string `value`, or nothing if `value` is not a string.

        `shift` is 0 if `value` was parsed as part of the file. If `value` was parsed separately, as the argument of
        `jsonencode` is, `shift` is the number to add to its offsets to get offsets in the file. `platform` is the
        platform of the image, or None if the file does not state it.
        """
        if not isinstance(value, HclTemplate):
            return
        unique = self._locators.make_unique(locator)
        start = value.start + shift
        position = ReferencePosition(
            self.path, _FORMAT, Role.THIRD_PARTY, self.file.get_line_number(start), unique, platform
        )
        source = self.file.content[start : value.end + shift].decode().strip('"')
        text = _get_text(value)
        if text is None:
            # A string without literal parts is only an expression in quotes, which is not read.
            if any(isinstance(part, HclLiteral) for part in value.parts):
                yield position.make_unsupported(source, Reason.TEMPLATED)
        elif TEMPLATE_MARKS.search(text):
            yield position.make_unsupported(source, Reason.TEMPLATED)
        elif value.value_start is None and text:
            yield position.make_unsupported(source, Reason.MALFORMED)
        elif value.value_start is not None and text:
            yield position.read_reference(text, value.value_start + shift)


def _is_job(manifest: HclExpression | None) -> bool:
    """Return True if `manifest` describes a Kubernetes Job. The images of an existing Job cannot be changed."""
    items = manifest.items if isinstance(manifest, HclObject) else ()
    return any(item.name == "kind" and _get_text(item.value) == "Job" for item in items)


def _get_text(value: HclExpression | None) -> str | None:
    """Return the text of a string, or None if `value` is not a string or contains an interpolation."""
    text = value.value if isinstance(value, HclTemplate) else None
    return None if text is None else text.decode(errors="replace")


def _find_blocks(body: HclBody, types: frozenset[str], locator: str) -> Iterator[tuple[str, HclBody]]:
    """Yield (locator, body) for every block in `body` whose type is in `types`.

    Blocks at any depth are included. A `dynamic "TYPE"` block is treated like a block of the type TYPE, because
    Terraform generates such blocks from it.
    """
    for block in body.blocks if types else ():
        is_dynamic = block.type == "dynamic"
        kind = block.labels[0] if is_dynamic and block.labels else block.type
        at = extend_locator(locator, f"/{kind}")
        for inner in [each.body for each in block.body.list_blocks("content")] if is_dynamic else [block.body]:
            if kind in types:
                yield at, inner
            yield from _find_blocks(inner, types, at)
