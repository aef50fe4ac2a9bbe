"""The repositories of one GitHub: github.com or an Enterprise Server, by PyGithub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bot.core.proposal.base_branches import beginning, chosen
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
from bot.model.diagnosis import Aim, Check
from bot.model.errors import TreeError
from bot.model.forge import GitRepository
from bot.model.report import Failed
from bot.model.vocabulary import Stage

__all__ = ["API", "KIND", "AppKey", "GitHubFleet", "InvalidKeyError"]

KIND = "github"
API = "https://api.github.com"


class GitHubFleet:
    """The repositories that a config names one by one or by owner, on one GitHub.

    May be used from several threads: each has a client of its own.
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
        """Offer what is `selected`: repositories by their names (`owner/name`), then those of owners.

        `url` is that of the REST API (`https://HOST/api/v3` on an Enterprise Server), `credential` a token or the key
        of an App, `base_branches` globs (without any it is the default branch), `dispatch`
        file names of workflows to be started on the branch of each proposal, `ca` a file of certificates to trust
        instead of the usual ones, `pause` what waits. An App for which nothing is selected offers all that its
        installations include.
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

    def repositories(self, only: frozenset[str]) -> Iterator[GitRepository | Failed]:
        """Yield what the config selects, or of that only the names in `only` when it is not empty.

        GitHub does not tell upper from lower case in names, so neither does this. Each repository is yielded once, as
        GitHub spells it.
        """
        yield from each_once(self._find(frozenset(name.lower() for name in only)))

    def tree(self, repository: GitRepository) -> ListedTree:
        """Return the tree of the base branch's commit. Raises TreeError."""
        if repository.commit is None:
            raise TreeError(f"{repository.name} has no commit on its default branch")
        return open_tree(self._remote(repository.name), repository.commit)

    def forge(self, repository: GitRepository) -> GitHubForge:
        """Return the verbs for one repository."""
        return GitHubForge(self._remote(repository.name), repository, self._dispatch)

    def dashboard(self, repository: GitRepository) -> GitHubDashboard:
        """Return the verbs for its one issue."""
        return GitHubDashboard(self._remote(repository.name))

    def examine(self, aim: Aim) -> Iterator[Check]:
        """Ask whose the token is, look for what the config selects, and try what may be done there."""
        examination = GitHubExamination(self._connection, self._url, self._app, self._has_token, bool(self._dispatch))
        credential, check = examination.who()
        yield check
        found = self.repositories(frozenset())
        yield from examined(self._url, found, lambda repository: examination.rights(credential, repository, aim))

    def _find(self, wanted: frozenset[str]) -> Iterator[GitRepository | Failed]:
        yield from self._named([name for name in self._names if not wanted or name.lower() in wanted])
        for selection in self._selections:
            yield from self._selected(selection, wanted)
        if self._app is not None and not self._names and not self._selections:
            yield from self._installed(self._app, wanted)

    def _installed(self, app: AppTokens, wanted: frozenset[str]) -> Iterator[GitRepository | Failed]:
        """Yield what all installations of an App include."""
        try:
            owners = app.owners()
        except RefusedError as refusal:
            yield Failed(self._url, Stage.SURVEY, str(refusal))
            return
        if not owners:
            what = "nobody installed the App; install it where the repositories are"
            yield Failed(self._url, Stage.SURVEY, what)
        for owner in owners:
            yield from self._selected(Selection(owner), wanted)

    def _named(self, names: Sequence[str]) -> Iterator[GitRepository | Failed]:
        for name, found in self._catalogue.named(names).items():
            if isinstance(found, RefusedError):
                yield Failed(name, Stage.SURVEY, str(found))
                continue
            known_as = name if found.name.lower() != name.lower() else None
            for each in self._look(found):
                yield each if isinstance(each, Failed) else replace(each, known_as=known_as)

    def _selected(self, selection: Selection, wanted: frozenset[str]) -> Iterator[GitRepository | Failed]:
        names = selection.among(wanted)
        if wanted and not names:
            return
        try:
            listed = self._listed(selection, names)
        except RefusedError as refusal:
            yield Failed(selection.owner, Stage.SURVEY, str(refusal))
            return
        for found in (each for one in listed for each in self._look(one)):
            if isinstance(found, Failed):
                yield found
            elif found.commit is not None or self._base_branches:
                yield replace(found, is_selected=True)

    def _listed(self, selection: Selection, names: Sequence[str]) -> list[Listed]:
        """Return what an owner has, or of that only `names` where there are some. Raises RefusedError.

        An App may see what its installation does not include, and can do nothing there, so for it the list counts.
        """
        if self._app is not None or not names:
            asked_for = frozenset(names)
            return self._catalogue.owned(
                selection.owner,
                lambda each: _is_selected(each, selection) and (not asked_for or each.name.lower() in asked_for),
            )
        found = self._catalogue.named(names).values()
        for each in found:  # what is not there is not selected, either
            if isinstance(each, RefusedError) and each.status != NOT_FOUND:
                raise each
        return [each for each in found if isinstance(each, Listed) and _is_selected(each, selection)]

    def _look(self, listed: Listed) -> list[GitRepository | Failed]:
        """Return a repository as it stands, once for each of its base branches; without any where it has none."""
        self._nodes[listed.name] = listed.node
        default, head = listed.default_branch, listed.head
        branches = Branches(self._remote(listed.name))
        try:
            if self._base_branches:
                prefixes = [beginning(glob) for glob in self._base_branches]
                heads = {branch: commit for each in prefixes for branch, commit in branches.heads(each).items()}
                bases = [(branch, heads[branch]) for branch in chosen(self._base_branches, heads)]
            else:
                head = branches.head(default) if default is not None and head is None else head
                bases = [(default, head)] if default is not None and head is not None else []
        except RefusedError as refusal:
            return [Failed(listed.name, Stage.SURVEY, str(refusal))]
        found = GitRepository(KIND, listed.name, None, None, host=self._host, is_public=listed.is_public)
        return [
            replace(found, base_branch=branch, commit=commit, is_default_base=branch == default)
            for branch, commit in bases
        ] or [found]

    def _remote(self, name: str) -> Remote:
        return Remote(self._connection, name, self._nodes.get(name))


def _host_of(api: str) -> str:
    """Return the host that git clones from, where its API is at `api`.

    https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api has those of all kinds.
    """
    host = urlsplit(api).netloc.lower()
    return host.removeprefix("api.") if host == "api.github.com" or host.endswith(".ghe.com") else host


def _is_selected(listed: Listed, selection: Selection) -> bool:
    return not listed.is_dead and selection.takes(listed.name, listed.topics)
