"""The diagnosis of a server: list the selected repositories, and check the token's rights in some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.records import HostedDashboard
from bot.forges.selection import check_selection
from bot.model.diagnosis import Check, report_ok, report_problem
from bot.model.errors import ForgeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure

MAX_EXAMINED_REPOSITORIES = 50
"""The largest number of repositories of one forge on which rights are checked. Each takes several requests."""


def examine_repositories(
    subject: str,
    selected: Iterable[GitRepository | RunFailure],
    check_repository: Callable[[GitRepository], Iterable[Check]],
) -> Iterator[Check]:
    """Check the token's rights in a sample of the selected repositories, and yield the results.

    The results begin with those of the selection, for example for a repository that was not found. The sample has at
    most `MAX_EXAMINED_REPOSITORIES` repositories.

    Args:
        subject: The URL of the server, for results that do not belong to a single repository.
        selected: The selected repositories, and a failure for each one that was not found.
        check_repository: Checks the token's rights in one repository, and yields the results.
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


def check_reading(
    hosted: HostedRepository,
    base_branch: str | None,
    *,
    request_noun: str,
    list_requests: Callable[[], object],
    has_dashboard: bool,
) -> Iterator[Check]:
    """Check whether files, pull requests and the dashboard of a repository can be read, and yield the results.

    Args:
        hosted: The repository.
        base_branch: The base branch whose files are read; None to skip this check.
        request_noun: `pull requests` or `merge requests`, for the results.
        list_requests: Sends an API request that lists pull requests.
        has_dashboard: True if the run uses a dashboard issue; False to skip this check.
    """
    if base_branch is not None:
        yield _check_read(hosted.name, "read files", lambda: hosted.branches.read_tip(base_branch))
    yield _check_read(hosted.name, f"read {request_noun}", list_requests)
    if has_dashboard:
        dashboard = HostedDashboard(hosted.name, hosted.errors, hosted.issues)
        yield _check_read(hosted.name, "read the dashboard", dashboard.read)


def _check_read(name: str, action: str, call: Callable[[], object]) -> Check:
    """Make a call that reads something in the repository `name`. Return a result that shows whether it succeeded."""
    try:
        call()
    except ForgeError as error:
        return report_problem(name, action, str(error))
    return report_ok(name, action, "the request was answered")


def _choose_sample(repositories: Sequence[GitRepository]) -> Sequence[GitRepository]:
    """Return at most `MAX_EXAMINED_REPOSITORIES` repositories whose rights are checked.

    The sample contains the repositories that the config names one by one. If the config selects repositories by owner,
    the sample contains one of them for each owner.
    """
    owners: set[str] = set()
    sample: list[GitRepository] = []
    for each in repositories:
        owner = each.name.rpartition("/")[0].lower()
        if not each.is_selected_by_owner or owner not in owners:
            sample.append(each)
        if each.is_selected_by_owner:
            owners.add(owner)
    return sample[:MAX_EXAMINED_REPOSITORIES]
