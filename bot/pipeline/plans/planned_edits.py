"""Verify the edits of a plan on the files of a repository, by the same code as during planning."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

from bot.core.budgets import EditBudget
from bot.core.choice.blocklist import find_listed_digest
from bot.core.references.edit import ReferenceKey, get_reference_key, is_misread_as_number, list_edits
from bot.core.references.select import RepositoryBranch, select_reference, skip_unknown_registry
from bot.model.decision import SkippedReference, UpdateCandidate
from bot.model.errors import EditError
from bot.model.fleet_plan import PlannedEdit, PlannedFile, PlannedReference, ProposalContent
from bot.model.image_name import is_tag, parse_sha256
from bot.model.policy import PolicyConfig
from bot.model.source import ByteEdit, FilePath, Reference, Span
from bot.pipeline.references.edit import prove_edits
from bot.pipeline.references.extract import ExtractResult


class EditProver:
    """Verifies the edits of all proposals for one repository, with one common budget."""

    def __init__(self, extract_result: ExtractResult, policy_config: PolicyConfig, today: date) -> None:
        """Create a prover for the files in `extract_result`. The policy decides which references may be edited."""
        self._extract_result = extract_result
        self._policy_config = replace(policy_config, repository_rules=extract_result.rules)
        self._references = {get_reference_key(each): each for each in extract_result.references}
        self._edit_budget = EditBudget()
        self._today = today
        self._proved: dict[PlannedFile, bytes] = {}

    def prove(self, content: ProposalContent) -> dict[FilePath, bytes]:
        """Return the edited files of a proposal by path. Raises EditError if an edit cannot be verified.

        Files that were verified before are not verified again.
        """
        for each in content.files:
            if each not in self._proved:
                self._proved[each] = self._prove_file(each)
        return {each.path: self._proved[each] for each in content.files}

    def _prove_file(self, file: PlannedFile) -> bytes:
        if self._edit_budget.is_exhausted:
            raise EditError("the edits of the plan cannot be verified, because they change too many bytes of files")
        if not self._extract_result.get_readings(file.path):
            raise EditError(f"the plan edits {file.path}, in which there is no image reference")
        edits = [_build_edit(each) for each in file.edits]
        candidates = {_get_key(file, each): _build_candidate(each) for each in file.references}
        references = {key: self._select(key, each) for key, each in candidates.items()}
        expected = {edit for key, each in candidates.items() for edit in list_edits(references[key], each)}
        if set(edits) != expected:  # parsing would not notice all other changes, such as a new instruction
            raise EditError(f"the plan edits other bytes of {file.path} than digests and tags of image references")
        content = self._extract_result.get_readings(file.path)[0].file.content
        if any(is_misread_as_number(content, references[key], each) for key, each in candidates.items()):
            raise EditError(f"the plan writes a tag into {file.path} that would be read as a number")
        edited = prove_edits(self._extract_result, file.path, edits, candidates, self._edit_budget)
        if hashlib.sha256(edited).hexdigest() != file.sha256:
            raise EditError(f"the hash of the edited file {file.path} differs from the hash in the plan")
        return edited

    def _select(self, key: ReferenceKey, candidate: UpdateCandidate) -> Reference:
        """Return the image reference to edit. Raises EditError if a rule, a comment or a block forbids the edit."""
        if key not in self._references:
            raise EditError(f"the plan edits an image reference that is not in {key[0]}")
        repository, config = self._extract_result.repository, self._policy_config
        branch = RepositoryBranch(repository.name, repository.base_branch or "")
        selection = select_reference(config, branch, self._references[key], self._today)
        selection = skip_unknown_registry(config, selection)
        name = selection.reference.image.repository
        if isinstance(selection, SkippedReference):
            raise EditError(
                f"the plan edits {name} in {key[0]}, which this config leaves unchanged ({selection.reason})"
            )
        block = find_listed_digest(config.blocklist, name, candidate.digest)
        if block is not None:
            raise EditError(f"the plan writes a blocked digest of {name} into {key[0]}: {block.reason}")
        return selection.reference


def _build_edit(edit: PlannedEdit) -> ByteEdit:
    """Return an edit of a plan as bytes. Raises EditError if the edit contains invalid text."""
    try:
        old, new = edit.old.encode("latin-1"), edit.new.encode("latin-1")
    except UnicodeEncodeError:
        raise EditError("the plan contains a character that does not stand for a byte") from None
    return ByteEdit(Span(edit.start, edit.start + len(old)), old, new)


def _get_key(file: PlannedFile, reference: PlannedReference) -> ReferenceKey:
    return file.path, reference.format, reference.locator


def _build_candidate(reference: PlannedReference) -> UpdateCandidate:
    digest = parse_sha256(reference.digest)
    if digest is None or not (reference.tag is None or is_tag(reference.tag)):
        raise EditError("the plan contains a digest or a tag that is not valid")
    return UpdateCandidate(digest, tag=reference.tag)
