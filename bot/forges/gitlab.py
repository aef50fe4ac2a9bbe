"""The projects of one GitLab: gitlab.com or one that somebody runs, by python-gitlab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from gitlab import Gitlab

from bot.core.base_branches import beginning, chosen
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
        base_branches: Sequence[str] = (),
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Offer the projects in `names`: full paths, `group/subgroup/project`.

        `url` is where people look, `base_branches` globs (without any it is the default branch), `ca` a file of
        certificates to trust instead of the usual ones, `pause` what waits.
        """
        self._base_branches = tuple(base_branches)
        self._names = tuple(names)
        self._connection = Connection(url, token, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause)
        self._host = _host_of(url)
        self._numbers: dict[str, int] = {}

    def repositories(self, only: frozenset[str]) -> Iterator[GitRepository | Failed]:
        """Yield what the config names, or of that only the names in `only` when it is not empty.

        GitLab does not tell upper from lower case in paths, so neither does this. Each project is yielded once for each
        of its base branches, by the path that it has now: one that moved is found by its old one.
        """
        wanted = frozenset(name.lower() for name in only)
        done: set[tuple[str, str | None]] = set()
        for name in self._names:
            if wanted and name.lower() not in wanted:
                continue
            for found in self._look(name):
                key = (found.subject, None) if isinstance(found, Failed) else (found.name.lower(), found.base_branch)
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

    def _look(self, name: str) -> list[GitRepository | Failed]:
        """Return a project as it stands, once for each of its base branches; without any where it has none."""
        try:
            with understood(name):
                path, number, default = self._connection.read(
                    f"find the project {name}", lambda client: _describe(client, name)
                )
                self._numbers[path] = number
                bases = self._bases(path, default)
        except RefusedError as refusal:
            return [Failed(name, Stage.SURVEY, str(refusal))]
        found = GitRepository(KIND, path, None, None, host=self._host)
        if path.lower() != name.lower():
            found = replace(found, known_as=name)
        return [
            replace(found, base_branch=branch, commit=commit, is_default_base=branch == default)
            for branch, commit in bases
        ] or [found]

    def _bases(self, path: str, default: str | None) -> list[tuple[str, str]]:
        """Return the base branches of a project with their commits. Raises RefusedError."""
        branches = Branches(self._remote(path))
        if self._base_branches:
            prefixes = [beginning(glob) for glob in self._base_branches]
            heads = {branch: tip.commit for each in prefixes for branch, tip in branches.heads(each).items()}
            return [(branch, heads[branch]) for branch in chosen(self._base_branches, heads)]
        head = branches.head(default) if default else None
        return [(default, head.commit)] if default and head is not None else []

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
