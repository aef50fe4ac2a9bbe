"""Read bake files: the images that targets use as build contexts, and the images in inline Dockerfiles.

See https://docs.docker.com/build/bake/reference/.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from bot.core.references.expansion import (
    ExpandedText,
    ExpandedValues,
    ResolvedInterpolation,
    expand_text,
    find_shared_variables,
    resolve_interpolated,
)
from bot.core.references.locking import lock_reference
from bot.core.references.tree_paths import resolve_dockerfile
from bot.formats._syntax.bake_file import BakeBuild, BakeFile, BakeTarget, BakeText, list_builds, read_bake
from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.dockerfile.inline_dockerfile import InlineDockerfile
from bot.formats._syntax.hcl.json_syntax import read_hcl_json
from bot.formats._syntax.hcl.reader import HclFile, read_hcl
from bot.formats._syntax.hcl.tokens import HclInterpolation, HclLiteral
from bot.formats._syntax.reference_positions import (
    ReferencePosition,
    UniqueLocators,
    extend_locator,
    format_for_display,
)
from bot.model import cross_file
from bot.model.cross_file import (
    BakeVariable,
    BuildArgument,
    DockerfileBuild,
    EnvironmentVariable,
    InterpolatedImage,
    InterpolatedText,
    NamedBuildContext,
    VariableUse,
)
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, Span, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "bake"
_LABEL_COUNTS = {"target": 1, "variable": 1, "group": 1, "function": 1}
"""The block types of a bake file, with the number of labels that a block of each type has."""
_IMAGE_SCHEME = "docker-image://"


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images in a bake file, and its build arguments and named build contexts for Dockerfiles."""
    content = file.content
    hcl = read_hcl_json(content, _LABEL_COUNTS) if file.path.endswith(".json") else read_hcl(content)
    match hcl:
        case BrokenFile():
            yield hcl.make_unsupported(file.path)
        case HclFile():
            yield from _read_items(file.path, hcl)
        case _:
            assert_never(hcl)


def _read_items(path: FilePath, hcl: HclFile) -> Iterator[ExtractedItem]:
    bake = read_bake(hcl)
    references: list[Reference | UnsupportedText] = []
    inline_dockerfiles: dict[int, _InlineDockerfile] = {}
    for locator, target in _assign_locators(bake.targets):
        if target.inline_dockerfile is not None:
            dockerfile = _build_inline(hcl, target.inline_dockerfile)
            inline = _InlineDockerfile(f"{locator}/dockerfile-inline", dockerfile.content)
            inline_dockerfiles[target.inline_dockerfile.start] = inline
            references += dockerfile.read_images(path, _FORMAT, inline.locator)
    values = _expand_variables(path, hcl, bake)
    references += _read_contexts(path, hcl, bake, values)
    yield from sorted(references, key=lambda reference: reference.line_number)
    for text in (text for target in bake.targets for text in target.computed):
        yield UnsupportedText(
            path, hcl.get_line_number(text.start), format_for_display(text.source), Reason.UNRESOLVED_ARGUMENT
        )
    builds = list(list_builds(bake.targets))
    if len(builds) < len(bake.targets):
        yield UnsupportedText(path, 1, "", Reason.TOO_LARGE)
    yield from dict.fromkeys(
        fact for build in builds for fact in _list_facts(path, hcl, build, inline_dockerfiles, values)
    )
    context_names = {name for target in bake.targets for _, text in target.contexts for name in text.variables}
    for name, default in bake.variables:
        line_number = hcl.get_line_number(default.start)
        yield BakeVariable(path, line_number, name, default.literal, is_used_in_context=name in context_names)


@dataclass(slots=True)
class _InlineDockerfile:
    """An inline Dockerfile of a target."""

    locator: str
    content: bytes


def _list_facts(
    path: FilePath,
    hcl: HclFile,
    build: BakeBuild,
    inline_dockerfiles: Mapping[int, _InlineDockerfile],
    values: ExpandedValues,
) -> Iterator[DockerfileBuild | NamedBuildContext]:
    """Yield the build of a target and its named contexts.

    `inline_dockerfiles` contains each inline Dockerfile by its byte offset. `values` contains the defaults of the
    variables in the file.
    """
    text = None if build.inline_target is None else build.inline_target.inline_dockerfile
    inline = None if text is None else inline_dockerfiles[text.start]
    context, dockerfile = ((each.literal if each is not None else ()) for each in (build.context, build.dockerfile))
    position = build.dockerfile or build.context
    yield DockerfileBuild(
        path,
        hcl.get_line_number(position.start) if position is not None else 1,
        _FORMAT,
        (f"{posixpath.dirname(path)}/{build.target.name}",),
        context,
        dockerfile,
        None if inline is None else inline.content,
        tuple(
            BuildArgument(name, hcl.get_line_number(argument.start), argument.value.literal)
            for name, argument in build.arguments.items()
            if argument.value.source != "null"
        ),
    )
    paths = [expand_text(each, values) for each in (context, dockerfile)]
    built_file: FilePath | None = path
    if inline is None:
        is_known = not any(each.missing_variables for each in paths)
        built_file = resolve_dockerfile(path, paths[0].text, paths[1].text) if is_known else None
    if built_file is not None:
        prefix = "" if inline is None else f"{inline.locator}/"
        for name, start in build.contexts.items():
            yield NamedBuildContext(path, hcl.get_line_number(start), built_file, name, prefix)


def _assign_locators(targets: Iterable[BakeTarget]) -> Iterator[tuple[str, BakeTarget]]:
    """Yield (locator, target) for each target. The locator identifies the target in the file.

    The locator is `target/NAME`. If several targets have the same name, the second gets the suffix `#1`, the third
    `#2`.
    """
    locators = UniqueLocators()
    return ((locators.make_unique(extend_locator("target/", target.name)), target) for target in targets)


def _read_contexts(
    path: FilePath, hcl: HclFile, bake: BakeFile, values: ExpandedValues
) -> Iterator[Reference | UnsupportedText]:
    """Yield the images among the build contexts of all targets.

    A digest for `docker-image://alpine:${TAG}` is written into the default of the variable `TAG`. The digest is not
    editable if the file uses this variable elsewhere, because an edit would change that text too.
    """
    images: list[ResolvedInterpolation] = []
    locators = UniqueLocators()
    for locator, target in _assign_locators(bake.targets):
        for key, text in target.contexts:
            found = _read_context(
                path, hcl, locators.make_unique(extend_locator(locator, f"/contexts/{key}")), text, values
            )
            if isinstance(found, InterpolatedImage):
                images.append(resolve_interpolated(found, values))
            elif found is not None:
                yield found
    shared = bake.used_names | find_shared_variables(images)
    for image in images:
        holder = image.assignment
        reference = image.item
        if holder is not None and isinstance(reference, Reference):
            reference = replace(reference, related_lines=(holder.line_number,))
            reference = lock_reference(reference, Reason.SHARED_ARGUMENT) if holder.variable in shared else reference
        yield reference


def _expand_variables(path: FilePath, hcl: HclFile, bake: BakeFile) -> dict[str, ExpandedText]:
    """Return the default of each variable by its name. Variables in a default are replaced by their own defaults.

    If a default uses a variable that is defined further down in the file, this variable is treated as not set.
    """
    values: dict[str, ExpandedText] = {}
    for name, default in bake.variables:
        variable = EnvironmentVariable(path, hcl.get_line_number(default.start), name, default.literal)
        values[name] = expand_text(variable.value, values, variable)
    return values


def _read_context(
    path: FilePath, hcl: HclFile, locator: str, text: BakeText, values: ExpandedValues
) -> Reference | UnsupportedText | InterpolatedImage | None:
    """Return the image in a build context, or None if the context is not an image.

    If the context contains variables, the image is returned as an `InterpolatedImage`, which the caller resolves.
    """
    position = ReferencePosition(path, _FORMAT, Role.BASE, hcl.get_line_number(text.start), locator)
    image_text = _remove_scheme(text.text) if text.is_template else None
    if image_text is None:
        is_image = expand_text(text.text, values).text.startswith(_IMAGE_SCHEME) or (
            _IMAGE_SCHEME in text.source and not text.is_template
        )
        return position.make_unsupported(text.source, Reason.UNRESOLVED_ARGUMENT) if is_image else None
    match image_text:
        case (cross_file.LiteralText(literal, Span(start, _)),):
            return position.read_reference(literal, start)
        case _ if not any(isinstance(part, VariableUse) for part in image_text):
            return position.make_unsupported(text.source, Reason.MALFORMED)
        case _:
            return InterpolatedImage(
                path=path,
                format=_FORMAT,
                line_number=position.line_number,
                locator=locator,
                written=format_for_display(text.source.strip('"').removeprefix(_IMAGE_SCHEME)),
                text=image_text,
                role=Role.BASE,
            )


def _remove_scheme(text: InterpolatedText) -> InterpolatedText | None:
    """Return `text` without its prefix `docker-image://`, or None if it does not start with that prefix."""
    match text:
        case (cross_file.LiteralText(first, span), *rest) if first.startswith(_IMAGE_SCHEME):
            length = len(_IMAGE_SCHEME)
            shifted_span = None if span is None else Span(span.start + length, span.end)
            return (cross_file.LiteralText(first[length:], shifted_span), *rest)
        case _:
            return None


def _build_inline(hcl: HclFile, text: BakeText) -> InlineDockerfile:
    dockerfile = InlineDockerfile(hcl.get_line_number(text.start), hcl.get_line_number)
    for part in text.parts:
        match part:
            case HclLiteral(value, start):
                dockerfile.add_piece(value, start)
            case HclInterpolation(_, _, expression):
                dockerfile.add_piece(b"{{%b}}" % expression, None)
            case _:
                assert_never(part)
    return dockerfile
