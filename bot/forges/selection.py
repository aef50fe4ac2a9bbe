"""The selection of repositories by a config: those of an owner, each once, and the diagnosis of what is selected."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from bot.core.globs import is_glob_match
from bot.model.diagnosis import Check, report_ok, report_problem
from bot.model.forge import GitRepository
from bot.model.report import RunFailure

SELECT_ACTION = "select repositories"


@dataclass(frozen=True, slots=True)
class RepositorySelection:
    """Conditions on the repositories of one owner; empty conditions accept all of them.

    Archived, disabled and empty repositories, forks, and repositories marked for deletion are never selected: nobody
    merges proposals there.
    """

    owner: str
    """An organisation, a user, or a group with its subgroups: the part of the full name before the part that globs
    match."""
    include: tuple[str, ...] = ()
    """Globs for the name without the owner, of which one must match. Case is ignored, as servers ignore it."""
    exclude: tuple[str, ...] = ()
    """The same, but none may match."""
    topics: tuple[str, ...] = ()
    """Topics of which the repository must have one."""

    def is_below_owner(self, name: str) -> bool:
        """Return True if the repository with this full name is below the owner."""
        return name.lower().startswith(f"{self.owner}/".lower())

    def filter_names(self, names: Iterable[str]) -> list[str]:
        """Return the full names that are below the owner, sorted."""
        return sorted(filter(self.is_below_owner, names))

    def is_selected(self, name: str, topics: Collection[str]) -> bool:
        """Return True if the repository with this full name and these topics is selected."""
        short = name[len(self.owner) + 1 :].lower()
        wanted_topics = {each.lower() for each in self.topics}
        return (
            self.is_below_owner(name)
            and (not self.include or any(is_glob_match(glob.lower(), short) for glob in self.include))
            and not any(is_glob_match(glob.lower(), short) for glob in self.exclude)
            and (not wanted_topics or any(each.lower() in wanted_topics for each in topics))
        )


def deduplicate_repositories(
    repositories: Iterable[GitRepository | RunFailure],
) -> Iterator[GitRepository | RunFailure]:
    """Yield each repository once for each of its base branches, though the config may select it several times."""
    yielded: set[tuple[str, str | None]] = set()
    for each in repositories:
        key = (each.subject, None) if isinstance(each, RunFailure) else (each.name.lower(), each.base_branch)
        if key not in yielded:
            yielded.add(key)
            yield each


def check_selection(
    subject: str, repositories: Iterable[GitRepository | RunFailure]
) -> Iterator[GitRepository | Check]:
    """Yield each selected repository once, and the diagnostic results of selecting them.

    `subject` names the forge in results that are about no single repository.
    """
    by_name: dict[str, GitRepository] = {}
    failures = 0
    for each in repositories:
        if isinstance(each, RunFailure):
            failures += 1
            yield report_problem(each.subject, SELECT_ACTION, each.error)
        elif each.name not in by_name:
            by_name[each.name] = each
            yield each
            if each.configured_name is not None:
                yield report_ok(
                    each.configured_name,
                    SELECT_ACTION,
                    f"it was renamed to '{each.name}'; hint: write the new name in the config",
                )
    if by_name:
        yield report_ok(subject, SELECT_ACTION, f"{len(by_name)} selected{_describe_without_base(by_name.values())}")
    elif not failures:
        yield report_problem(
            subject, SELECT_ACTION, "no repository is selected; hint: check the names, globs and topics in the config"
        )


def _describe_without_base(repositories: Iterable[GitRepository]) -> str:
    """Describe how many repositories have no base branch; return an empty text if all have one."""
    count = sum(each.base_branch is None for each in repositories)
    return f", {count} without a base branch, which get no proposals" if count else ""
