"""Prove the edits of a plan on the files of a repository, as they were proved when the plan was made."""

from __future__ import annotations

import hashlib

from bot.core.budgets import EditBudget
from bot.core.references.edit import OccurrenceKey, is_misread_as_number
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
        self._check_tags(file.path, candidates)
        edited = prove_edits(self._extract_result, file.path, edits, candidates, self._edit_budget)
        if hashlib.sha256(edited).hexdigest() != file.sha256:
            raise EditError(f"the plan has another hash of the edited file {file.path}")
        return edited

    def _check_tags(self, path: FilePath, candidates: dict[OccurrenceKey, UpdateCandidate]) -> None:
        """Raise EditError if a planned tag would be read as a number."""
        content = self._extract_result.get_readings(path)[0].file.content
        for each in self._extract_result.occurrences:
            candidate = candidates.get((each.path, each.format, each.locator))
            if candidate is not None and is_misread_as_number(content, each, candidate):
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
