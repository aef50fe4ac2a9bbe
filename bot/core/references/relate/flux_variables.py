"""Images in manifests that end with a variable of Flux, such as `nginx:${TAG}`.

A Kustomization of Flux sets variables for all manifests in the folder that it deploys
(https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution). basebump does not
determine whether this folder is in this repository. Manifests in a folder of the same name that use the same variables
are assumed to be these manifests.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from bot.core.budgets import TreeBudget
from bot.core.references.expansion import (
    ExpandedText,
    ResolvedInterpolation,
    expand_text,
    find_shared_variables,
    resolve_interpolated,
)
from bot.core.references.locking import lock_reference
from bot.core.references.relate.folders import list_folders_and_path
from bot.model.cross_file import CrossFileFact, FluxSubstitution, InterpolatedImage, LiteralText, VariableUse
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import FilePath, Reference, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "kubernetes"
_FILE_ENDINGS = (".yaml", ".yml", ".json")
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_]\w*+)(?:(:?)[-=]([^${}]*+))?\}", re.ASCII)
"""A variable, possibly with a default. Flux does not replace variables without braces, or after another `$`."""


def list_images_at_flux_variables(
    references: ExtractedReferences, facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> ExtractedReferences:
    """Add the images that result from variables of Flux, and leave out the texts in manifests that contain these.

    An image is listed at the variable with which it ends, because its tag and its digest are written there. It is
    locked, because the manifests may use the variable for something else. If an image ends with other text, the text
    in the manifest stays, with a note about the image.

    Raises:
        WorkLimitError: If the budget is exceeded.
    """
    substitutions = [_Substitution(fact) for fact in facts if isinstance(fact, FluxSubstitution)]
    by_folder: dict[FilePath, list[_Substitution]] = defaultdict(list)
    for substitution in substitutions:
        for folder in substitution.fact.folders:
            by_folder[folder].append(substitution)
    remaining: list[Reference | UnsupportedText] = []
    for item in references:
        if not isinstance(item, UnsupportedText) or not _may_be_substituted(item):
            remaining.append(item)
            continue
        covering = [each for folder in list_folders_and_path(item.path) for each in by_folder.get(folder, ())]
        tree_budget.spend_steps(len(covering), item.path)
        images = [substitution.resolve(item) for substitution in covering]
        if not images or any(image.assignment is None for image in images):
            notes = [_describe(image, each) for image, each in zip(images, covering, strict=True)]
            remaining.append(replace(item, notes=(*item.notes, *filter(None, notes))))
    return (*remaining, *(each for substitution in substitutions for each in substitution.list_references()))


def _may_be_substituted(item: UnsupportedText) -> bool:
    return (
        item.reason is Reason.TEMPLATED
        and item.path.lower().endswith(_FILE_ENDINGS)
        and _VARIABLE.search(item.text) is not None
    )


def _describe(image: ResolvedInterpolation, substitution: _Substitution) -> str:
    """Return a note about the image that the variables of a Kustomization give, or an empty text if they give none."""
    fact = substitution.fact
    if not isinstance(image.item, Reference):
        return ""
    return f"with the variables of {fact.path}:{fact.line_number}, the image is {image.item.image}"


class _VariableImage(NamedTuple):
    """Identifies images that end with the same variable."""

    variable: str
    written: str


class _Substitution:
    """The variables of one Kustomization of Flux, and the images in manifests that may contain them."""

    def __init__(self, fact: FluxSubstitution) -> None:
        self.fact = fact
        self._values: Mapping[str, ExpandedText] = {
            each.variable: expand_text(each.value, {}, each) for each in fact.variables
        }
        self._images: list[ResolvedInterpolation] = []

    def resolve(self, item: UnsupportedText) -> ResolvedInterpolation:
        """Replace the variables in a text of a manifest, and remember the result for `list_references`."""
        source = InterpolatedImage(
            item.path, _FORMAT, item.line_number, "", item.text, tuple(_split(item.text)), Role.THIRD_PARTY
        )
        image = resolve_interpolated(source, self._values)
        self._images.append(image)
        return image

    def list_references(self) -> Iterator[Reference]:
        """Yield the images that end with a variable, one for each text, at the line of the variable."""
        shared = find_shared_variables(self._images)
        lines = {each.variable: each.line_number for each in self.fact.variables}
        found: dict[_VariableImage, Reference] = {}
        usages: dict[_VariableImage, dict[tuple[FilePath, int], None]] = defaultdict(dict)
        for image in self._images:
            if image.assignment is not None and isinstance(image.item, Reference):
                key = _VariableImage(image.assignment.variable, image.source.written)
                found.setdefault(key, image.item)
                usages[key][image.item.path, image.item.line_number] = None
        texts_by_variable: dict[str, int] = defaultdict(int)
        for key in found:
            texts_by_variable[key.variable] += 1
        for key, reference in found.items():
            suffix = f" in {key.written}" if texts_by_variable[key.variable] > 1 else ""
            reason = Reason.SHARED_ARGUMENT if key.variable in shared else Reason.FLUX_VARIABLE
            moved = replace(
                reference,
                path=self.fact.path,
                line_number=lines[key.variable],
                locator=f"{self.fact.locator}/{key.variable}{suffix}",
                usages=tuple(usages[key]),
            )
            yield lock_reference(moved, reason)


def _split(text: str) -> Iterator[LiteralText | VariableUse]:
    end = 0
    for match in _VARIABLE.finditer(text):
        yield LiteralText(text[end : match.start()], None)
        name, colon, default = match.groups()
        yield VariableUse(name) if default is None else VariableUse(name, f"{colon}-", (LiteralText(default, None),))
        end = match.end()
    yield LiteralText(text[end:], None)
