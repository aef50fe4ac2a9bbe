"""Tries what a token may do on GitHub, by reading alone; an App's by borrowing tokens that are used for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, assert_never

from github import Github

from bot.forges._refusal import FORBIDDEN, RefusedError
from bot.forges.github.app import AppTokens
from bot.forges.github.connection import Connection, Remote
from bot.forges.github.dashboard import GitHubDashboard
from bot.forges.github.errors import ADMINISTRATION_READ, PULLS_READ, WORKFLOWS_WRITE, understood
from bot.forges.github.refs import Branches
from bot.forges.github.rights import (
    PUBLIC_REPO,
    REPO,
    RUNGS,
    WORKFLOW,
    App,
    Classic,
    Credential,
    Lent,
    Need,
    Nobody,
    Personal,
    writes_of,
)
from bot.model.diagnosis import Aim, Check, cannot_tell, ok, problem
from bot.model.errors import ForgeError
from bot.model.forge import GitRepository
from bot.model.vocabulary import Level

_SETTING = '"Allow GitHub Actions to create and approve pull requests"'
_LEFT_OUT = "without it, what must change in .github/workflows is left out and named"


@dataclass(frozen=True, slots=True)
class GitHubExamination:
    """One GitHub, as a token sees it."""

    connection: Connection = field(repr=False)
    url: str
    app: AppTokens | None = field(repr=False)
    has_token: bool
    dispatches: bool
    """Whether workflows are to be started."""

    def who(self) -> tuple[Credential, Check]:
        """Return whose the token is and of which kind. Raises RefusedError where it is none, or nobody can be asked.

        https://docs.github.com/en/rest/users/users#get-the-authenticated-user
        """
        tried = "tell whose token it is"
        if self.app is not None:
            login = self.app.bot()
            return App(self.app, login), ok(self.url, tried, f"the App's key is good; it is {login}")
        if not self.has_token:
            self.connection.read("ask without a token", lambda client: client.get_rate_limit())
            return Nobody(), ok(self.url, tried, "there is none, and GitHub answers without one")
        try:
            login, scopes = self.connection.read(tried, _whose)
        except RefusedError as refusal:
            if refusal.status != FORBIDDEN or refusal.wait is not None:
                raise
            return Lent(), ok(self.url, tried, "it is one that an App's installation lent, such as that of a job")
        if scopes is None:
            return Personal(login), ok(self.url, tried, f"it is a fine-grained token of {login}")
        return Classic(login, scopes), ok(self.url, tried, f"it is a classic token of {login} with {_listed(scopes)}")

    def rights(self, credential: Credential, repository: GitRepository, aim: Aim) -> Iterator[Check]:
        """Yield what the token may do in one repository, as far as the aim needs it."""
        remote = Remote(self.connection, repository.name)
        files, requests = RUNGS[Level.REPORT]
        branch = repository.base_branch
        if branch is not None:
            yield _tried(remote, files, lambda: Branches(remote).head(branch))
        yield _tried(remote, requests, lambda: remote.read("list the pull requests", _first_pull, PULLS_READ))
        if aim.has_dashboards:
            yield _tried(remote, Need("read the dashboard", ""), GitHubDashboard(remote).read)
        if aim.level >= Level.PUSH:
            yield from self._writing(credential, remote, aim)

    def _writing(self, credential: Credential, remote: Remote, aim: Aim) -> Iterator[Check]:
        try:
            described = self.connection.read(f"look at {remote.name}", _describe(remote.name), about=remote.name)
            with understood(remote.name):
                is_archived, is_public = bool(described["archived"]), not described["private"]
                may_push = (described.get("permissions") or {}).get("push", True)
        except RefusedError as refusal:
            yield problem(remote.name, "write to it", str(refusal))
            return
        if is_archived:
            what = "the repository is archived; unarchive it, or remove it from the config"
            yield problem(remote.name, "write to it", what)
            return
        for need in writes_of(aim, dispatches=self.dispatches):
            yield _writes(credential, remote.name, need, is_public=is_public, may_push=may_push)
        yield _workflows(credential, remote.name)
        if aim.level is Level.PROPOSE and isinstance(credential, Lent):
            yield self._setting(remote.name)

    def _setting(self, name: str) -> Check:
        """Say whether a job's own token may open requests: https://docs.github.com/en/rest/actions/permissions."""
        tried = "open pull requests with a job's own token"
        address = f"/repos/{name}/actions/permissions/workflow"
        look = f"see in its settings under Actions whether {_SETTING} is on"
        try:
            found = self.connection.read("read a setting", _get(address), ADMINISTRATION_READ, about=name)
            with understood(name):
                is_on = bool(found["can_approve_pull_request_reviews"])
        except RefusedError:
            return cannot_tell(name, tried, f"the token may not read that; {look}")
        if is_on:
            return ok(name, tried, f"{_SETTING} is on")
        return cannot_tell(name, tried, f"{_SETTING} is off, which matters to the `GITHUB_TOKEN` of a job alone")


def _writes(credential: Credential, name: str, need: Need, *, is_public: bool, may_push: bool) -> Check:
    """Say whether a token may write something to a repository, which GitHub does not tell of all kinds of tokens."""
    match credential:
        case App(tokens):
            try:
                tokens.token(name, need.permission)
            except RefusedError as refusal:
                return problem(name, need.does, f"{refusal}{need.without}")
            return ok(name, need.does, f"the installation has `{need.permission}`")
        case Classic(login, scopes):
            if REPO not in scopes and not (is_public and PUBLIC_REPO in scopes):
                takes = f"`{REPO}`" if not is_public else f"`{REPO}` or `{PUBLIC_REPO}`"
                return problem(name, need.does, f"the token has {_listed(scopes)}; make one that has {takes}")
            return ok(name, need.does, "its scopes let it") if may_push else _may_not(name, need, login)
        case Personal(login):
            if not may_push:
                return _may_not(name, need, login)
            what = f"GitHub does not tell what a fine-grained token may write; see that it has `{need.permission}`"
            return cannot_tell(name, need.does, f"{what}{need.without}")
        case Lent():
            what = f"GitHub does not tell what a lent token may write; see that it has `{need.permission}`"
            return cannot_tell(name, need.does, f"{what}{need.without}")
        case Nobody():
            return problem(name, need.does, "there is no token, without which nothing is written; name one")
    assert_never(credential)


def _may_not(name: str, need: Need, login: str) -> Check:
    return problem(name, need.does, f"{login} may not write to it; give {login} the role Write there{need.without}")


def _workflows(credential: Credential, name: str) -> Check:
    """Say whether workflow files can be changed; a run that cannot goes on without them."""
    tried, missing = "change workflow files", f"see that it has `{WORKFLOWS_WRITE}`; {_LEFT_OUT}"
    match credential:
        case App(tokens):
            try:
                tokens.token(name, WORKFLOWS_WRITE)
            except RefusedError:
                return cannot_tell(name, tried, f"the installation lacks `{WORKFLOWS_WRITE}`; {_LEFT_OUT}")
            return ok(name, tried, f"the installation has `{WORKFLOWS_WRITE}`")
        case Classic(_, scopes):
            if WORKFLOW in scopes:
                return ok(name, tried, "its scopes let it")
            return cannot_tell(name, tried, f"the token lacks the scope `{WORKFLOW}`; {_LEFT_OUT}")
        case Personal():
            return cannot_tell(name, tried, f"GitHub does not tell what a fine-grained token may write; {missing}")
        case Lent():
            return cannot_tell(name, tried, f"that of a job never can, others with `{WORKFLOWS_WRITE}`; {_LEFT_OUT}")
        case Nobody():
            return cannot_tell(name, tried, _LEFT_OUT)
    assert_never(credential)


def _tried(remote: Remote, need: Need, call: Callable[[], object]) -> Check:
    """Say whether a question is answered."""
    try:
        call()
    except ForgeError as error:
        return problem(remote.name, need.does, str(error))
    return ok(remote.name, need.does, "it is answered")


def _whose(client: Github) -> tuple[str, frozenset[str] | None]:
    """Return whom a token belongs to, and its scopes; None for those that have none: fine-grained ones."""
    login = client.get_user().login
    scopes = client.oauth_scopes
    return login, frozenset(filter(None, scopes)) if scopes is not None else None


def _first_pull(repository: Any) -> list[Any]:
    return list(islice(repository.get_pulls(state="open"), 1))


def _describe(name: str) -> Callable[[Github], Any]:
    return _get(f"/repos/{name}")


def _get(address: str) -> Callable[[Github], Any]:
    def ask(client: Github) -> Any:
        _, answer = client.requester.requestJsonAndCheck("GET", address)
        return answer

    return ask


def _listed(scopes: frozenset[str]) -> str:
    return "the scopes " + ", ".join(f"`{scope}`" for scope in sorted(scopes)) if scopes else "no scope"
