"""Expansion of the variables in an image reference, such as `nginx:${TAG:-1.25}`.

basebump must write a new tag to the bytes from which the old tag comes, for example to a value in an `.env` file. So
the expansion records for each part of the resulting text (a *run*) the file and the bytes from which it comes. The last
run is especially important, because a missing digest is added at its end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import assert_never

from bot.core.references.locking import lock_reference
from bot.model.cross_file import EnvironmentVariable, InterpolatedImage, InterpolatedText, LiteralText, VariableUse
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import ImageName, TagRef, parse_sha256
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, Span, UnsupportedText
from bot.model.vocabulary import Reason

MAX_RUNS = 100
"""The maximum number of runs of one value, and of variables without a value that are listed for it. Without a limit,
values that use earlier values could double in size with every line."""
MAX_LENGTH = 4096
"""The maximum number of characters of one value. An image reference has at most about a thousand."""
MAX_VARIABLES = 20
"""The maximum number of variables that a report lists for one reference. No real image reference uses more."""


@dataclass(frozen=True, slots=True)
class TextRun:
    """A part of an expanded text (a text with replaced variables) that comes from adjacent bytes in one file."""

    text: str
    span: Span | None
    """The bytes that contain the run. None if the characters are not written in the file in this form."""
    assignment: EnvironmentVariable | None
    """The `.env` variable from whose value the run comes. None if the run comes from the expanded text itself or from a
    default."""


@dataclass(frozen=True, slots=True)
class VariableRun:
    """The range of characters in an expanded text (a text with replaced variables) that one variable inserted."""

    start: int
    end: int

    def shift(self, distance: int) -> VariableRun:
        return VariableRun(self.start + distance, self.end + distance)


@dataclass(frozen=True, slots=True)
class ExpandedText:
    """The result of replacing all variables in a text by their values or defaults."""

    runs: tuple[TextRun, ...] = ()
    """The runs of the text, in order. No run is empty."""
    variable_runs: tuple[VariableRun, ...] = ()
    """The ranges of all replaced variables, including variables inside of values and defaults."""
    missing_variables: tuple[str, ...] = ()
    """Variables without a value. If there are any, the text could not be expanded."""

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.runs)

    @property
    def is_empty(self) -> bool:
        return not self.runs and not self.missing_variables


ExpandedValues = Mapping[str, ExpandedText]
"""Expanded values by the name of their variable."""


def expand_text(
    text: InterpolatedText, values: ExpandedValues, assignment: EnvironmentVariable | None = None
) -> ExpandedText:
    """Replace the variables in `text` in the same way as Docker Compose (template/template.go).

    `assignment` is the `.env` variable whose value is `text`; None if `text` is not such a value. If the expanded text
    would be too long, the result is empty, and its `missing_variables` name the cause: the variable of `assignment` or,
    without an assignment, all variables in `text`.
    """
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
    """Yield the name of each variable in `text`, including variables in defaults; with duplicates."""
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
    """An image reference that contains variables, together with the result of the expansion.

    It determines the bytes to which a new digest or a new tag must be written.
    """

    path: FilePath
    """The file that contains the text."""
    expanded: ExpandedText
    image: ImageName

    @property
    def assignment(self) -> EnvironmentVariable | None:
        """The `.env` variable from whose value the end of the reference comes.

        None if the end comes from the file that contains the image, for example from a default in `${TAG:-1.25}`.
        """
        return self.expanded.runs[-1].assignment

    @property
    def digest(self) -> EditSlot | NotEditable:
        """The bytes of the digest, or the place at the end of the reference where a digest can be added.

        `NotEditable` for a reference such as `nginx:${TAG}-alpine`, in which text follows a variable in the tag. If a
        user set another value for `TAG`, an added digest would still be that of the old tag.
        """
        digest = self.image.digest
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
        """The bytes of the tag, or the place where a tag can be added.

        `NotEditable` if the tag and the last part of the reference are in different files.
        """
        start = len(self.image.name)
        end = start + len(f":{self.image.tag}" if self.image.tag else "")
        if any(use.start == use.end and start <= use.start <= end for use in self.expanded.variable_runs):
            return NotEditable(Reason.COMPOSED_TAG)
        return self._find_slot(start + 1, end) if self.image.tag else self._find_slot(start, end, b":")

    def _is_tag_frozen_by_digest(self, length: int) -> bool:
        """Return True if a digest at the end of the reference would make a variable in the tag ineffective.

        - `nginx:${TAG}-alpine`: True, because `nginx:${TAG}-alpine@sha256:…` runs the same image for every value of
          `TAG`.
        - `nginx:${TAG}`: False, because the digest is added to the value of the variable.
        - `nginx:1.25${SUFFIX}` with an empty suffix: True, because another suffix would change the tag.

        `length` is the length of the reference.
        """
        name_end = len(self.image.name)
        return any(
            use.start == use.end == length if use.end == length else use.end > name_end
            for use in self.expanded.variable_runs
        )

    def _find_slot(self, start: int, end: int, before: bytes = b"") -> EditSlot | NotEditable:
        """Return the bytes from which the characters from `start` to `end` of the reference come.

        The result is `NotEditable` if the characters come from several places, such as two variables. It is also
        `NotEditable` if they come from a different file than the end of the reference, because a reference has only
        one path. `before` is text to insert in front of a new value, such as `@` in front of a digest.
        """
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
    """An image with variables, and the result of replacing the variables by their values."""

    source: InterpolatedImage
    item: Reference | UnsupportedText
    assignment: EnvironmentVariable | None = None
    """The `.env` variable from whose value the end of the reference comes. None if the end comes from the text itself
    or from a default."""

    @property
    def tag_ref(self) -> TagRef | None:
        """The image's repository and tag (`latest` if the reference has no tag).

        None if the result is an unsupported text.
        """
        return self.item.image.to_tag_ref(default_tag="latest") if isinstance(self.item, Reference) else None


def resolve_interpolated(source: InterpolatedImage, values: ExpandedValues) -> ResolvedInterpolation:
    """Replace the variables in an image by `values`, and parse the result as an image reference.

    The resulting reference has the path of the file with the image. Its digest and tag are edited in the file from
    which the end of the reference comes, which can be an `.env` file. The result contains an `UnsupportedText` if a
    variable has no value, or if the text is not a valid reference.
    """
    expanded = expand_text(source.text, values)
    variables = tuple(dict.fromkeys(islice(list_variables(source.text), MAX_VARIABLES)))
    if expanded.missing_variables or expanded.is_empty:
        missing = expanded.missing_variables[:MAX_VARIABLES] or variables
        return ResolvedInterpolation(source, _build_unsupported(source, Reason.UNRESOLVED_ARGUMENT, missing))
    try:
        image = ImageName.parse(expanded.text)
    except InvalidReferenceError:
        return ResolvedInterpolation(source, _build_unsupported(source, Reason.MALFORMED, variables))
    written_reference = WrittenReference(source.path, expanded, image)
    reference = Reference(
        path=source.path,
        line_number=source.line_number,
        format=source.format,
        locator=source.locator,
        written=source.written,
        image=image,
        role=source.role,
        digest_slot=written_reference.digest,
        tag_slot=written_reference.tag,
        platform=source.platform,
        variables=variables,
        related_lines=source.related_lines,
    )
    reference = lock_reference(reference, Reason.CONFLICTING_EDITS) if source.is_shared else reference
    return ResolvedInterpolation(source, reference, written_reference.assignment)


def find_shared_variables(images: Sequence[ResolvedInterpolation]) -> set[str]:
    """Return the variables whose values must not be changed, because the change would affect several texts.

    For example, a digest for `app:${TAG}` is appended to the value of `TAG`. The value of `TAG` may be changed only if
    two conditions are met: every image that contains `TAG` contains it once and at its end, and all these images have
    the same repository and tag. Each variable for which one of the conditions is not met is returned.
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
