"""The repositories of one GitHub server, github.com or an Enterprise Server, accessed with PyGithub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bot.forges.github.app import AppKey, AppTokens, InvalidKeyError
from bot.forges.github.branches import GitHubBranches
from bot.forges.github.catalogue import GitHubCatalogue
from bot.forges.github.connection import GitHubConnection, GitHubRemote, StaticToken, TokenSource
from bot.forges.github.examination import GitHubExamination
from bot.forges.github.forge import GitHubForge
from bot.forges.github.records import GitHubDashboard
from bot.forges.github.tree import open_tree
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.examination import examine_repositories
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.fleet import HostedFleet
from bot.forges.hosted.refusal import RefusedError
from bot.forges.selection import RepositorySelection
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.forge import GitRepository
from bot.model.report import RunFailure

__all__ = ["API", "KIND", "AppKey", "InvalidKeyError", "open_github_fleet"]

KIND = "github"
API = "https://api.github.com"


def open_github_fleet(  # noqa: PLR0913 - each is a key of the config, or a seam
    url: str = API,
    credential: str | AppKey | None = None,
    *,
    selected: Sequence[str | RepositorySelection] = (),
    base_branches: Sequence[str] = (),
    dispatch: Sequence[str] = (),
    ca: Path | None = None,
    seconds_between_writes: float = 0.0,
    pause: Callable[[float], None] = time.sleep,
) -> HostedFleet:
    """Return the repositories that a config selects by their names (`owner/name`), then those of owners.

    `url` is the URL of the REST API (`https://HOST/api/v3` on an Enterprise Server), `credential` a token or the key of
    an App. `base_branches` are globs; without them the base branch is the default branch. `dispatch` has the file names
    of workflows to start on the branch of each proposal. `ca` is a file with certificates to trust instead of the
    default ones, `pause` waits between requests. An App without a selection gets all repositories of its installations.
    """
    app = AppTokens(url, credential, ca=ca, pause=pause) if isinstance(credential, AppKey) else None
    tokens: TokenSource = app or StaticToken(credential if isinstance(credential, str) else None)
    connection = GitHubConnection(url, tokens, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause)
    server = GitHubServer(url, connection, app, credential is not None, tuple(dispatch))
    return HostedFleet(server, selected, base_branches)


@dataclass(frozen=True, slots=True)
class GitHubServer:
    """One GitHub server; implements `HostedServer`. Thread-safe: each thread has a client of its own."""

    url: str
    connection: GitHubConnection = field(repr=False)
    app: AppTokens | None = field(repr=False)
    has_token: bool
    dispatch: tuple[str, ...]
    """File names of workflows to start on the branch of each proposal."""

    kind = KIND

    @property
    def clone_host(self) -> str:
        """The host that git clones from."""
        return _get_clone_host(self.url)

    @property
    def must_list_owners(self) -> bool:
        """True for an App, which may see other repositories than those of its installations, but not write to them."""
        return self.app is not None

    def find_named(self, names: Sequence[str]) -> Iterable[tuple[str, ListedRepository | RefusedError]]:
        """Return each name with its repository, or with the reason why it was not found."""
        return GitHubCatalogue(self.connection).find_named(names).items()

    def list_owned(self, owner: str, is_selected: Callable[[ListedRepository], bool]) -> Sequence[ListedRepository]:
        """Return the selected repositories of an owner, sorted by name. Raises RefusedError."""
        return GitHubCatalogue(self.connection).list_owned(owner, is_selected)

    def list_default_owners(self) -> Sequence[str]:
        """Return the owners that installed the App; empty for other tokens. Raises RefusedError."""
        if self.app is None:
            return ()
        owners = self.app.list_owners()
        if not owners:
            message = "no account installed the App; hint: install it where the repositories are"
            raise RefusedError(message, status=None)
        return owners

    def open_repository(self, name: str, server_id: str | None) -> GitHubRepository:
        """Return the access to one repository."""
        return GitHubRepository(GitHubRemote(self.connection, name, server_id), self.dispatch)

    def examine(self, target: DiagnosisTarget, repositories: Iterable[GitRepository | RunFailure]) -> Iterator[Check]:
        """Identify the token, then list `repositories` and check the rights on them."""
        examination = GitHubExamination(self.connection, self.url, self.app, self.has_token, bool(self.dispatch))
        credential, check = examination.identify_token()
        yield check
        yield from examine_repositories(
            self.url, repositories, lambda repository: examination.check_repository(credential, repository, target)
        )


@dataclass(frozen=True, slots=True)
class GitHubRepository:
    """One repository on GitHub; implements `HostedRepository`."""

    remote: GitHubRemote
    dispatch: tuple[str, ...]

    def list_tips(self, prefix: str) -> Mapping[str, str]:
        """Return all branches that begin with `prefix`, and their commits. Raises RefusedError."""
        return GitHubBranches(self.remote).list_tips(prefix)

    def read_default_tip(self, default_branch: str | None) -> tuple[str, str] | None:
        """Return the default branch and its commit; None if it has none. Raises RefusedError."""
        commit = GitHubBranches(self.remote).read_tip(default_branch) if default_branch is not None else None
        return (default_branch, commit) if default_branch is not None and commit is not None else None

    def open_tree(self, commit: str) -> ListedTree:
        """Return the tree of a commit."""
        return open_tree(self.remote, commit)

    def open_forge(self, repository: GitRepository) -> GitHubForge:
        """Return the operations on branches and pull requests."""
        return GitHubForge(self.remote, repository, self.dispatch)

    def open_dashboard(self) -> GitHubDashboard:
        """Return the operations on the dashboard issue."""
        return GitHubDashboard(self.remote)


def _get_clone_host(url: str) -> str:
    """Return the host that git clones from, for the URL of an API.

    https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api lists the URLs of all kinds.
    """
    host = urlsplit(url).netloc.lower()
    return host.removeprefix("api.") if host == "api.github.com" or host.endswith(".ghe.com") else host
