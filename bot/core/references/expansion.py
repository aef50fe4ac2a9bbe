"""Expansion of variables in image references, and the bytes from which the parts of the expanded reference come."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import assert_never

from bot.core.references.locking import lock_occurrence
from bot.model.cross_file import EnvironmentVariable, InterpolatedImage, InterpolatedText, LiteralText, VariableUse
from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference, TagRef, parse_sha256
from bot.model.source import EditSlot, FilePath, NotEditable, Occurrence, Span, UnsupportedText
from bot.model.vocabulary import Reason

MAX_RUNS = 100
"""Runs in one value, and missing variables named for it; values that use earlier ones could double with every line."""
MAX_LENGTH = 4096
"""Characters of one value; a reference has at most about a thousand."""
MAX_VARIABLES = 20
"""Variables named for one reference; more than any image consists of."""


@dataclass(frozen=True, slots=True)
class TextRun:
    """A run of characters of an expanded text that come from one position in a file."""

    text: str
    span: Span | None
    """The bytes that contain the text; None if no bytes are equal to it."""
    assignment: EnvironmentVariable | None
    """The assignment whose value contains the run; None for the expanded text itself and its defaults."""


@dataclass(frozen=True, slots=True)
class VariableRun:
    """The characters of an expanded text that replaced a variable, by its value or default."""

    start: int
    end: int

    def shift(self, distance: int) -> VariableRun:
        return VariableRun(self.start + distance, self.end + distance)


@dataclass(frozen=True, slots=True)
class ExpandedText:
    """A text with all variables replaced."""

    runs: tuple[TextRun, ...] = ()
    """Never empty runs."""
    variable_runs: tuple[VariableRun, ...] = ()
    """Variables of the text, and of the values and defaults in it."""
    missing_variables: tuple[str, ...] = ()
    """Variables without a value; if there are any, the text cannot be expanded."""

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.runs)

    @property
    def is_empty(self) -> bool:
        return not self.runs and not self.missing_variables


ExpandedValues = Mapping[str, ExpandedText]
"""Expanded values by variable."""


def expand_text(
    text: InterpolatedText, values: ExpandedValues, assignment: EnvironmentVariable | None = None
) -> ExpandedText:
    """Replace the variables of `text`, the value of `assignment`, as Docker Compose does (template/template.go)."""
    runs: list[TextRun] = []
    variable_runs: list[VariableRun] = []
    missing: dict[str, None] = {}
    length = 0
    for part in text:
        match part:
            case LiteralText("", _):
                continue
            case LiteralText(literal, span):
                runs.append(TextRun(literal, span, assignment))
                length += len(literal)
            case VariableUse():
                inner = _replace_variable(part, values, assignment)
                missing |= dict.fromkeys(inner.missing_variables)
                runs += inner.runs
                end = length + sum(len(piece.text) for piece in inner.runs)
                variable_runs += [VariableRun(length, end), *(use.shift(length) for use in inner.variable_runs)]
                length = end
            case _:
                assert_never(part)
        if max(len(runs), len(variable_runs)) > MAX_RUNS or length > MAX_LENGTH:
            variables = (assignment.variable,) if assignment is not None else list_variables(text)
            return ExpandedText(missing_variables=tuple(islice(variables, MAX_RUNS)))
    return ExpandedText(tuple(runs), tuple(variable_runs), tuple(islice(missing, MAX_RUNS)))


def list_variables(text: InterpolatedText) -> Iterator[str]:
    """Yield each used variable of `text`, those in defaults included."""
    for part in text:
        if isinstance(part, VariableUse):
            yield part.variable
            yield from list_variables(part.operand)


def _replace_variable(use: VariableUse, values: ExpandedValues, assignment: EnvironmentVariable | None) -> ExpandedText:
    value = values.get(use.variable)
    is_set = value is not None and (not use.operator.startswith(":") or not value.is_empty)
    match use.operator[-1:]:
        case "+":
            return expand_text(use.operand, values, assignment) if is_set else ExpandedText()
        case "-" if not is_set:
            return expand_text(use.operand, values, assignment)
        case _ if value is None or not is_set:
            return ExpandedText(missing_variables=(use.variable,))
        case _:
            return value


@dataclass(frozen=True, slots=True)
class WrittenReference:
    """The bytes of a reference that results from an expanded text."""

    path: FilePath
    """The file with the text."""
    expanded: ExpandedText
    reference: ImageReference

    @property
    def assignment(self) -> EnvironmentVariable | None:
        """The assignment whose value has the end of the reference; None if the text itself has it."""
        return self.expanded.runs[-1].assignment

    @property
    def digest(self) -> EditSlot | NotEditable:
        """The slot of the digest: its bytes, or the position after the end of the reference.

        It is not editable if a variable before the end affects the tag, because the digest would stay the same when a
        user overrides that variable.
        """
        digest = self.reference.digest
        length = len(self.expanded.text)
        if digest is None:
            return (
                NotEditable(Reason.COMPOSED_TAG)
                if self._is_tag_frozen_by_digest(length)
                else self._find_slot(length, length, b"@")
            )
        if parse_sha256(digest) is None:
            return NotEditable(Reason.UNSUPPORTED_DIGEST)
        return self._find_slot(length - len(digest), length)

    @property
    def tag(self) -> EditSlot | NotEditable:
        """The slot of the tag, in the same file as that of the digest."""
        start = len(self.reference.name)
        end = start + len(f":{self.reference.tag}" if self.reference.tag else "")
        if any(use.start == use.end and start <= use.start <= end for use in self.expanded.variable_runs):
            return NotEditable(Reason.COMPOSED_TAG)
        return self._find_slot(start + 1, end) if self.reference.tag else self._find_slot(start, end, b":")

    def _is_tag_frozen_by_digest(self, length: int) -> bool:
        """Return True if a variable affects the tag, and its value does not contain the end of the reference."""
        name_end = len(self.reference.name)
        return any(
            use.start == use.end == length if use.end == length else use.end > name_end
            for use in self.expanded.variable_runs
        )

    def _find_slot(self, start: int, end: int, before: bytes = b"") -> EditSlot | NotEditable:
        """Return the slot of a range of characters if it is in one run, in the file with the end of the reference."""
        at = 0
        for piece in self.expanded.runs:
            length = len(piece.text)
            if at <= start and at < end <= at + length:
                if piece.span is None or self._get_path(piece.assignment) != self._get_path(self.assignment):
                    break
                first = piece.span.start + start - at
                old = piece.text[start - at : end - at].encode()
                return EditSlot(Span(first, first + len(old)), old, before)
            at += length
        return NotEditable(Reason.COMPOSED_TAG)

    def _get_path(self, assignment: EnvironmentVariable | None) -> FilePath:
        return assignment.path if assignment is not None else self.path


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
