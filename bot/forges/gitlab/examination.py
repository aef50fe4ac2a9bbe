"""Diagnose the rights of a token on GitLab by reading alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from gitlab import Gitlab
from gitlab.exceptions import GitlabError
from gitlab.v4.objects import Project

from bot.forges._refusal import NOT_FOUND, UNAUTHORIZED, RefusedError
from bot.forges.gitlab.branches import Branches
from bot.forges.gitlab.connection import Connection, Remote, job_cannot
from bot.forges.gitlab.dashboard import GitLabDashboard
from bot.forges.gitlab.errors import understood
from bot.forges.gitlab.merging import LINEAR
from bot.forges.gitlab.rights import RUNGS, protects_ours, role_word
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.errors import ForgeError
from bot.model.forge import GitRepository
from bot.model.vocabulary import RunLevel

MAX_RULES = 1000
"""Rules for protected branches of one project that are read."""
WHO, SCOPES = "identify the token", "check the scopes of the token"
_WRITES: Mapping[RunLevel, str] = {
    RunLevel.PUSH: "push branches",
    RunLevel.PROPOSE: "push branches and open merge requests",
}


@dataclass(frozen=True, slots=True)
class GitLabExamination:
    """Diagnoses one GitLab server with the rights of a token."""

    connection: Connection = field(repr=False)
    url: str
    has_token: bool

    def token(self, aim: DiagnosisTarget) -> Iterator[Check]:
        """Yield the account of the token, and whether its scope is sufficient.

        Raises RefusedError if the token is invalid or the server does not answer.
        """
        if self.connection.is_of_job:
            yield report_ok(self.url, WHO, "it is the token of a job, which can only report")
            if aim.level > RunLevel.REPORT:
                yield report_problem(self.url, _WRITES[aim.level], job_cannot(_WRITES[aim.level]))
            return
        account = self.connection.account()
        if account.username is None:
            yield report_ok(self.url, WHO, "there is no token, and GitLab answers without one")
            if aim.level > RunLevel.REPORT:
                what = "there is no token, and writing takes one; hint: set `token_env`"
                yield report_problem(self.url, _WRITES[aim.level], what)
            return
        yield report_ok(self.url, WHO, f"it belongs to {account.username}")
        yield self._scopes(aim.level)

    def rights(self, repository: GitRepository, aim: DiagnosisTarget) -> Iterator[Check]:
        """Yield the rights of the token on one project, as far as runs at the target's level need them."""
        remote = Remote(self.connection, repository.name)
        branch = repository.base_branch
        if branch is not None and not self.connection.is_of_job:  # git has read the projects of a job already
            yield _tried(remote, "read files", lambda: Branches(remote).head(branch))
        yield _tried(
            remote, "read merge requests", lambda: remote.read("list the merge requests", _first_merge_request)
        )
        if aim.has_dashboards and not self.connection.is_of_job:
            yield _tried(remote, "read the dashboard", GitLabDashboard(remote).read)
        if aim.level > RunLevel.REPORT and self.has_token and not self.connection.is_of_job:
            yield from self._writing(remote, aim)

    def _scopes(self, level: RunLevel) -> Check:
        """Check the scopes of the token: https://docs.gitlab.com/api/personal_access_tokens/#self-inform."""
        needed = RUNGS[level]

        def ask(client: Gitlab) -> Any:
            return client.personal_access_tokens.get("self").attributes

        try:
            with understood(self.url):
                found = self.connection.read("read the scopes of the token", ask)
                scopes, until = frozenset(map(str, found["scopes"])), found.get("expires_at")
        except RefusedError as refusal:
            if refusal.status not in (UNAUTHORIZED, NOT_FOUND):
                return report_unknown(self.url, SCOPES, str(refusal))
            what = f"GitLab does not report them; hint: check that the token has `{needed.scope}`"
            return report_unknown(self.url, SCOPES, what)
        said = ", ".join(f"`{scope}`" for scope in sorted(scopes)) or "no scope"
        if not needed.is_given_by(scopes):
            return report_problem(self.url, SCOPES, f"it has {said}; hint: create one with the scope `{needed.scope}`")
        return report_ok(
            self.url, SCOPES, f"it has {said}, {f'valid until {until}' if until else 'without an expiry date'}"
        )

    def _writing(self, remote: Remote, aim: DiagnosisTarget) -> Iterator[Check]:
        tried = _WRITES[aim.level]
        try:
            with understood(remote.name):
                described = self.connection.read(
                    f"read {remote.name}", lambda client: client.projects.get(remote.name).attributes
                )
                if described.get("archived"):
                    what = "the project is archived; hint: unarchive it, or remove it from the config"
                    yield report_problem(remote.name, tried, what)
                    return
                yield self._role(remote, aim.level)
                yield self._protection(remote, aim.branch_prefix)
                if aim.level is RunLevel.PROPOSE:
                    yield _merging(remote.name, described)
        except RefusedError as refusal:
            yield report_problem(remote.name, tried, str(refusal))

    def _role(self, remote: Remote, level: RunLevel) -> Check:
        """Check the role of the account, including inherited memberships. Raises RefusedError.

        https://docs.gitlab.com/api/project_members/#get-a-member-of-a-project-including-inherited-and-invited-members
        """
        tried, needed = _WRITES[level], RUNGS[level].role

        def ask(client: Gitlab) -> tuple[int | None, bool]:
            client.auth()
            known = client.user.attributes if client.user is not None else {}
            try:
                member = client.projects.get(remote.name, lazy=True).members_all.get(known["id"])
            except GitlabError as error:
                if error.response_code != NOT_FOUND:
                    raise
                return None, bool(known.get("is_admin"))  # GitLab returns this field only to administrators
            return int(member.attributes["access_level"]), bool(known.get("is_admin"))

        level_there, is_admin = self.connection.read(f"read the account's role in {remote.name}", ask)
        if is_admin:
            return report_ok(remote.name, tried, "the token is an administrator's")
        if level_there is None or level_there < needed:
            has = "is not a member" if level_there is None else f"has the role {role_word(level_there)}"
            return report_problem(remote.name, tried, f"the account {has}; hint: give it the role {needed.word} there")
        return report_ok(remote.name, tried, f"the account has the role {role_word(level_there)}")

    def _protection(self, remote: Remote, prefix: str) -> Check:
        """Check for rules that protect basebump's branches: https://docs.gitlab.com/api/protected_branches/."""
        tried = f"check that {prefix}* is unprotected"

        def ask(project: Project) -> list[str]:
            return [str(each.name) for each in islice(project.protectedbranches.list(iterator=True), MAX_RULES)]

        try:
            rules = remote.read("list the protected branches", ask)
        except RefusedError as refusal:
            return report_unknown(remote.name, tried, str(refusal))
        about_ours = [rule for rule in rules if protects_ours(rule, prefix)]
        if about_ours:
            named = ", ".join(f"`{rule}`" for rule in about_ours)
            what = f"{named} protects basebump's branches; hint: narrow the rule, or choose another `branch_prefix`"
            return report_problem(remote.name, tried, what)
        return report_ok(remote.name, tried, "no rule protects these branches")


def _merging(name: str, described: Mapping[str, Any]) -> Check:
    """Check that a project accepts merge requests, and describe its merge method."""
    tried = "check the merge settings"
    is_off = described.get("merge_requests_access_level") == "disabled"
    if is_off or described.get("merge_requests_enabled") is False:
        return report_problem(
            name, tried, "it accepts no merge requests; hint: enable them in the settings of the project"
        )
    way = LINEAR.get(str(described.get("merge_method")))
    if way is None:
        return report_ok(name, tried, "it merges by merge commits")
    return report_ok(name, tried, f"it merges {way}, so basebump rebuilds its branches when the base has new commits")


def _tried(remote: Remote, tried: str, call: Callable[[], object]) -> Check:
    """Check whether a read request is answered."""
    try:
        call()
    except ForgeError as error:
        return report_problem(remote.name, tried, str(error))
    return report_ok(remote.name, tried, "the request was answered")


def _first_merge_request(project: Project) -> list[Any]:
    return list(islice(project.mergerequests.list(state="opened", iterator=True), 1))
