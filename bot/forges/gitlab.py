"""The projects of one GitLab: gitlab.com or one that somebody runs, by python-gitlab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from gitlab import Gitlab

from bot.forges._gitlab_branches import Branches
from bot.forges._gitlab_connection import Connection, Remote
from bot.forges._gitlab_dashboard import GitLabDashboard
from bot.forges._gitlab_errors import understood
from bot.forges._gitlab_forge import GitLabForge
from bot.forges._gitlab_tree import open_tree
from bot.forges._listed_tree import ListedTree
from bot.forges._refusal import RefusedError
from bot.model.errors import TreeError
from bot.model.report import Failed
from bot.model.vocabulary import Stage
from bot.ports import GitRepository

KIND = "gitlab"
SITE = "https://gitlab.com"


class GitLabFleet:
    """The projects that a config names one by one, on one GitLab.

    May be used from several threads: each has a client of its own.
    """

    def __init__(
        self,
        url: str = SITE,
        token: str | None = None,
        *,
        names: Sequence[str],
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Offer the projects in `names`: full paths, `group/subgroup/project`.

        `url` is where people look, `ca` a file of certificates to trust instead of the usual ones, `pause` what waits.
        """
        self._names = tuple(names)
        self._connection = Connection(url, token, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause)
        self._host = _host_of(url)
        self._numbers: dict[str, int] = {}

    def repositories(self, only: frozenset[str]) -> Iterator[GitRepository | Failed]:
        """Yield what the config names, or of that only the names in `only` when it is not empty.

        GitLab does not tell upper from lower case in paths, so neither does this. Each project is yielded once, by the
        path that it has now: one that moved is found by its old one.
        """
        wanted = frozenset(name.lower() for name in only)
        done: set[str] = set()
        for name in self._names:
            if wanted and name.lower() not in wanted:
                continue
            found = self._look(name)
            key = (found.subject if isinstance(found, Failed) else found.name).lower()
            if key not in done:
                done.add(key)
                yield found

    def tree(self, repository: GitRepository) -> ListedTree:
        """Return the tree of the base branch's commit. Raises TreeError."""
        if repository.commit is None:
            raise TreeError(f"{repository.name} has no commit on its default branch")
        return open_tree(self._remote(repository.name), repository.commit)

    def forge(self, repository: GitRepository) -> GitLabForge:
        """Return the verbs for one project."""
        return GitLabForge(self._remote(repository.name), repository)

    def dashboard(self, repository: GitRepository) -> GitLabDashboard:
        """Return the verbs for its one issue."""
        return GitLabDashboard(self._remote(repository.name))

    def _look(self, name: str) -> GitRepository | Failed:
        """Return a project as it stands: its base branch is the default branch."""
        try:
            with understood(name):
                path, number, default_branch = self._connection.read(
                    f"find the project {name}", lambda client: _describe(client, name)
                )
                self._numbers[path] = number
                head = Branches(self._remote(path)).head(default_branch) if default_branch else None
        except RefusedError as refusal:
            return Failed(name, Stage.SURVEY, str(refusal))
        base_branch, commit = (default_branch, head.commit) if head is not None else (None, None)
        return GitRepository(KIND, path, base_branch, commit, host=self._host)

    def _remote(self, name: str) -> Remote:
        return Remote(self._connection, name, self._numbers.get(name))


def _host_of(url: str) -> str | None:
    """Return the host that git clones from; below a path of it, projects have no names that others know."""
    parts = urlsplit(url)
    return parts.netloc.lower() if parts.path in {"", "/"} else None


def _describe(client: Gitlab, name: str) -> tuple[str, int, str | None]:
    """Return path, id and default branch, which an empty project has by name only."""
    project = client.projects.get(name)
    return str(project.path_with_namespace), int(project.id), project.attributes.get("default_branch")
