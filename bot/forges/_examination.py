"""Shared part of diagnosing a forge: list the selected repositories, and choose those whose rights are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bot.model.diagnosis import Check, report_ok, report_problem
from bot.model.forge import GitRepository
from bot.model.report import RunFailure

MAX_LOOKED_AT = 50
"""Repositories of one forge whose rights are checked, which takes several requests each."""
SELECT = "select repositories"


def selected(subject: str, found: Iterable[GitRepository | RunFailure]) -> Iterator[GitRepository | Check]:
    """Yield each selected repository once, and the diagnostic results of selecting them.

    `subject` names the forge in results that are about no single repository.
    """
    seen: dict[str, GitRepository] = {}
    failures = 0
    for each in found:
        if isinstance(each, RunFailure):
            failures += 1
            yield report_problem(each.subject, SELECT, each.error)
        elif each.name not in seen:
            seen[each.name] = each
            yield each
            if each.configured_name is not None:
                yield report_ok(
                    each.configured_name,
                    SELECT,
                    f"it was renamed to '{each.name}'; hint: write the new name in the config",
                )
    if seen:
        yield report_ok(subject, SELECT, f"{len(seen)} selected{_unborn(seen.values())}")
    elif not failures:
        yield report_problem(
            subject, SELECT, "no repository is selected; hint: check the names, globs and topics in the config"
        )


def examined(
    subject: str,
    found: Iterable[GitRepository | RunFailure],
    rights: Callable[[GitRepository], Iterable[Check]],
) -> Iterator[Check]:
    """Yield the diagnostic results of selecting repositories, and of checking the rights on a sample of them.

    `subject` names the forge in results that are about no single repository; `check_repository` checks the rights of
    the token on one repository.
    """
    repositories: list[GitRepository] = []
    for each in selected(subject, found):
        if isinstance(each, Check):
            yield each
        else:
            repositories.append(each)
    sample = _sample(repositories)
    if len(sample) < len(repositories):
        of_these = f"{len(sample)} of {len(repositories)}"
        yield report_ok(
            subject, "check rights", f"on {of_these}: the repositories named in the config, and one of each owner"
        )
    for repository in sample:
        yield from rights(repository)


def _sample(repositories: Sequence[GitRepository]) -> Sequence[GitRepository]:
    """Return the repositories named in the config and the first of each owner, at most `MAX_EXAMINED_REPOSITORIES`."""
    owners: set[str] = set()
    chosen: list[GitRepository] = []
    for each in repositories:
        owner = each.name.rpartition("/")[0].lower()
        if not each.is_selected_by_owner or owner not in owners:
            chosen.append(each)
        if each.is_selected_by_owner:
            owners.add(owner)
    return chosen[:MAX_LOOKED_AT]


def _unborn(repositories: Iterable[GitRepository]) -> str:
    """Describe how many repositories have no base branch; return an empty text if all have one."""
    count = sum(each.base_branch is None for each in repositories)
    return f", {count} without a base branch, which get no proposals" if count else ""
