"""Images written with variables: their references, and variables with other uses than to end one image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from bot.core.references.expansion import ExpandedValues, WrittenReference, expand_text, list_variables
from bot.core.references.locking import lock_occurrence
from bot.model.cross_file import EnvironmentVariable, InterpolatedImage
from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference, TagRef
from bot.model.source import Occurrence, UnsupportedText
from bot.model.vocabulary import Reason

MAX_VARIABLES = 20
"""Variables named for one reference; more than any image consists of."""


@dataclass(frozen=True, slots=True)
class ResolvedInterpolation:
    """An image written with variables, and its resolved reference."""

    source: InterpolatedImage
    item: Occurrence | UnsupportedText
    assignment: EnvironmentVariable | None = None
    """The assignment whose value has the end of the reference; None if the text itself or a default has it."""

    @property
    def tag_ref(self) -> TagRef | None:
        """The tag that the image refers to; images of one repository without a tag are equal."""
        return self.item.reference.to_tag_ref(default_tag="latest") if isinstance(self.item, Occurrence) else None


def resolve_interpolated(source: InterpolatedImage, values: ExpandedValues) -> ResolvedInterpolation:
    """Resolve an image with the given values; the occurrence keeps its path, with slots at the end of the reference."""
    expanded = expand_text(source.text, values)
    variables = tuple(dict.fromkeys(islice(list_variables(source.text), MAX_VARIABLES)))
    if expanded.missing_variables or expanded.is_empty:
        missing = expanded.missing_variables[:MAX_VARIABLES] or variables
        return ResolvedInterpolation(source, _build_unsupported(source, Reason.UNRESOLVED_ARGUMENT, missing))
    try:
        reference = ImageReference.parse(expanded.text)
    except InvalidReferenceError:
        return ResolvedInterpolation(source, _build_unsupported(source, Reason.MALFORMED, variables))
    written_reference = WrittenReference(source.path, expanded, reference)
    occurrence = Occurrence(
        path=source.path,
        line_number=source.line_number,
        format=source.format,
        locator=source.locator,
        written=source.written,
        reference=reference,
        role=source.role,
        digest_slot=written_reference.digest,
        tag_slot=written_reference.tag,
        platform=source.platform,
        variables=variables,
        related_lines=source.related_lines,
    )
    occurrence = lock_occurrence(occurrence, Reason.CONFLICTING_EDITS) if source.is_shared else occurrence
    return ResolvedInterpolation(source, occurrence, written_reference.assignment)


def find_shared_variables(images: Sequence[ResolvedInterpolation]) -> set[str]:
    """Return the variables that cannot be changed for one image alone.

    Several different images use them, or they are used anywhere but at the end of an image reference.
    """
    shared: set[str] = set()
    tags_by_variable: dict[str, set[TagRef | None]] = defaultdict(set)
    for image in images:
        for name, count in Counter(list_variables(image.source.text)).items():
            is_end = image.assignment is not None and image.assignment.variable == name
            if is_end and count == 1 and not image.source.is_shared:
                tags_by_variable[name].add(image.tag_ref)
            else:
                shared.add(name)
    return shared | {name for name, lines in tags_by_variable.items() if len(lines) > 1}


def _build_unsupported(source: InterpolatedImage, reason: Reason, variables: tuple[str, ...]) -> UnsupportedText:
    return UnsupportedText(source.path, source.line_number, source.written, reason, variables)
