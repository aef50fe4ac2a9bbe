"""Prove the edits of a plan on the files of a repository, as they were proved when the plan was made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from bot.core.budgets import EditBudget
from bot.core.references.edit import OccurrenceKey, get_occurrence_key, is_misread_as_number, list_edits
from bot.model.decision import UpdateCandidate
from bot.model.errors import EditError
from bot.model.fleet_plan import PlannedEdit, PlannedFile, PlannedReference, ProposalContent
from bot.model.reference import is_tag, parse_sha256
from bot.model.source import ByteEdit, FilePath, Span
from bot.pipeline.edit import prove_edits
from bot.pipeline.extract import ExtractResult


class EditProver:
    """Proves the edits of all proposals for one repository, which have a common budget."""

    def __init__(self, extract_result: ExtractResult) -> None:
        self._extract_result = extract_result
        self._occurrences = {get_occurrence_key(each): each for each in extract_result.occurrences}
        self._edit_budget = EditBudget()

    def prove(self, content: ProposalContent) -> dict[FilePath, bytes]:
        """Return the edited files of a proposal by path. Raises EditError if an edit cannot be proved."""
        return {each.path: self._prove_file(each) for each in content.files}

    def _prove_file(self, file: PlannedFile) -> bytes:
        if self._edit_budget.is_exhausted:
            raise EditError("the edits of the plan cannot be verified, because they change too many bytes of files")
        if not self._extract_result.get_readings(file.path):
            raise EditError(f"the plan edits {file.path}, in which there is no image reference")
        edits = [_build_edit(each) for each in file.edits]
        candidates = {_get_key(file, each): _build_candidate(each) for each in file.references}
        self._check_edits(file.path, edits, candidates)
        self._check_tags(file.path, candidates)
        edited = prove_edits(self._extract_result, file.path, edits, candidates, self._edit_budget)
        if hashlib.sha256(edited).hexdigest() != file.sha256:
            raise EditError(f"the plan has another hash of the edited file {file.path}")
        return edited

    def _check_edits(
        self, path: FilePath, edits: Iterable[ByteEdit], candidates: Mapping[OccurrenceKey, UpdateCandidate]
    ) -> None:
        """Raise EditError unless the edits are exactly those that write the digests and tags into the references.

        Parsing the edited file is not enough: image references are only a part of a file, so that for example a new
        instruction of a Dockerfile would not be noticed.
        """
        if not candidates.keys() <= self._occurrences.keys():
            raise EditError(f"the plan edits an image reference that is not in {path}")
        expected = {edit for key, each in candidates.items() for edit in list_edits(self._occurrences[key], each)}
        if set(edits) != expected:
            raise EditError(f"the plan edits other bytes of {path} than digests and tags of image references")

    def _check_tags(self, path: FilePath, candidates: dict[OccurrenceKey, UpdateCandidate]) -> None:
        """Raise EditError if a planned tag would be read as a number."""
        content = self._extract_result.get_readings(path)[0].file.content
        for key, candidate in candidates.items():
            if is_misread_as_number(content, self._occurrences[key], candidate):
                raise EditError(f"the plan writes a tag into {path} that would be read as a number")


def _build_edit(edit: PlannedEdit) -> ByteEdit:
    """Return an edit of a plan as bytes. Raises EditError."""
    try:
        old, new = edit.old.encode("latin-1"), edit.new.encode("latin-1")
    except UnicodeEncodeError:
        raise EditError("the plan contains a character that does not stand for a byte") from None
    return ByteEdit(Span(edit.start, edit.start + len(old)), old, new)


def _get_key(file: PlannedFile, reference: PlannedReference) -> OccurrenceKey:
    return file.path, reference.format, reference.locator


def _build_candidate(reference: PlannedReference) -> UpdateCandidate:
    digest = parse_sha256(reference.digest)
    if digest is None or not (reference.tag is None or is_tag(reference.tag)):
        raise EditError("the plan contains a digest or a tag that is not valid")
    return UpdateCandidate(digest, tag=reference.tag)
