"""Opens the repositories of local forges for the commands `show` and `close`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.model.errors import UsageError

if TYPE_CHECKING:
    from bot.forges.local.fleet import LocalFleet
    from bot.forges.local.proposal_reader import LocalProposalReader


@dataclass(frozen=True, slots=True)
class LocalRepository:
    """A repository of a local forge, and access to its proposals."""

    fleet: LocalFleet
    name: str
    proposals: LocalProposalReader

    def decline_proposal(self, text: str) -> tuple[str, bool]:
        """Decline the proposal that `text` names, and delete its branch.

        Returns the branch, and False if the branch was kept, because it contains commits of users or is checked out.

        Raises:
            UsageError: If there is no such proposal.
            ForgeError: If it cannot be declined.
        """
        branch = self.proposals.find_proposal(text).branch
        return branch, self.fleet.decline_proposal(self.name, branch)


def open_local_repository(config_file: Path, text: str) -> LocalRepository:
    """Return the repository of a local forge that a user means.

    `text` is the name of the repository, with or without `.git`, or the title with the base branch that `run` prints:
    `web (main)`.

    Raises:
        UsageError: If no local forge in the config has such a repository.
        ForgeError: If the repository cannot be read.
    """
    from bot.forges.local.fleet import LocalFleet
    from bot.settings import load
    from bot.settings.sections.forges import LocalForgeEntry

    settings = load(config_file, requires_forges=True)
    title = text.partition(" (")[0]
    names = dict.fromkeys((text, title, title.removesuffix(".git")))
    for forge in settings.forges:
        if isinstance(forge, LocalForgeEntry):
            fleet = LocalFleet(forge.url, forge.repositories)
            for name in names:
                if any(fleet.list_repositories(frozenset({name}))):
                    return LocalRepository(fleet, name, fleet.read_proposals(name))
    raise UsageError(
        f"{config_file}: no local forge has a repository '{text}'; hint: on other forges, read and close the pull "
        "requests there"
    )
