"""Diagnose a server: list the selected repositories, and check the rights on a sample of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bot.forges.selection import check_selection
from bot.model.diagnosis import Check, report_ok, report_problem
from bot.model.errors import ForgeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure

MAX_EXAMINED_REPOSITORIES = 50
"""Repositories of one forge whose rights are checked, which takes several requests each."""


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


def check_read(name: str, action: str, call: Callable[[], object]) -> Check:
    """Check whether a read request about a repository is answered."""
    try:
        call()
    except ForgeError as error:
        return report_problem(name, action, str(error))
    return report_ok(name, action, "the request was answered")


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
