"""The diagnosis of a server: list the selected repositories, and check the token's rights in some of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol

from bot.forges.hosted.ci import CiApi
from bot.forges.hosted.fleet import HostedServer
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.records import HostedDashboard
from bot.forges.hosted.refusal import RefusedError
from bot.forges.hosted.rest import Connection_co
from bot.forges.selection import check_selection
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.errors import ForgeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure
from bot.model.vocabulary import RunLevel

IDENTIFY_ACTION, PUSH_ACTION = "identify the token", "push branches"
MAX_EXAMINED_REPOSITORIES = 50
"""The largest number of repositories of one forge on which rights are checked. Each repository takes several API
calls."""


EXAMPLE_SLUG = "python-3.12-slim-06e5bb43"
"""The name of a typical branch of basebump, without the prefix."""


class ServerExamination(Protocol):
    """Diagnoses the rights of one token on one server. Methods raise RefusedError if no further check is possible."""

    def check_token(self, target: DiagnosisTarget) -> Iterator[Check]:
        """Check which account the token belongs to, and the scopes for the target's level, and yield the results."""
        ...

    def check_repository(
        self, hosted: HostedRepository, base_branch: str | None, target: DiagnosisTarget
    ) -> Iterator[Check]:
        """Check the token's rights in one repository, and yield a result for each required right.

        If `base_branch` is None, reading of files is not checked.
        """
        ...


def examine_server(
    server: HostedServer,
    examination: ServerExamination,
    target: DiagnosisTarget,
    selected: Iterable[GitRepository | RunFailure],
) -> Iterator[Check]:
    """Check the token, and the token's rights in some of the selected repositories, and yield the results."""
    yield from examination.check_token(target)

    def check_repository(repository: GitRepository) -> Iterator[Check]:
        hosted = server.open_repository(repository.name, None)
        return examination.check_repository(hosted, repository.base_branch, target)

    yield from examine_repositories(server.url, selected, check_repository)


def check_missing_token(
    url: str, server: str, target: DiagnosisTarget, write_action: str, settings: str = "`token_env`"
) -> Iterator[Check]:
    """Yield the results of the diagnosis if no token is configured.

    `server` is the name of the server in the results. `settings` are the names of the settings that configure a token.
    """
    yield report_ok(url, IDENTIFY_ACTION, f"no token is configured, and {server} allows requests without a token")
    if target.level > RunLevel.REPORT:
        message = f"no token is configured, but writing needs a token; hint: set {settings}"
        yield report_problem(url, write_action, message)


@dataclass(frozen=True, slots=True)
class RestExamination(ABC, Generic[Connection_co]):
    """Diagnoses the rights of one token on one server that reports neither all scopes nor all permissions."""

    connection: Connection_co = field(repr=False)

    @abstractmethod
    def check_token(self, target: DiagnosisTarget) -> Iterator[Check]: ...

    @abstractmethod
    def read_requests(self, hosted: HostedRepository) -> object:
        """Send the API requests that read pull requests. Raises RefusedError if an API call fails."""

    @abstractmethod
    def check_writing(self, name: str, target: DiagnosisTarget) -> Iterator[Check]:
        """Check whether the token is allowed to write to a repository, and yield the results.

        Raises RefusedError if an API call fails.
        """

    def check_repository(
        self, hosted: HostedRepository, base_branch: str | None, target: DiagnosisTarget
    ) -> Iterator[Check]:
        yield from check_reading(
            hosted,
            base_branch,
            request_noun="pull requests",
            list_requests=lambda: self.read_requests(hosted),
            target=target,
        )
        if target.level > RunLevel.REPORT and self.connection.has_token:
            try:
                with hosted.errors.translate(hosted.name):
                    yield from self.check_writing(hosted.name, target)
            except RefusedError as refusal:
                yield report_problem(hosted.name, PUSH_ACTION, str(refusal))


def check_protection(
    name: str, prefix: str, list_rules: Callable[[], Iterable[str]], matches_prefix: Callable[[str], bool]
) -> Check:
    """Check that no rule for protected branches matches branches with basebump's prefix.

    The server would refuse basebump's pushes to such branches.

    Args:
        name: The repository.
        prefix: The prefix of basebump's branches.
        list_rules: Lists the rules, and raises RefusedError if the token is not allowed to read them.
        matches_prefix: Returns True if a rule matches branches with the prefix.
    """
    action = f"check that {prefix}* is unprotected"
    try:
        matching = [f"`{rule}`" for rule in list_rules() if matches_prefix(rule)]
    except RefusedError as refusal:
        return report_unknown(name, action, str(refusal))
    if matching:
        message = "protects basebump's branches; hint: narrow the rule, or choose another `branch_prefix`"
        return report_problem(name, action, f"{', '.join(matching)} {message}")
    return report_ok(name, action, "no rule protects these branches")


def examine_repositories(
    subject: str,
    selected: Iterable[GitRepository | RunFailure],
    check_repository: Callable[[GitRepository], Iterable[Check]],
) -> Iterator[Check]:
    """Check the token's rights in a sample of the selected repositories, and yield the results.

    The first results are about the selection, for example about a repository that was not found. The sample has at most
    `MAX_EXAMINED_REPOSITORIES` repositories.

    Args:
        subject: The URL of the server, for results that do not concern a single repository.
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
    target: DiagnosisTarget,
    ci_hint: str = "",
) -> Iterator[Check]:
    """Check that the token can read everything in a repository that a run reads, and yield the results.

    Args:
        hosted: The repository.
        base_branch: The base branch whose files are read; None to skip this check.
        request_noun: `pull requests` or `merge requests`, for the results.
        list_requests: Sends an API request that lists pull requests.
        target: The kind of run. Only some kinds of runs use a dashboard issue and read the outcome of CI.
        ci_hint: The hint if the outcome of CI cannot be read.
    """
    if base_branch is not None:
        yield _check_read(hosted.name, "read files", lambda: hosted.branches.read_tip(base_branch))
    yield _check_read(hosted.name, f"read {request_noun}", list_requests)
    if target.has_dashboards and hosted.issues is not None:
        dashboard = HostedDashboard(hosted.name, hosted.errors, hosted.issues)
        yield _check_read(hosted.name, "read the dashboard", dashboard.read)
    if target.reads_ci and hosted.ci is not None and base_branch is not None:
        yield _check_ci(hosted, hosted.ci, base_branch, ci_hint)


def _check_read(name: str, action: str, call: Callable[[], object]) -> Check:
    """Make a call that reads data from the repository `name`. Return a result that shows whether the call succeeded."""
    try:
        call()
    except ForgeError as error:
        return report_problem(name, action, str(error))
    return report_ok(name, action, "the request succeeded")


def _check_ci(hosted: HostedRepository, ci: CiApi, base_branch: str, hint: str) -> Check:
    """Check whether the outcome of CI on the last commit of the base branch can be read.

    If the outcome cannot be read, the result is "unknown" instead of "problem", because the rest of a run still works.
    """
    action = "read how CI ended"
    try:
        with hosted.errors.translate(hosted.name):
            tip = hosted.branches.read_tip(base_branch)
            is_readable = tip is None or tip.commit in ci.read_outcomes({tip.commit: None})
    except ForgeError as error:
        return report_unknown(hosted.name, action, str(error))
    if not is_readable:
        message = "the checks of commits cannot be read, so basebump does not notice if an update breaks CI"
        return report_unknown(hosted.name, action, f"{message}; hint: {hint}" if hint else message)
    return report_ok(hosted.name, action, "the request succeeded")


def _choose_sample(repositories: Sequence[GitRepository]) -> Sequence[GitRepository]:
    """Return the repositories whose rights are checked, at most `MAX_EXAMINED_REPOSITORIES`.

    The sample contains the repositories that the config names one by one. If the config selects repositories by owner,
    the sample contains one repository of each owner.
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
