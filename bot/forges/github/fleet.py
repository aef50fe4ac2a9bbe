"""The repositories of one GitHub server, github.com or an Enterprise Server, accessed with PyGithub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bot.core.proposal.base_branches import get_literal_prefix, match_branches
from bot.forges._examination import examined
from bot.forges._listed_tree import ListedTree
from bot.forges._refusal import NOT_FOUND, RefusedError
from bot.forges.github.app import AppKey, AppTokens, InvalidKeyError
from bot.forges.github.catalogue import Catalogue, Listed
from bot.forges.github.connection import Connection, OneToken, Remote, Tokens
from bot.forges.github.dashboard import GitHubDashboard
from bot.forges.github.examination import GitHubExamination
from bot.forges.github.forge import GitHubForge
from bot.forges.github.refs import Branches
from bot.forges.github.tree import open_tree
from bot.forges.selection import Selection, each_once
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.errors import TreeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage

__all__ = ["API", "KIND", "AppKey", "GitHubFleet", "InvalidKeyError"]

KIND = "github"
API = "https://api.github.com"


class GitHubFleet:
    """The repositories of one GitHub server that a config selects by name or by owner.

    Thread-safe: each thread has a client of its own.
    """

    def __init__(  # noqa: PLR0913 - each is a key of the config, or a seam
        self,
        url: str = API,
        credential: str | AppKey | None = None,
        *,
        selected: Sequence[str | Selection] = (),
        base_branches: Sequence[str] = (),
        dispatch: Sequence[str] = (),
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Select repositories by their names (`owner/name`), then those of owners.

        `url` is the URL of the REST API (`https://HOST/api/v3` on an Enterprise Server), `credential` a token or the
        key of an App. `base_branches` are globs; without them the base branch is the default branch. `dispatch` has the
        file names of workflows to start on the branch of each proposal. `ca` is a file with certificates to trust
        instead of the default ones, `pause` waits between requests. An App without a selection gets all repositories
        of its installations.
        """
        self._base_branches = tuple(base_branches)
        self._dispatch = tuple(dispatch)
        self._names = tuple(each for each in selected if isinstance(each, str))
        self._selections = tuple(each for each in selected if isinstance(each, Selection))
        self._url = url
        self._has_token = credential is not None
        self._app = AppTokens(url, credential, ca=ca, pause=pause) if isinstance(credential, AppKey) else None
        tokens: Tokens = self._app or OneToken(credential if isinstance(credential, str) else None)
        self._connection = Connection(url, tokens, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause)
        self._host = _host_of(url)
        self._catalogue = Catalogue(self._connection)
        self._nodes: dict[str, str] = {}

    def list_repositories(self, only: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories that the config selects, or only those in `only` if it is not empty.

        Names are compared without regard to case, as GitHub does. Each repository is yielded once for each of its base
        branches, with the name that it has now: a renamed one is found by its old name.
        """
        yield from each_once(self._find(frozenset(name.lower() for name in only)))

    def open_tree(self, repository: GitRepository) -> ListedTree:
        """Return the tree of the base branch's commit. Raises TreeError."""
        if repository.commit is None:
            raise TreeError(f"{repository.name}: the default branch has no commit")
        return open_tree(self._remote(repository.name), repository.commit)

    def get_forge(self, repository: GitRepository) -> GitHubForge:
        """Return the forge operations for one repository."""
        return GitHubForge(self._remote(repository.name), repository, self._dispatch)

    def get_dashboard(self, repository: GitRepository) -> GitHubDashboard:
        """Return the dashboard of one repository."""
        return GitHubDashboard(self._remote(repository.name))

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:
        """Identify the token, list the selected repositories, and check the rights on them."""
        examination = GitHubExamination(self._connection, self._url, self._app, self._has_token, bool(self._dispatch))
        credential, check = examination.who()
        yield check
        found = self.list_repositories(frozenset())
        yield from examined(self._url, found, lambda repository: examination.rights(credential, repository, aim))

    def _find(self, wanted: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        yield from self._named([name for name in self._names if not wanted or name.lower() in wanted])
        for selection in self._selections:
            yield from self._selected(selection, wanted)
        if self._app is not None and not self._names and not self._selections:
            yield from self._installed(self._app, wanted)

    def _installed(self, app: AppTokens, wanted: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories of all installations of an App."""
        try:
            owners = app.owners()
        except RefusedError as refusal:
            yield RunFailure(self._url, FailureStage.SURVEY, str(refusal))
            return
        if not owners:
            what = "no account installed the App; hint: install it where the repositories are"
            yield RunFailure(self._url, FailureStage.SURVEY, what)
        for owner in owners:
            yield from self._selected(Selection(owner), wanted)

    def _named(self, names: Sequence[str]) -> Iterator[GitRepository | RunFailure]:
        for name, found in self._catalogue.named(names).items():
            if isinstance(found, RefusedError):
                yield RunFailure(name, FailureStage.SURVEY, str(found))
                continue
            known_as = name if found.name.lower() != name.lower() else None
            for each in self._look(found):
                yield each if isinstance(each, RunFailure) else replace(each, configured_name=known_as)

    def _selected(self, selection: Selection, wanted: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        names = selection.among(wanted)
        if wanted and not names:
            return
        try:
            listed = self._listed(selection, names)
        except RefusedError as refusal:
            yield RunFailure(selection.owner, FailureStage.SURVEY, str(refusal))
            return
        for found in (each for one in listed for each in self._look(one)):
            if isinstance(found, RunFailure):
                yield found
            elif found.commit is not None or self._base_branches:
                yield replace(found, is_selected_by_owner=True)

    def _listed(self, selection: Selection, names: Sequence[str]) -> list[Listed]:
        """Return the selected repositories of an owner, or only those in `names`. Raises RefusedError.

        For an App the list of its installation decides: the App may see other repositories, but not write to them.
        """
        if self._app is not None or not names:
            asked_for = frozenset(names)
            return self._catalogue.owned(
                selection.owner,
                lambda each: _is_selected(each, selection) and (not asked_for or each.name.lower() in asked_for),
            )
        found = self._catalogue.named(names).values()
        for each in found:  # a repository that does not exist is not selected, either
            if isinstance(each, RefusedError) and each.status != NOT_FOUND:
                raise each
        return [each for each in found if isinstance(each, Listed) and _is_selected(each, selection)]

    def _look(self, listed: Listed) -> list[GitRepository | RunFailure]:
        """Return a repository once for each of its base branches; once without any if no branch matches."""
        self._nodes[listed.name] = listed.node
        default, head = listed.default_branch, listed.head
        branches = Branches(self._remote(listed.name))
        try:
            if self._base_branches:
                prefixes = [get_literal_prefix(glob) for glob in self._base_branches]
                heads = {branch: commit for each in prefixes for branch, commit in branches.heads(each).items()}
                bases = [(branch, heads[branch]) for branch in match_branches(self._base_branches, heads)]
            else:
                head = branches.head(default) if default is not None and head is None else head
                bases = [(default, head)] if default is not None and head is not None else []
        except RefusedError as refusal:
            return [RunFailure(listed.name, FailureStage.SURVEY, str(refusal))]
        found = GitRepository(KIND, listed.name, None, None, host=self._host, is_public=listed.is_public)
        return [
            replace(found, base_branch=branch, commit=commit, is_default_base=branch == default)
            for branch, commit in bases
        ] or [found]

    def _remote(self, name: str) -> Remote:
        return Remote(self._connection, name, self._nodes.get(name))


def _host_of(api: str) -> str:
    """Return the host that git clones from, for the URL of an API.

    https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api lists the URLs of all kinds.
    """
    host = urlsplit(api).netloc.lower()
    return host.removeprefix("api.") if host == "api.github.com" or host.endswith(".ghe.com") else host


def _is_selected(listed: Listed, selection: Selection) -> bool:
    return not listed.is_dead and selection.takes(listed.name, listed.topics)
