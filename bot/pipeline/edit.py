"""Edit the files of a tree, and verify each edit by parsing the edited file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.references.edit import (
    apply_edits,
    get_occurrence_key,
    has_only_planned_changes,
    is_misread_as_number,
    list_edits,
)
from bot.model.decision import ImageUpdate, SkippedReference
from bot.model.errors import EditError
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import FileChange, FilePath, SourceFile
from bot.model.vocabulary import Reason
from bot.pipeline import witness
from bot.pipeline.extract import ExtractResult, FileReading, read_with_formats, relate_references


@dataclass(frozen=True, slots=True)
class EditResult:
    """The verified changes, and the updates that could not be verified."""

    changes: tuple[FileChange, ...]
    applied_updates: tuple[ImageUpdate, ...]
    unproved_skips: tuple[SkippedReference, ...]


def edit_files(extract_result: ExtractResult, updates: Iterable[ImageUpdate]) -> EditResult:
    """Apply `updates` file by file; a file whose edits cannot be verified is left unchanged."""
    by_path: dict[FilePath, list[ImageUpdate]] = defaultdict(list)
    for update in updates:
        by_path[update.occurrence.path].append(update)
    changes: list[FileChange] = []
    applied_updates: list[ImageUpdate] = []
    unproved_skips: list[SkippedReference] = []
    for path in sorted(by_path):
        try:
            content = _edit_file(extract_result, path, by_path[path])
        except EditError as error:
            unproved_skips += [
                SkippedReference(each.occurrence, Reason.NOT_PROVED, each.tracked_image, str(error))
                for each in by_path[path]
            ]
            continue
        changes.append(FileChange(path, content))
        applied_updates += by_path[path]
    return EditResult(tuple(changes), tuple(applied_updates), tuple(unproved_skips))


def _edit_file(extract_result: ExtractResult, path: FilePath, updates: Sequence[ImageUpdate]) -> bytes:
    """Return the edited content of one file.

    Raises:
        EditError: If parsing the edited file does not show exactly the planned changes.
    """
    readings = extract_result.get_readings(path)
    content = readings[0].file.content
    if any(is_misread_as_number(content, update.occurrence, update.candidates[0]) for update in updates):
        raise EditError("YAML would parse the new tag as a number; hint: quote the tag")
    edits = [edit for update in updates for edit in list_edits(update.occurrence, update.candidates[0])]
    file = SourceFile(path, apply_edits(content, edits))
    new_readings = read_with_formats(file, [reading.file_format for reading in readings])
    candidates = {get_occurrence_key(update.occurrence): update.candidates[0] for update in updates}
    planned = {position: candidate.digest for position, candidate in candidates.items()}
    tags = {position: candidate.tag for position, candidate in candidates.items() if candidate.tag is not None}
    if any(before.facts != after.facts for before, after in zip(readings, new_readings, strict=True)):
        is_verified = has_only_planned_changes(
            extract_result.references, relate_references(extract_result.replace_readings(new_readings)), planned, tags
        )
    else:  # without changed facts, references in other files cannot have changed
        is_verified = has_only_planned_changes(
            _join_references(readings), _join_references(new_readings), planned, tags
        )
    if not is_verified:
        raise EditError("parsing the edited file did not show exactly the planned change")
    for old, new in zip(readings, new_readings, strict=True):
        if old.file_format.name == "dockerfile" and witness.has_unplanned_change(
            old.file, new.file, old.references, new.references
        ):
            raise EditError("dockerfile-parse finds a change in the edited file that was not planned")
    return file.content


def _join_references(readings: Sequence[FileReading]) -> ExtractedReferences:
    return tuple(reference for reading in readings for reference in reading.references)
