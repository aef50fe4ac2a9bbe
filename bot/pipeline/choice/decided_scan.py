"""A scanned tree with the decisions on its image references. Each phase of a run adds data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bot.model.decision import Decision, SkippedReference, TrackedImage, UnresolvedReference
from bot.model.image import ResolvedTag
from bot.model.image_name import TagRef
from bot.pipeline.references.extract import ExtractResult

Selection = TrackedImage | SkippedReference | UnresolvedReference
"""The selection for one image reference; unresolved if the image exceeds its repository's share of lookups."""


@dataclass(frozen=True, slots=True)
class TreeScan:
    """A folder, or one base branch of a repository, and the image references extracted from it."""

    extract_result: ExtractResult


Scan = TypeVar("Scan", bound=TreeScan)


@dataclass(frozen=True, slots=True)
class DecidedScan(Generic[Scan]):
    """A scanned tree, the selected references, and the decisions on them."""

    scan: Scan
    selections: tuple[Selection, ...]
    history_lookups: Mapping[TagRef, ResolvedTag] = field(default_factory=dict)
    """Lookups whose replacements for blocked digests come only from the history of this repository's files."""
    decisions: tuple[Decision, ...] = ()
    """The decisions on all references; empty before they are decided."""

    def list_tracked_images(self) -> Iterator[TrackedImage]:
        """Yield the selections that must be looked up."""
        return (each for each in self.selections if isinstance(each, TrackedImage))
