"""The diagnosis of a token's rights on GitLab. The diagnosis only reads.

Each level of a run (report, push, propose) requires a scope of the token, and a role of the token's account in the
project.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import islice
from typing import Any

from gitlab import Gitlab
from gitlab.exceptions import GitlabError
from gitlab.v4.objects import Project

from bot.forges.gitlab.connection import GitLabConnection, GitLabRemote, explain_job_token_limit
from bot.forges.gitlab.gitlab_errors import translate_errors
from bot.forges.gitlab.request_state import LINEAR_METHODS
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.refusal import NOT_FOUND, UNAUTHORIZED, RefusedError
from bot.forges.hosted.server_examination import (
    EXAMPLE_SLUG,
    IDENTIFY_ACTION,
    check_missing_token,
    check_protection,
    check_reading,
)
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.vocabulary import RunLevel

SCOPE_API, SCOPE_READ_API = "api", "read_api"
"""https://docs.gitlab.com/user/profile/personal_access_tokens/#personal-access-token-scopes."""


class ProjectRole(IntEnum):
    """GitLab's default roles, with their access levels as values.

    https://docs.gitlab.com/api/members/#roles
    """

    GUEST = 10
    PLANNER = 15
    REPORTER = 20
    DEVELOPER = 30
    MAINTAINER = 40
    OWNER = 50

    @property
    def display_name(self) -> str:
        return self.name.capitalize()


def get_role_name(level: int) -> str:
    """Return the name of the role with this access level, such as `Developer`.

    If the level is not one of GitLab's default roles, it belongs to a custom role without a known name. The result is
    then `with number LEVEL`.
    """
    return next((role.display_name for role in ProjectRole if role == level), f"with number {level}")


@dataclass(frozen=True, slots=True)
class RequiredAccess:
    """The scope and the role that one level requires."""

    scope: str
    role: ProjectRole

    def is_granted_by(self, scopes: frozenset[str]) -> bool:
        """Return True if a token with these scopes has the required scope. The scope `api` includes `read_api`."""
        return SCOPE_API in scopes or self.scope in scopes


ACCESS_BY_LEVEL: Mapping[RunLevel, RequiredAccess] = {
    RunLevel.REPORT: RequiredAccess(SCOPE_READ_API, ProjectRole.REPORTER),
    RunLevel.PUSH: RequiredAccess(SCOPE_API, ProjectRole.DEVELOPER),
    RunLevel.PROPOSE: RequiredAccess(SCOPE_API, ProjectRole.DEVELOPER),
}
"""The scope and the role for each level, as in `docs/forge-gitlab.md`."""


def is_rule_for_prefix(pattern: str, prefix: str) -> bool:
    """Return True if a rule for protected branches protects at least one branch that begins with `prefix`.

    Args:
        pattern: The branch name in the rule, which may contain `*`.
        prefix: The prefix of basebump's branches.

    https://docs.gitlab.com/user/project/repository/branches/protected/#use-wildcard-rules
    """
    literal_prefix = pattern.partition("*")[0]
    expression = ".*".join(map(re.escape, pattern.split("*")))
    return (
        literal_prefix.startswith(prefix) or re.fullmatch(expression, f"{prefix}{EXAMPLE_SLUG}", re.DOTALL) is not None
    )


MAX_RULES = 1000
"""The largest number of rules for protected branches of one project that are read."""
SCOPES_ACTION = "check the scopes of the token"
_WRITE_ACTIONS: Mapping[RunLevel, str] = {
    RunLevel.PUSH: "push branches",
    RunLevel.PROPOSE: "push branches and open merge requests",
}


@dataclass(frozen=True, slots=True)
class GitLabExamination:
    """Diagnoses the rights of one token on one GitLab server."""

    connection: GitLabConnection = field(repr=False)
    url: str
    has_token: bool

    def check_token(self, target: DiagnosisTarget) -> Iterator[Check]:
        """Check which account the token belongs to, and the scopes for the target's level, and yield the results.

        Raises RefusedError if the token is invalid, or if the server does not answer.
        """
        if self.connection.has_job_token:
            yield report_ok(
                self.url, IDENTIFY_ACTION, "it is the token of a CI job, with which basebump can only report"
            )
            if target.level > RunLevel.REPORT:
                yield report_problem(
                    self.url, _WRITE_ACTIONS[target.level], explain_job_token_limit(_WRITE_ACTIONS[target.level])
                )
            return
        account = self.connection.get_account()
        if account.username is None:
            yield from check_missing_token(self.url, "GitLab", target, _WRITE_ACTIONS.get(target.level, ""))
            return
        yield report_ok(self.url, IDENTIFY_ACTION, f"it belongs to {account.username}")
        yield self._check_scopes(target.level)

    def check_repository(
        self, hosted: HostedRepository, base_branch: str | None, target: DiagnosisTarget
    ) -> Iterator[Check]:
        """Check the token's rights in one project, and yield a result for each required right.

        The level in `target` determines the required rights. If `base_branch` is None, reading of files is not checked.

        If the token is that of a CI job, two checks are left out. Reading of files is not checked, because git has
        already read the project with this token. The dashboard is not checked, because such a token cannot read issues.
        """
        remote = GitLabRemote(self.connection, hosted.name)
        is_of_job = self.connection.has_job_token
        yield from check_reading(
            hosted,
            base_branch if not is_of_job else None,
            request_noun="merge requests",
            list_requests=lambda: remote.read("list the merge requests", _list_first_request),
            target=target if not is_of_job else replace(target, has_dashboards=False),
        )
        if target.level > RunLevel.REPORT and self.has_token and not self.connection.has_job_token:
            yield from self._check_writing(remote, target)

    def _check_scopes(self, level: RunLevel) -> Check:
        """Check whether the token has the scopes that a level needs.

        https://docs.gitlab.com/api/personal_access_tokens/#self-inform
        """
        required_access = ACCESS_BY_LEVEL[level]

        def fetch(client: Gitlab) -> Any:
            return client.personal_access_tokens.get("self").attributes

        try:
            with translate_errors(self.url):
                token_data = self.connection.read("read the scopes of the token", fetch)
                scopes, expires_at = frozenset(map(str, token_data["scopes"])), token_data.get("expires_at")
        except RefusedError as refusal:
            if refusal.status not in (UNAUTHORIZED, NOT_FOUND):
                return report_unknown(self.url, SCOPES_ACTION, str(refusal))
            message = (
                f"GitLab does not report the token's scopes; hint: check that the token has `{required_access.scope}`"
            )
            return report_unknown(self.url, SCOPES_ACTION, message)
        scope_list = "the scopes " + ", ".join(f"`{scope}`" for scope in sorted(scopes)) if scopes else "no scope"
        if not required_access.is_granted_by(scopes):
            return report_problem(
                self.url,
                SCOPES_ACTION,
                f"the token has {scope_list}, which is not sufficient; hint: create a token with the scope "
                f"`{required_access.scope}`",
            )
        return report_ok(
            self.url,
            SCOPES_ACTION,
            f"the token has {scope_list}, {f'valid until {expires_at}' if expires_at else 'without an expiry date'}",
        )

    def _check_writing(self, remote: GitLabRemote, target: DiagnosisTarget) -> Iterator[Check]:
        action = _WRITE_ACTIONS[target.level]
        try:
            with translate_errors(remote.name):
                project_data = self.connection.read(
                    f"read {remote.name}", lambda client: client.projects.get(remote.name).attributes
                )
                if project_data.get("archived"):
                    message = "the project is archived; hint: unarchive it, or remove it from the config"
                    yield report_problem(remote.name, action, message)
                    return
                yield self._check_role(remote, target.level)
                yield self._check_protection(remote, target.branch_prefix)
                if target.level is RunLevel.PROPOSE:
                    yield _check_merge_settings(remote.name, project_data)
        except RefusedError as refusal:
            yield report_problem(remote.name, action, str(refusal))

    def _check_role(self, remote: GitLabRemote, level: RunLevel) -> Check:
        """Check whether the account has the role in a project that a level needs.

        Raises RefusedError if an API call fails.

        If the account has a role in a group above the project, GitLab applies this role to the project, and the check
        includes it.

        https://docs.gitlab.com/api/project_members/#get-a-member-of-a-project-including-inherited-and-invited-members
        """
        action, required_role = _WRITE_ACTIONS[level], ACCESS_BY_LEVEL[level].role

        def fetch(client: Gitlab) -> tuple[int | None, bool]:
            client.auth()
            user = client.user.attributes if client.user is not None else {}
            try:
                member = client.projects.get(remote.name, lazy=True).members_all.get(user["id"])
            except GitlabError as error:
                if error.response_code != NOT_FOUND:
                    raise
                return None, bool(user.get("is_admin"))  # GitLab returns this field only to administrators
            return int(member.attributes["access_level"]), bool(user.get("is_admin"))

        access_level, is_admin = self.connection.read(f"read the account's role in {remote.name}", fetch)
        if is_admin:
            return report_ok(remote.name, action, "the token is an administrator's")
        if access_level is None or access_level < required_role:
            finding = "is not a member" if access_level is None else f"has the role {get_role_name(access_level)}"
            return report_problem(
                remote.name,
                action,
                f"the account {finding}; hint: give the account the role {required_role.display_name}",
            )
        return report_ok(remote.name, action, f"the account has the role {get_role_name(access_level)}")

    def _check_protection(self, remote: GitLabRemote, prefix: str) -> Check:
        """Check the rules for protected branches: https://docs.gitlab.com/api/protected_branches/."""

        def fetch(project: Project) -> list[str]:
            return [str(each.name) for each in islice(project.protectedbranches.list(iterator=True), MAX_RULES)]

        return check_protection(
            remote.name,
            prefix,
            lambda: remote.read("list the protected branches", fetch),
            lambda rule: is_rule_for_prefix(rule, prefix),
        )


def _check_merge_settings(name: str, project_data: Mapping[str, Any]) -> Check:
    """Check that a project accepts merge requests. The result also states the project's merge method."""
    action = "check the merge settings"
    is_disabled = project_data.get("merge_requests_access_level") == "disabled"
    if is_disabled or project_data.get("merge_requests_enabled") is False:
        return report_problem(
            name,
            action,
            "the project accepts no merge requests; hint: enable merge requests in the settings of the project",
        )
    description = LINEAR_METHODS.get(str(project_data.get("merge_method")))
    if description is None:
        return report_ok(name, action, "the project merges with merge commits")
    return report_ok(
        name,
        action,
        f"the project merges {description}, so basebump rebuilds its branches when the base has new commits",
    )


def _list_first_request(project: Project) -> list[Any]:
    return list(islice(project.mergerequests.list(state="opened", iterator=True), 1))
