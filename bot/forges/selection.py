"""Which repositories of an owner are meant: one choice for every server that has owners."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from bot.core.globs import matches
from bot.model.forge import GitRepository
from bot.model.report import Failed


@dataclass(frozen=True, slots=True)
class Selection:
    """Repositories of one owner; empty conditions hold for all of them.

    What is archived, disabled, empty, a fork, or about to be deleted is never among them: nobody merges what is
    proposed there.
    """

    owner: str
    """An organisation, a user, or a group with what is below it: what stands before the names that globs look at."""
    include: tuple[str, ...] = ()
    """Globs over the name without the owner; one must match. Upper and lower case are the same, as to the servers."""
    exclude: tuple[str, ...] = ()
    """The same; none may match."""
    topics: tuple[str, ...] = ()
    """One of these must be on the repository."""

    def owns(self, name: str) -> bool:
        """Say whether a repository with this full name is below the owner."""
        return name.lower().startswith(f"{self.owner}/".lower())

    def among(self, names: Iterable[str]) -> list[str]:
        """Return those of some full names that are below the owner, in their order."""
        return sorted(filter(self.owns, names))

    def takes(self, name: str, topics: Collection[str]) -> bool:
        """Say whether a repository with this full name and these topics is meant."""
        short = name[len(self.owner) + 1 :].lower()
        wanted = {each.lower() for each in self.topics}
        return (
            self.owns(name)
            and (not self.include or any(matches(glob.lower(), short) for glob in self.include))
            and not any(matches(glob.lower(), short) for glob in self.exclude)
            and (not wanted or any(each.lower() in wanted for each in topics))
        )


def each_once(found: Iterable[GitRepository | Failed]) -> Iterator[GitRepository | Failed]:
    """Yield each repository once for each of its base branches, however often the config selects it."""
    done: set[tuple[str, str | None]] = set()
    for each in found:
        key = (each.subject, None) if isinstance(each, Failed) else (each.name.lower(), each.base_branch)
        if key not in done:
            done.add(key)
            yield each
