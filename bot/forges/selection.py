"""Selects repositories as the config demands.

It contains the conditions for the repositories of an owner, and the results of the selection for the diagnosis.
"""

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
    """Conditions that select repositories of one owner. If a condition is empty, it accepts all repositories.

    Forks and repositories that are archived, disabled, empty, or marked for deletion are never selected, because nobody
    merges proposals there.
    """

    owner: str
    """An organisation, a user, or a group with its subgroups. The globs match the rest of the full name."""
    include: tuple[str, ...] = ()
    """Globs for the name without the owner, of which one must match. Case is ignored, because servers ignore it."""
    exclude: tuple[str, ...] = ()
    """Globs for the name without the owner, of which none may match."""
    topics: tuple[str, ...] = ()
    """Topics, of which the repository must have at least one."""

    def is_below_owner(self, name: str) -> bool:
        """Return True if a repository with this full name belongs to the owner, or to a subgroup of the owner."""
        return name.lower().startswith(f"{self.owner}/".lower())

    def filter_names(self, names: Iterable[str]) -> list[str]:
        """Return the full names that belong to the owner, sorted."""
        return sorted(filter(self.is_below_owner, names))

    def is_selected(self, name: str, topics: Collection[str]) -> bool:
        """Return True if a repository with this full name and these topics meets all conditions."""
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
    """Yield each base branch of each repository only once, even if the config selects the repository several times.

    If several failures have the same subject, the first one is yielded.
    """
    yielded: set[tuple[str, str | None]] = set()
    for each in repositories:
        key = (each.subject, None) if isinstance(each, RunFailure) else (each.name.lower(), each.base_branch)
        if key not in yielded:
            yielded.add(key)
            yield each


def check_selection(
    subject: str, repositories: Iterable[GitRepository | RunFailure]
) -> Iterator[GitRepository | Check]:
    """Yield each selected repository once, together with the results of the selection.

    There is a result for each failure, for each renamed repository, and for the total number. If a repository has
    several base branches, it is yielded only once. `subject` is the URL or folder of the forge, for results that do not
    belong to a single repository.
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
                    f"the repository was renamed to '{each.name}'; hint: write the new name in the config",
                )
    if by_name:
        yield report_ok(subject, SELECT_ACTION, f"{len(by_name)} selected{_describe_without_base(by_name.values())}")
    elif not failures:
        yield report_problem(
            subject, SELECT_ACTION, "no repository is selected; hint: check the names, globs and topics in the config"
        )


def _describe_without_base(repositories: Iterable[GitRepository]) -> str:
    """Return a text such as ", 2 without a base branch, which get no proposals"; empty if all have a base branch."""
    count = sum(each.base_branch is None for each in repositories)
    return f", {count} without a base branch, which get no proposals" if count else ""
