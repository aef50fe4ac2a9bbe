"""The diagnosis of a token's rights on GitHub, which changes nothing.

The required permissions depend on the level of a run. How the permissions are checked depends on the kind of token.
GitHub reports the scopes of classic tokens, but not the permissions of other tokens. The permissions of an App are
checked by requesting tokens that are never used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, assert_never

from github import Github

from bot.forges.github.app import AppTokens
from bot.forges.github.connection import GitHubConnection, GitHubRemote
from bot.forges.github.github_errors import (
    ACTIONS_WRITE,
    ADMINISTRATION_READ,
    CONTENTS_READ,
    CONTENTS_WRITE,
    ISSUES_WRITE,
    PULLS_READ,
    PULLS_WRITE,
    STATUSES_WRITE,
    WORKFLOWS_WRITE,
    translate_errors,
)
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.refusal import FORBIDDEN, RefusedError
from bot.forges.hosted.server_examination import check_reading
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.vocabulary import RunLevel

REPO, PUBLIC_REPO, WORKFLOW = "repo", "public_repo", "workflow"
"""Scopes of classic tokens.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps#available-scopes
"""


@dataclass(frozen=True, slots=True)
class PermissionNeed:
    """An action that a run performs in a repository, with the permission that the action requires."""

    action: str
    permission: str
    """The name of the permission in the settings of an App or a fine-grained token."""
    alternative: str = ""
    """A setting that makes the permission unnecessary; it is appended to the hint."""


NEEDS_BY_LEVEL: Mapping[RunLevel, tuple[PermissionNeed, ...]] = {
    RunLevel.REPORT: (PermissionNeed("read files", CONTENTS_READ), PermissionNeed("read pull requests", PULLS_READ)),
    RunLevel.PUSH: (PermissionNeed("push branches", CONTENTS_WRITE),),
    RunLevel.PROPOSE: (PermissionNeed("open pull requests", PULLS_WRITE),),
}
"""The permissions that each level requires in addition to those of lower levels, as in `docs/forge-github.md`."""
STATUS_NEED = PermissionNeed("set the status of commits", STATUSES_WRITE, ", or set `proposals: {status: false}`")
DASHBOARD_NEED = PermissionNeed("write the dashboard", ISSUES_WRITE, ", or set `proposals: {dashboard: false}`")

DISPATCH_NEED = PermissionNeed("start workflows", ACTIONS_WRITE, ", or remove `dispatch`")


def list_write_needs(target: DiagnosisTarget, *, starts_workflows: bool) -> Iterator[PermissionNeed]:
    """Yield the writing actions that a run performs at the target's level, with the required permissions.

    Reading actions are not included, because the diagnosis checks reading by reading.

    Args:
        target: The kind of run, which has a level (report, push or propose).
        starts_workflows: True if the config names workflows that basebump starts. This needs another permission.
    """
    for level in (RunLevel.PUSH, RunLevel.PROPOSE):
        if level <= target.level:
            yield from NEEDS_BY_LEVEL[level]
    if target.level is RunLevel.PROPOSE:
        if target.sets_commit_status:
            yield STATUS_NEED
        if target.has_dashboards:
            yield DASHBOARD_NEED
        if starts_workflows:
            yield DISPATCH_NEED


@dataclass(frozen=True, slots=True)
class ClassicToken:
    """A classic personal access token, whose scopes GitHub reports."""

    login: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class FineGrainedToken:
    """A fine-grained token of an account.

    GitHub reports the rights of the account, but not the permissions of the token. The token never has more rights than
    its account, but can have fewer.
    """

    login: str


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """A token of an App's installation, such as the `GITHUB_TOKEN` of a job.

    GitHub reports neither the permissions of such a token nor the App that it belongs to.
    """


@dataclass(frozen=True, slots=True)
class AppCredential:
    """An App with its private key. Its installations refuse to issue tokens with permissions that they lack."""

    tokens: AppTokens = field(repr=False)
    login: str


@dataclass(frozen=True, slots=True)
class NoToken:
    """The config has no token."""


Credential = ClassicToken | FineGrainedToken | InstallationToken | AppCredential | NoToken


_JOB_SETTING = '"Allow GitHub Actions to create and approve pull requests"'
_CI_HINT = "give the token the permissions `checks: read` and `statuses: read`"
_LEFT_OUT_HINT = "without it, changes in .github/workflows are left out and named"


@dataclass(frozen=True, slots=True)
class GitHubExamination:
    """Diagnoses the rights of one token on one GitHub server."""

    connection: GitHubConnection = field(repr=False)
    url: str
    app: AppTokens | None = field(repr=False)
    has_token: bool
    starts_workflows: bool
    """True if the config names workflows that basebump starts."""

    def identify_token(self) -> tuple[Credential, Check]:
        """Return the kind of the token with its account, and the result to show for this check.

        Raises RefusedError if the token is invalid or the server does not respond.

        https://docs.github.com/en/rest/users/users#get-the-authenticated-user
        """
        action = "identify the token"
        if self.app is not None:
            login = self.app.get_bot_login()
            return AppCredential(self.app, login), report_ok(
                self.url, action, f"the key of the App is valid; its account is {login}"
            )
        if not self.has_token:
            self.connection.read("answer without a token", lambda client: client.get_rate_limit())
            return NoToken(), report_ok(
                self.url, action, "no token is configured, and GitHub allows requests without a token"
            )
        try:
            login, scopes = self.connection.read(action, _fetch_login_and_scopes)
        except RefusedError as refusal:
            if refusal.status != FORBIDDEN or refusal.retry_after is not None:
                raise
            return InstallationToken(), report_ok(
                self.url, action, "the token belongs to an installation of an App, such as the token of a job"
            )
        if scopes is None:
            return FineGrainedToken(login), report_ok(self.url, action, f"the token is a fine-grained token of {login}")
        return ClassicToken(login, scopes), report_ok(
            self.url, action, f"the token is a classic token of {login} with {_format_scopes(scopes)}"
        )

    def check_repository(
        self, credential: Credential, hosted: HostedRepository, base_branch: str | None, target: DiagnosisTarget
    ) -> Iterator[Check]:
        """Check the token's rights in one repository, and yield a result for each required right.

        Which rights are required depends on the level in `target`. `credential` is the result of `identify_token`. If
        `base_branch` is None, reading files is not checked.
        """
        remote = GitHubRemote(self.connection, hosted.name)
        yield from check_reading(
            hosted,
            base_branch,
            request_noun="pull requests",
            list_requests=lambda: remote.read("list the pull requests", _list_first_request, PULLS_READ),
            target=target,
            ci_hint=_CI_HINT,
        )
        if target.level >= RunLevel.PUSH:
            yield from self._check_writing(credential, remote, target)

    def _check_writing(self, credential: Credential, remote: GitHubRemote, target: DiagnosisTarget) -> Iterator[Check]:
        try:
            repository_data = self.connection.read(
                f"read {remote.name}", _fetch_repository(remote.name), about=remote.name
            )
            with translate_errors(remote.name):
                is_archived, is_public = bool(repository_data["archived"]), not repository_data["private"]
                may_push = (repository_data.get("permissions") or {}).get("push", True)
        except RefusedError as refusal:
            yield report_problem(remote.name, "write to the repository", str(refusal))
            return
        if is_archived:
            message = "the repository is archived; hint: unarchive it, or remove it from the config"
            yield report_problem(remote.name, "write to the repository", message)
            return
        for need in list_write_needs(target, starts_workflows=self.starts_workflows):
            yield _check_write(credential, remote.name, need, is_public=is_public, may_push=may_push)
        yield _check_workflows(credential, remote.name)
        if target.level is RunLevel.PROPOSE and isinstance(credential, InstallationToken):
            yield self._check_job_setting(remote.name)

    def _check_job_setting(self, name: str) -> Check:
        """Check the setting of the repository that allows the token of a job to open pull requests.

        https://docs.github.com/en/rest/actions/permissions
        """
        action = "open pull requests with a job's own token"
        address = f"/repos/{name}/actions/permissions/workflow"
        hint = "check it in the repository's settings under Actions"
        try:
            settings = self.connection.read("read a setting", _fetch_json(address), ADMINISTRATION_READ, about=name)
            with translate_errors(name):
                is_on = bool(settings["can_approve_pull_request_reviews"])
        except RefusedError:
            return report_unknown(
                name, action, f"the token is not allowed to read the setting {_JOB_SETTING}; hint: {hint}"
            )
        if is_on:
            return report_ok(name, action, f"{_JOB_SETTING} is on")
        return report_unknown(
            name, action, f"{_JOB_SETTING} is off; this matters only if basebump uses the `GITHUB_TOKEN` of a job"
        )


def _check_write(credential: Credential, name: str, need: PermissionNeed, *, is_public: bool, may_push: bool) -> Check:
    """Check whether the token has the permission that `need` names, in the repository `name`.

    GitHub does not report the permissions of fine-grained tokens and of installation tokens. For such a token, the
    result is usually "unknown", with a hint to check the permission by hand.

    Args:
        credential: The token.
        name: The repository.
        need: The writing action and its permission.
        is_public: True if the repository is public, so that a classic token needs only the scope `public_repo`.
        may_push: False if GitHub reports that the token's account is not allowed to push to the repository.
    """
    match credential:
        case AppCredential(tokens):
            try:
                tokens.get_token(name, need.permission)
            except RefusedError as refusal:
                return report_problem(name, need.action, f"{refusal}{need.alternative}")
            return report_ok(name, need.action, f"the installation has `{need.permission}`")
        case ClassicToken(login, scopes):
            if REPO not in scopes and not (is_public and PUBLIC_REPO in scopes):
                needed_scopes = f"`{REPO}`" if not is_public else f"`{REPO}` or `{PUBLIC_REPO}`"
                return report_problem(
                    name,
                    need.action,
                    f"the token has {_format_scopes(scopes)}, which is not sufficient; hint: create a token with "
                    f"{needed_scopes}",
                )
            return (
                report_ok(name, need.action, "the token's scopes allow it")
                if may_push
                else _report_no_access(name, need, login)
            )
        case FineGrainedToken(login):
            if not may_push:
                return _report_no_access(name, need, login)
            message = (
                "GitHub does not report the rights of fine-grained tokens; hint: check that the token has "
                f"`{need.permission}`"
            )
            return report_unknown(name, need.action, f"{message}{need.alternative}")
        case InstallationToken():
            message = (
                f"GitHub does not report the rights of this token; hint: check that the token has `{need.permission}`"
            )
            return report_unknown(name, need.action, f"{message}{need.alternative}")
        case NoToken():
            return report_problem(
                name, need.action, "no token is configured, but basebump needs a token to write; hint: set `token_env`"
            )
    assert_never(credential)


def _report_no_access(name: str, need: PermissionNeed, login: str) -> Check:
    return report_problem(
        name,
        need.action,
        f"{login} is not allowed to write to the repository; hint: give {login} the role Write in the repository"
        f"{need.alternative}",
    )


def _check_workflows(credential: Credential, name: str) -> Check:
    """Check whether the token can change workflow files.

    If the token cannot change them, the result is "unknown" instead of "problem". A token without this right is usable,
    because a run can leave out changes of workflow files.
    """
    action, hint = "change workflow files", f"hint: check that the token has `{WORKFLOWS_WRITE}`; {_LEFT_OUT_HINT}"
    match credential:
        case AppCredential(tokens):
            try:
                tokens.get_token(name, WORKFLOWS_WRITE)
            except RefusedError:
                return report_unknown(
                    name,
                    action,
                    f"the installation of the App lacks the permission `{WORKFLOWS_WRITE}`; {_LEFT_OUT_HINT}",
                )
            return report_ok(name, action, f"the installation has `{WORKFLOWS_WRITE}`")
        case ClassicToken(_, scopes):
            if WORKFLOW in scopes:
                return report_ok(name, action, "the token's scopes allow it")
            return report_unknown(name, action, f"the token lacks the scope `{WORKFLOW}`; {_LEFT_OUT_HINT}")
        case FineGrainedToken():
            return report_unknown(name, action, f"GitHub does not report the rights of fine-grained tokens; {hint}")
        case InstallationToken():
            message = f"the token of a job cannot do this; other tokens can with `{WORKFLOWS_WRITE}`; {_LEFT_OUT_HINT}"
            return report_unknown(name, action, message)
        case NoToken():
            return report_unknown(name, action, _LEFT_OUT_HINT)
    assert_never(credential)


def _fetch_login_and_scopes(client: Github) -> tuple[str, frozenset[str] | None]:
    """Return the login of the token's account, and the scopes of the token.

    The scopes are None for a fine-grained token, because GitHub reports scopes only for classic tokens.
    """
    login = client.get_user().login
    scopes = client.oauth_scopes
    return login, frozenset(filter(None, scopes)) if scopes is not None else None


def _list_first_request(repository: Any) -> list[Any]:
    return list(islice(repository.get_pulls(state="open"), 1))


def _fetch_repository(name: str) -> Callable[[Github], Any]:
    return _fetch_json(f"/repos/{name}")


def _fetch_json(address: str) -> Callable[[Github], Any]:
    def fetch(client: Github) -> Any:
        _, answer = client.requester.requestJsonAndCheck("GET", address)
        return answer

    return fetch


def _format_scopes(scopes: frozenset[str]) -> str:
    return "the scopes " + ", ".join(f"`{scope}`" for scope in sorted(scopes)) if scopes else "no scope"
