"""A GitHub server: github.com or an Enterprise Server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from bot.forges.github.app import AppKey, AppTokens, InvalidKeyError
from bot.forges.github.attributes import GitHubAutomerge
from bot.forges.github.branches import WORKFLOWS_FOLDER, GitHubBranches
from bot.forges.github.catalogue import GitHubCatalogue
from bot.forges.github.ci import GitHubCi
from bot.forges.github.commits import GitHubCommits
from bot.forges.github.connection import GitHubConnection, GitHubRemote, StaticToken, TokenSource
from bot.forges.github.github_errors import GITHUB_ERRORS
from bot.forges.github.pull_requests import GitHubIssues, GitHubRequestReader, GitHubRequestWriter, GitHubStatuses
from bot.forges.github.token_examination import GitHubExamination
from bot.forges.github.tree import open_tree
from bot.forges.github.workflows import WorkflowStarter
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.fleet import HostedServer
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.refusal import RefusedError
from bot.forges.hosted.server_examination import examine_repositories
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.forge import ActivityScope, ForgeLimits, GitRepository
from bot.model.report import RunFailure

__all__ = ["API", "KIND", "AppKey", "InvalidKeyError", "open_server"]

KIND = "github"
API = "https://api.github.com"
MAX_BODY = 65_536
"""The largest number of characters of a body that GitHub accepts."""
MAX_TITLE = 256
"""The largest number of characters of a title that GitHub accepts."""


def open_server(
    url: str,
    credential: str | AppKey | None,
    *,
    dispatch: Sequence[str] = (),
    ca: Path | None = None,
    seconds_between_writes: float = 0.0,
    pause: Callable[[float], None] = time.sleep,
) -> GitHubServer:
    """Return a GitHub server that is accessed with a token or with the key of an App. No request is sent yet.

    Args:
        url: The URL of the REST API, which is `https://HOST/api/v3` on an Enterprise Server.
        credential: A token, or the key of an App; None to read public repositories without a token.
        dispatch: The file names of workflows to start on the branch of each proposal.
        ca: A file with certificates to trust instead of the default ones.
        seconds_between_writes: The shortest time between two requests that change something.
        pause: Waits for a number of seconds.
    """
    app = AppTokens(url, credential, ca=ca, pause=pause) if isinstance(credential, AppKey) else None
    tokens: TokenSource = app or StaticToken(credential if isinstance(credential, str) else None)
    connection = GitHubConnection(url, tokens, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause)
    return GitHubServer(url, connection, app, credential is not None, tuple(dispatch))


@dataclass(frozen=True, slots=True)
class GitHubServer(HostedServer):
    """A GitHub server. Every token that can read a repository can also list the branches of the repository."""

    connection: GitHubConnection = field(repr=False)
    app: AppTokens | None = field(repr=False)
    has_token: bool
    dispatch: tuple[str, ...]
    """File names of workflows to start on the branch of each proposal."""

    kind = KIND

    @property
    def clone_host(self) -> str:
        """The host from which git clones repositories."""
        return _get_clone_host(self.url)

    def build_files_url(self, name: str, branch: str) -> str:
        return f"{urlsplit(self.url).scheme}://{self.clone_host}/{quote(name)}/blob/{quote(branch)}/"

    @property
    def must_list_owners(self) -> bool:
        """True for an App, because only the owner's list shows which repositories are in the App's installations.

        Looking up a repository by its name is not sufficient: an App can read public repositories outside its
        installations, but cannot write to them.
        """
        return self.app is not None

    def find_named(
        self, names: Sequence[str], activity_scope: ActivityScope | None = None
    ) -> Iterable[tuple[str, ListedRepository | RefusedError]]:
        """Look up repositories by name. Yield each name with its repository, or with the error if it cannot be read."""
        return GitHubCatalogue(self.connection).find_named(names, activity_scope).items()

    def list_owned(
        self,
        owner: str,
        is_selected: Callable[[ListedRepository], bool],
        activity_scope: ActivityScope | None = None,
    ) -> Sequence[ListedRepository]:
        """Return the repositories of an owner for which `is_selected` returns True, sorted by name.

        Raises RefusedError if an API call fails.
        """
        return GitHubCatalogue(self.connection).list_owned(owner, is_selected, activity_scope)

    def list_default_owners(self) -> Sequence[str]:
        """Return the accounts that installed the App. With other tokens, return an empty list.

        Raises RefusedError if no account installed the App.
        """
        if self.app is None:
            return ()
        owners = self.app.list_owners()
        if not owners:
            message = "no account installed the App; hint: install it where the repositories are"
            raise RefusedError(message, status=None)
        return owners

    def open_repository(self, name: str, server_id: str | None) -> HostedRepository:
        """Return the objects that access one repository. No HTTP request is sent yet.

        `server_id` is the repository's id in GraphQL; None if this id is not known.
        """
        remote = GitHubRemote(self.connection, name, server_id)
        return HostedRepository(
            name=name,
            limits=ForgeLimits(
                body_characters=MAX_BODY,
                title_characters=MAX_TITLE,
                protected_folder=WORKFLOWS_FOLDER,
                has_statuses=True,
                has_alerts=True,
                workflows=self.dispatch,
            ),
            errors=GITHUB_ERRORS,
            pause=self.connection.pause,
            open_tree=partial(open_tree, remote),
            branches=GitHubBranches(remote),
            commits=GitHubCommits(remote),
            requests=GitHubRequestReader(remote),
            request_writer=GitHubRequestWriter(remote),
            automerge=GitHubAutomerge(remote),
            statuses=GitHubStatuses(remote),
            issues=GitHubIssues(remote),
            ci=GitHubCi(remote),
            workflows=WorkflowStarter(remote),
        )

    def examine(self, target: DiagnosisTarget, repositories: Iterable[GitRepository | RunFailure]) -> Iterator[Check]:
        examination = GitHubExamination(self.connection, self.url, self.app, self.has_token, bool(self.dispatch))
        credential, check = examination.identify_token()
        yield check

        def check_repository(repository: GitRepository) -> Iterator[Check]:
            hosted = self.open_repository(repository.name, None)
            return examination.check_repository(credential, hosted, repository.base_branch, target)

        yield from examine_repositories(self.url, repositories, check_repository)


def _get_clone_host(url: str) -> str:
    """Return the host from which git clones the repositories of the server whose API has this URL.

    https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api lists the URLs of all kinds.
    """
    host = urlsplit(url).netloc.lower()
    return host.removeprefix("api.") if host == "api.github.com" or host.endswith(".ghe.com") else host
