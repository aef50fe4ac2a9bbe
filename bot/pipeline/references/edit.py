"""Edit the files of a tree, and verify each edit by parsing the edited file again.

Edits of Dockerfiles are also verified with the library dockerfile-parse, because it is independent of basebump's
parser.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

from bot.core.budgets import EditBudget, TreeBudget, WorkLimitError
from bot.core.references.dockerfile_stages import is_base_image
from bot.core.references.edit import (
    ReferenceKey,
    apply_edits,
    get_reference_key,
    has_only_planned_changes,
    is_misread_as_number,
    list_edits,
)
from bot.model.decision import ImageUpdate, SkippedReference, UpdateCandidate
from bot.model.errors import EditError
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import ByteEdit, FileChange, FilePath, Reference, SourceFile
from bot.model.vocabulary import Reason
from bot.pipeline.references.extract import ExtractResult, relate_references
from bot.pipeline.references.file_reading import FileReading, read_with_formats


@dataclass(frozen=True, slots=True)
class EditResult:
    """The verified changes of files, and the updates that were not applied."""

    changes: tuple[FileChange, ...]
    applied_updates: tuple[ImageUpdate, ...]
    unproved_skips: tuple[SkippedReference, ...]
    """One item for each update that was not applied, because the edits of its file could not be verified."""


def edit_files(
    extract_result: ExtractResult, updates: Iterable[ImageUpdate], edit_budget: EditBudget | None = None
) -> EditResult:
    """Apply `updates` to the files. A file is left unchanged if its edits cannot be verified.

    The work is subtracted from `edit_budget` if a budget is given. All updates are applied even if the budget is
    exhausted.
    """
    by_path: dict[FilePath, list[ImageUpdate]] = defaultdict(list)
    for update in updates:
        by_path[update.reference.path].append(update)
    changes: list[FileChange] = []
    applied_updates: list[ImageUpdate] = []
    unproved_skips: list[SkippedReference] = []
    for path in sorted(by_path):
        try:
            content = _edit_file(extract_result, path, by_path[path], edit_budget or EditBudget())
        except EditError as error:
            unproved_skips += [
                SkippedReference(each.reference, Reason.NOT_PROVED, each.tracked_image, str(error))
                for each in by_path[path]
            ]
            continue
        changes.append(FileChange(path, content))
        applied_updates += by_path[path]
    return EditResult(tuple(changes), tuple(applied_updates), tuple(unproved_skips))


def _edit_file(
    extract_result: ExtractResult, path: FilePath, updates: Sequence[ImageUpdate], edit_budget: EditBudget
) -> bytes:
    """Return the edited content of one file.

    Raises:
        EditError: If parsing the edited file does not find exactly the planned changes.
    """
    content = extract_result.get_readings(path)[0].file.content
    if any(is_misread_as_number(content, update.reference, update.candidates[0]) for update in updates):
        raise EditError(
            "the new tag was not written, because YAML would parse the tag as a number; hint: write "
            "the tag in quotes in the file"
        )
    edits = [edit for update in updates for edit in list_edits(update.reference, update.candidates[0])]
    candidates = {get_reference_key(update.reference): update.candidates[0] for update in updates}
    return prove_edits(extract_result, path, edits, candidates, edit_budget)


def prove_edits(
    extract_result: ExtractResult,
    path: FilePath,
    edits: Iterable[ByteEdit],
    candidates: Mapping[ReferenceKey, UpdateCandidate],
    edit_budget: EditBudget,
) -> bytes:
    """Return the content of one file with `edits` applied, after parsing the edited file again.

    `candidates` are the digests and tags that the edits are to write, by the key of each reference. The file must be in
    `extract_result`.

    Raises:
        EditError: If parsing the edited file does not find exactly the planned changes.
    """
    readings = extract_result.get_readings(path)
    file = SourceFile(path, apply_edits(readings[0].file.content, edits))
    edit_budget.spend_file(len(file.content))
    new_readings = read_with_formats(file, [reading.file_format for reading in readings])
    planned = {position: candidate.digest for position, candidate in candidates.items()}
    tags = {position: candidate.tag for position, candidate in candidates.items() if candidate.tag is not None}
    if any(before.facts != after.facts for before, after in zip(readings, new_readings, strict=True)):
        all_references = _relate_again(extract_result.replace_readings(new_readings), edit_budget)
        is_verified = has_only_planned_changes(extract_result.extracted, all_references, planned, tags)
    else:  # the file's facts are the same, so references in other files cannot have changed
        is_verified = has_only_planned_changes(
            _join_references(readings), _join_references(new_readings), planned, tags
        )
    if not is_verified:
        raise EditError(
            "the edit was discarded, because parsing the edited file does not find exactly the planned changes"
        )
    for old, new in zip(readings, new_readings, strict=True):
        if old.file_format.name == "dockerfile" and has_unplanned_change(
            old.file, new.file, old.extracted, new.extracted
        ):
            raise EditError(
                "the edit was discarded, because dockerfile-parse finds an unplanned change in the edited file"
            )
    return file.content


def _relate_again(readings: Sequence[FileReading], edit_budget: EditBudget) -> ExtractedReferences:
    """Return the references of the whole tree after an edit that changed facts.

    Raises:
        EditError: If the facts of the edited file exceed the budget of the tree.
    """
    tree_budget = TreeBudget()
    try:
        return relate_references(readings, tree_budget=tree_budget)
    except WorkLimitError as error:
        raise EditError(f"the edit was discarded, because it could not be verified: {error}") from error
    finally:
        edit_budget.spend_relation(sum(len(each.extracted) + len(each.facts) for each in readings), tree_budget)


def _join_references(readings: Sequence[FileReading]) -> ExtractedReferences:
    return tuple(reference for reading in readings for reference in reading.extracted)


MAX_PARSED_BYTES = 64 * 1024
"""Twice the size of the largest known Dockerfile. The run time of dockerfile-parse grows quadratically with the
size."""

_SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class _DockerfileParse:
    """The result of parsing a Dockerfile with dockerfile-parse."""

    images: Counter[str]
    """The values of FROM instructions, which are images, names of stages, or `scratch`."""
    stage_names: frozenset[str]
    """The names of the stages, in lower case."""


def has_unplanned_change(
    before: SourceFile, after: SourceFile, references_before: ExtractedReferences, references_after: ExtractedReferences
) -> bool:
    """Return True if dockerfile-parse shows that the edit changed FROM instructions differently than planned.

    Both parsers list the images of FROM instructions before and after the edit, and their changes must be the same.
    Return False without this check if the file is large, or if the two parsers already disagree about the file before
    the edit. The parsers disagree about files that dockerfile-parse misreads, such as files with a default inside a
    longer word (`app:${TAG:-1}-slim`), nested arguments, heredocs, byte-order marks, or blank lines inside
    instructions.

    Args:
        before: The file before the edit.
        after: The file after the edit.
        references_before: The image references that basebump's parser found before the edit.
        references_after: The image references that basebump's parser found after the edit.
    """
    if max(len(before.content), len(after.content)) > MAX_PARSED_BYTES:
        return False
    old, new = _count_base_images(references_before), _count_base_images(references_after)
    parsed_before = _parse_dockerfile(before.content)
    if parsed_before is None or not _has_same_images(parsed_before, old):
        return False
    parsed_after = _parse_dockerfile(after.content)
    return parsed_after is None or parsed_after.images != parsed_before.images - old + new


def _has_same_images(parsed: _DockerfileParse, images: Counter[str]) -> bool:
    """Return True if dockerfile-parse finds exactly the images in `images`, which basebump's parser found.

    Names of stages and `scratch` are ignored, because only dockerfile-parse lists them as images.
    """
    others = parsed.images - images
    is_complete = images <= parsed.images
    return is_complete and all(name == _SCRATCH or name.lower() in parsed.stage_names for name in others)


def _count_base_images(references: ExtractedReferences) -> Counter[str]:
    """Count the images of FROM instructions. Other references are left out, because dockerfile-parse ignores them."""
    return Counter(
        str(reference.image)
        for reference in references
        if isinstance(reference, Reference) and is_base_image(reference)
    )


@lru_cache(maxsize=4)
def _parse_dockerfile(content: bytes) -> _DockerfileParse | None:
    """Parse a Dockerfile with dockerfile-parse. Return None if that fails.

    The last results are kept, because each of several proposals for a file compares its edit with the same file.
    """
    # The import is here, so that only runs that edit a Dockerfile load the library.
    from dockerfile_parse import DockerfileParser  # noqa: PLC0415
    from dockerfile_parse.parser import image_from  # noqa: PLC0415

    # With `fileobj`, the library parses bytes in memory. Otherwise, it would open ./Dockerfile, and create a missing
    # file.
    parser = DockerfileParser(fileobj=BytesIO(content))  # type: ignore[arg-type]  # stubs require str
    try:
        images = parser.parent_images
        names = [image_from(each["value"])[1] for each in parser.structure if each["instruction"] == "FROM"]
    except Exception:  # noqa: BLE001 it raises many types of exceptions
        return None
    return _DockerfileParse(Counter(images), frozenset(name.lower() for name in names if name))
