"""Shared part of diagnosing a forge: list the selected repositories, and choose those whose rights are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bot.model.diagnosis import Check, report_ok, report_problem
from bot.model.forge import GitRepository
from bot.model.report import RunFailure

MAX_EXAMINED_REPOSITORIES = 50
"""Repositories of one forge whose rights are checked, which takes several requests each."""
SELECT_ACTION = "select repositories"


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


def examine_repositories(
    subject: str,
    selected: Iterable[GitRepository | RunFailure],
    check_repository: Callable[[GitRepository], Iterable[Check]],
) -> Iterator[Check]:
    """Yield the diagnostic results of selecting repositories, and of checking the rights on a sample of them.

    `subject` names the forge in results that are about no single repository; `check_repository` checks the rights of
    the token on one repository.
    """
    repositories: list[GitRepository] = []
    for each in check_selection(subject, selected):
        if isinstance(each, Check):
            yield each
        else:
            repositories.append(each)
    sample = _choose_sample(repositories)
    if len(sample) < len(repositories):
        of_these = f"{len(sample)} of {len(repositories)}"
        yield report_ok(
            subject, "check rights", f"on {of_these}: the repositories named in the config, and one of each owner"
        )
    for repository in sample:
        yield from check_repository(repository)


def _choose_sample(repositories: Sequence[GitRepository]) -> Sequence[GitRepository]:
    """Return the repositories named in the config and the first of each owner, at most `MAX_EXAMINED_REPOSITORIES`."""
    owners: set[str] = set()
    sample: list[GitRepository] = []
    for each in repositories:
        owner = each.name.rpartition("/")[0].lower()
        if not each.is_selected_by_owner or owner not in owners:
            sample.append(each)
        if each.is_selected_by_owner:
            owners.add(owner)
    return sample[:MAX_EXAMINED_REPOSITORIES]


def _describe_without_base(repositories: Iterable[GitRepository]) -> str:
    """Describe how many repositories have no base branch; return an empty text if all have one."""
    count = sum(each.base_branch is None for each in repositories)
    return f", {count} without a base branch, which get no proposals" if count else ""
