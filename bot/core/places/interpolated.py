"""Images written with variables: their references, and variables with other uses than to end one image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from bot.core.places.closing import close
from bot.core.places.expansion import Values, Written, expand, names_in
from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference, TagRef
from bot.model.remark import EnvironmentVariable, InterpolatedImage
from bot.model.source import Occurrence, UnsupportedText
from bot.model.vocabulary import Reason

MAX_VARIABLES = 20
"""Variables named for one reference; more than any image consists of."""


@dataclass(frozen=True, slots=True)
class ResolvedInterpolation:
    """An image written with variables, and its resolved reference."""

    source: InterpolatedImage
    place: Occurrence | UnsupportedText
    holder: EnvironmentVariable | None = None
    """The assignment whose value has the end of the reference; None if the text itself or a default has it."""

    @property
    def line(self) -> TagRef | None:
        """The tag that the image refers to; images of one repository without a tag are equal."""
        return self.place.reference.to_tag_ref(default_tag="latest") if isinstance(self.place, Occurrence) else None


def read_interpolated(source: InterpolatedImage, values: Values) -> ResolvedInterpolation:
    """Resolve an image with the given values; the occurrence keeps its path, with slots at the end of the reference."""
    expanded = expand(source.text, values)
    variables = tuple(dict.fromkeys(islice(names_in(source.text), MAX_VARIABLES)))
    if expanded.missing or expanded.is_empty:
        missing = expanded.missing[:MAX_VARIABLES] or variables
        return ResolvedInterpolation(source, _unsupported(source, Reason.UNRESOLVED_ARGUMENT, missing))
    try:
        reference = ImageReference.parse(expanded.text)
    except InvalidReferenceError:
        return ResolvedInterpolation(source, _unsupported(source, Reason.MALFORMED, variables))
    written = Written(source.path, expanded, reference)
    place = Occurrence(
        path=source.path,
        line_number=source.line_number,
        format=source.format,
        locator=source.locator,
        written=source.written,
        reference=reference,
        role=source.role,
        digest_slot=written.digest,
        tag_slot=written.tag,
        platform=source.platform,
        variables=variables,
        related_lines=source.related_lines,
    )
    place = close(place, Reason.CONFLICTING_EDITS) if source.is_shared else place
    return ResolvedInterpolation(source, place, written.holder)


def shared_variables(images: Sequence[ResolvedInterpolation]) -> set[str]:
    """Return the variables that `images` use for anything but the end of one image."""
    shared: set[str] = set()
    ends: dict[str, set[TagRef | None]] = defaultdict(set)
    for image in images:
        for name, count in Counter(names_in(image.source.text)).items():
            is_end = image.holder is not None and image.holder.variable == name
            if is_end and count == 1 and not image.source.is_shared:
                ends[name].add(image.line)
            else:
                shared.add(name)
    return shared | {name for name, lines in ends.items() if len(lines) > 1}


def _unsupported(source: InterpolatedImage, reason: Reason, variables: tuple[str, ...]) -> UnsupportedText:
    return UnsupportedText(source.path, source.line_number, source.written, reason, variables)
