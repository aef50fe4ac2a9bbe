"""Diagnose the rights of a token on GitHub by reading alone; for an App, by requesting tokens that are never used."""

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
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.errors import ForgeError
from bot.model.forge import GitRepository
from bot.model.vocabulary import RunLevel

_SETTING = '"Allow GitHub Actions to create and approve pull requests"'
_LEFT_OUT = "without it, changes in .github/workflows are left out and named"


@dataclass(frozen=True, slots=True)
class GitHubExamination:
    """Diagnoses one GitHub server with the rights of a token."""

    connection: Connection = field(repr=False)
    url: str
    app: AppTokens | None = field(repr=False)
    has_token: bool
    dispatches: bool
    """True if the config names workflows that basebump must start."""

    def who(self) -> tuple[Credential, Check]:
        """Identify the account and the kind of the token, with the diagnostic result.

        Raises RefusedError if the token is invalid or the server does not answer.
        https://docs.github.com/en/rest/users/users#get-the-authenticated-user
        """
        tried = "identify the token"
        if self.app is not None:
            login = self.app.bot()
            return App(self.app, login), report_ok(
                self.url, tried, f"the key of the App is valid; its account is {login}"
            )
        if not self.has_token:
            self.connection.read("answer without a token", lambda client: client.get_rate_limit())
            return Nobody(), report_ok(self.url, tried, "there is no token, and GitHub answers without one")
        try:
            login, scopes = self.connection.read(tried, _whose)
        except RefusedError as refusal:
            if refusal.status != FORBIDDEN or refusal.wait is not None:
                raise
            return Lent(), report_ok(self.url, tried, "it is a token of an App's installation, such as that of a job")
        if scopes is None:
            return Personal(login), report_ok(self.url, tried, f"it is a fine-grained token of {login}")
        return Classic(login, scopes), report_ok(
            self.url, tried, f"it is a classic token of {login} with {_listed(scopes)}"
        )

    def rights(self, credential: Credential, repository: GitRepository, aim: DiagnosisTarget) -> Iterator[Check]:
        """Yield the rights of the token on one repository, as far as runs at the target's level need them."""
        remote = Remote(self.connection, repository.name)
        files, requests = RUNGS[RunLevel.REPORT]
        branch = repository.base_branch
        if branch is not None:
            yield _tried(remote, files, lambda: Branches(remote).head(branch))
        yield _tried(remote, requests, lambda: remote.read("list the pull requests", _first_pull, PULLS_READ))
        if aim.has_dashboards:
            yield _tried(remote, Need("read the dashboard", ""), GitHubDashboard(remote).read)
        if aim.level >= RunLevel.PUSH:
            yield from self._writing(credential, remote, aim)

    def _writing(self, credential: Credential, remote: Remote, aim: DiagnosisTarget) -> Iterator[Check]:
        try:
            described = self.connection.read(f"read {remote.name}", _describe(remote.name), about=remote.name)
            with understood(remote.name):
                is_archived, is_public = bool(described["archived"]), not described["private"]
                may_push = (described.get("permissions") or {}).get("push", True)
        except RefusedError as refusal:
            yield report_problem(remote.name, "write to the repository", str(refusal))
            return
        if is_archived:
            what = "the repository is archived; hint: unarchive it, or remove it from the config"
            yield report_problem(remote.name, "write to the repository", what)
            return
        for need in writes_of(aim, dispatches=self.dispatches):
            yield _writes(credential, remote.name, need, is_public=is_public, may_push=may_push)
        yield _workflows(credential, remote.name)
        if aim.level is RunLevel.PROPOSE and isinstance(credential, Lent):
            yield self._setting(remote.name)

    def _setting(self, name: str) -> Check:
        """Check whether the token of a job may open requests: https://docs.github.com/en/rest/actions/permissions."""
        tried = "open pull requests with a job's own token"
        address = f"/repos/{name}/actions/permissions/workflow"
        look = f"check in its settings under Actions that {_SETTING} is on"
        try:
            found = self.connection.read("read a setting", _get(address), ADMINISTRATION_READ, about=name)
            with understood(name):
                is_on = bool(found["can_approve_pull_request_reviews"])
        except RefusedError:
            return report_unknown(name, tried, f"the token may not read that setting; hint: {look}")
        if is_on:
            return report_ok(name, tried, f"{_SETTING} is on")
        return report_unknown(name, tried, f"{_SETTING} is off, which matters only for the `GITHUB_TOKEN` of a job")


def _writes(credential: Credential, name: str, need: Need, *, is_public: bool, may_push: bool) -> Check:
    """Check whether a token may write to a repository, which GitHub does not report for all kinds of tokens."""
    match credential:
        case App(tokens):
            try:
                tokens.token(name, need.permission)
            except RefusedError as refusal:
                return report_problem(name, need.does, f"{refusal}{need.without}")
            return report_ok(name, need.does, f"the installation has `{need.permission}`")
        case Classic(login, scopes):
            if REPO not in scopes and not (is_public and PUBLIC_REPO in scopes):
                takes = f"`{REPO}`" if not is_public else f"`{REPO}` or `{PUBLIC_REPO}`"
                return report_problem(
                    name, need.does, f"the token has {_listed(scopes)}; hint: create one with {takes}"
                )
            return report_ok(name, need.does, "its scopes allow it") if may_push else _may_not(name, need, login)
        case Personal(login):
            if not may_push:
                return _may_not(name, need, login)
            what = (
                f"GitHub does not report the rights of fine-grained tokens; hint: check that it has `{need.permission}`"
            )
            return report_unknown(name, need.does, f"{what}{need.without}")
        case Lent():
            what = f"GitHub does not report the rights of this token; hint: check that it has `{need.permission}`"
            return report_unknown(name, need.does, f"{what}{need.without}")
        case Nobody():
            return report_problem(name, need.does, "there is no token, and writing takes one; hint: set `token_env`")
    assert_never(credential)


def _may_not(name: str, need: Need, login: str) -> Check:
    return report_problem(
        name, need.does, f"{login} may not write to it; hint: give {login} the role Write there{need.without}"
    )


def _workflows(credential: Credential, name: str) -> Check:
    """Check whether workflow files can be changed; a run that cannot change them leaves them out."""
    tried, missing = "change workflow files", f"hint: check that it has `{WORKFLOWS_WRITE}`; {_LEFT_OUT}"
    match credential:
        case App(tokens):
            try:
                tokens.token(name, WORKFLOWS_WRITE)
            except RefusedError:
                return report_unknown(name, tried, f"the installation lacks `{WORKFLOWS_WRITE}`; {_LEFT_OUT}")
            return report_ok(name, tried, f"the installation has `{WORKFLOWS_WRITE}`")
        case Classic(_, scopes):
            if WORKFLOW in scopes:
                return report_ok(name, tried, "its scopes allow it")
            return report_unknown(name, tried, f"the token lacks the scope `{WORKFLOW}`; {_LEFT_OUT}")
        case Personal():
            return report_unknown(name, tried, f"GitHub does not report the rights of fine-grained tokens; {missing}")
        case Lent():
            what = f"the token of a job never can; others can with `{WORKFLOWS_WRITE}`; {_LEFT_OUT}"
            return report_unknown(name, tried, what)
        case Nobody():
            return report_unknown(name, tried, _LEFT_OUT)
    assert_never(credential)


def _tried(remote: Remote, need: Need, call: Callable[[], object]) -> Check:
    """Check whether a read request is answered."""
    try:
        call()
    except ForgeError as error:
        return report_problem(remote.name, need.does, str(error))
    return report_ok(remote.name, need.does, "the request was answered")


def _whose(client: Github) -> tuple[str, frozenset[str] | None]:
    """Return the login of the token's account, and its scopes; None for fine-grained tokens, which have no scopes."""
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
