"""Reads the proposals of one local repository for people: their texts, and the changes of their branches."""

from __future__ import annotations

from dataclasses import dataclass

from bot.forges.git.command import GitRunner, decode_output
from bot.forges.local.refs import BRANCHES, ProposalRefs, StoredProposal, StoredState, translate_git_errors
from bot.model.errors import UsageError
from bot.model.forge import GitRepository

MAX_LISTED = 10
"""The maximum number of branches that an error message lists."""


@dataclass(frozen=True, slots=True)
class LocalProposal:
    """A proposal in the form that its reviewer reads."""

    branch: str
    number: int
    title: str
    body: str
    """Markdown, with basebump's hidden mark."""
    state: StoredState
    base: str
    """The base branch."""


@dataclass(frozen=True, slots=True)
class LocalProposalReader:
    """Reads the proposals of one repository. Methods raise ForgeError if the repository cannot be read."""

    git: GitRunner
    repository: GitRepository

    def list_proposals(self) -> list[LocalProposal]:
        """Return the last proposal of each branch, the open ones first, and then sorted by branch."""
        with translate_git_errors():
            refs = ProposalRefs(self.git)
            merged = refs.list_merged_branches("", self.repository.commit) if self.repository.commit else frozenset()
            proposals = [
                self._describe(branch, stored, is_merged=branch in merged)
                for branch, stored in refs.list_proposals("").items()
            ]
        return sorted(proposals, key=lambda each: (each.state is not StoredState.OPEN, each.branch))

    def find_proposal(self, text: str) -> LocalProposal:
        """Return the proposal that a user names: `text` is its branch, the end of its branch, its number, or its title.

        Raises UsageError if no proposal or more than one proposal matches.
        """
        proposals = self.list_proposals()
        name = text.removeprefix(BRANCHES)
        exact = [each for each in proposals if each.branch == name]
        found = exact or [
            each for each in proposals if text in {each.title, f"#{each.number}"} or each.branch.endswith(f"/{name}")
        ]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(each.branch for each in (found or proposals)[:MAX_LISTED])
        known = f"use one of these branches: {listed}" if listed else "run basebump with --level propose"
        problem = f"several proposals are called '{text}'" if found else f"there is no proposal '{text}'"
        raise UsageError(f"{self.repository.name}: {problem}; hint: {known}")

    def read_changes(self, proposal: LocalProposal) -> str:
        """Return the changes that the proposal's branch makes to its base branch, as git shows them.

        Return an empty string if the branch does not exist any more.
        """
        with translate_git_errors():
            if ProposalRefs(self.git).read_oid(BRANCHES + proposal.branch) is None:
                return ""
            revisions = f"{BRANCHES}{proposal.base}...{BRANCHES}{proposal.branch}"
            return decode_output(
                self.git.read_output("diff", "--no-ext-diff", "--no-textconv", "--no-color", revisions)
            )

    def _describe(self, branch: str, stored: StoredProposal, *, is_merged: bool) -> LocalProposal:
        state = StoredState.MERGED if is_merged and stored.state is StoredState.OPEN else stored.state
        base = stored.base or self.repository.base_branch or ""
        return LocalProposal(branch, stored.number, stored.title, stored.body, state, base)
