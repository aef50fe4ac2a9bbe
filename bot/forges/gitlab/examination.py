"""Tries what a token may do on GitLab, by reading alone."""

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
from bot.model.diagnosis import Aim, Check, cannot_tell, ok, problem
from bot.model.errors import ForgeError
from bot.model.forge import GitRepository
from bot.model.vocabulary import Level

MAX_RULES = 1000
"""Rules for protected branches of one project."""
WHO, SCOPES = "tell whose token it is", "see what the token may do"
_WRITES: Mapping[Level, str] = {Level.PUSH: "push branches", Level.PROPOSE: "push branches and open merge requests"}


@dataclass(frozen=True, slots=True)
class GitLabExamination:
    """One GitLab, as a token sees it."""

    connection: Connection = field(repr=False)
    url: str
    has_token: bool

    def token(self, aim: Aim) -> Iterator[Check]:
        """Say whose the token is, and whether its scope is enough. Raises RefusedError where it is good for nothing."""
        if self.connection.is_of_job:
            yield ok(self.url, WHO, "it is one of a job, which can report alone")
            if aim.level > Level.REPORT:
                yield problem(self.url, _WRITES[aim.level], job_cannot(_WRITES[aim.level]))
            return
        account = self.connection.account()
        if account.username is None:
            yield ok(self.url, WHO, "there is none, and GitLab answers without one")
            if aim.level > Level.REPORT:
                what = "there is no token, without which nothing is written; name one"
                yield problem(self.url, _WRITES[aim.level], what)
            return
        yield ok(self.url, WHO, f"it belongs to {account.username}")
        yield self._scopes(aim.level)

    def rights(self, repository: GitRepository, aim: Aim) -> Iterator[Check]:
        """Yield what the token may do in one project, as far as the aim needs it."""
        remote = Remote(self.connection, repository.name)
        branch = repository.base_branch
        if branch is not None and not self.connection.is_of_job:  # whose projects git has read by now
            yield _tried(remote, "read files", lambda: Branches(remote).head(branch))
        yield _tried(
            remote, "read merge requests", lambda: remote.read("list the merge requests", _first_merge_request)
        )
        if aim.has_dashboards and not self.connection.is_of_job:
            yield _tried(remote, "read the dashboard", GitLabDashboard(remote).read)
        if aim.level > Level.REPORT and self.has_token and not self.connection.is_of_job:
            yield from self._writing(remote, aim)

    def _scopes(self, level: Level) -> Check:
        """Ask what the token may do: https://docs.gitlab.com/api/personal_access_tokens/#self-inform."""
        needed = RUNGS[level]

        def ask(client: Gitlab) -> Any:
            return client.personal_access_tokens.get("self").attributes

        try:
            with understood(self.url):
                found = self.connection.read("tell what the token may do", ask)
                scopes, until = frozenset(map(str, found["scopes"])), found.get("expires_at")
        except RefusedError as refusal:
            if refusal.status not in (UNAUTHORIZED, NOT_FOUND):
                return cannot_tell(self.url, SCOPES, str(refusal))
            return cannot_tell(self.url, SCOPES, f"GitLab tells nothing of it; see that it has `{needed.scope}`")
        said = ", ".join(f"`{scope}`" for scope in sorted(scopes)) or "no scope"
        if not needed.is_given_by(scopes):
            return problem(self.url, SCOPES, f"it has {said}; make one that has the scope `{needed.scope}`")
        return ok(self.url, SCOPES, f"it has {said}, {f'until {until}' if until else 'without an end'}")

    def _writing(self, remote: Remote, aim: Aim) -> Iterator[Check]:
        tried = _WRITES[aim.level]
        try:
            with understood(remote.name):
                described = self.connection.read(
                    f"look at {remote.name}", lambda client: client.projects.get(remote.name).attributes
                )
                if described.get("archived"):
                    yield problem(remote.name, tried, "the project is archived; unarchive it, or leave it out")
                    return
                yield self._role(remote, aim.level)
                yield self._protection(remote, aim.branch_prefix)
                if aim.level is Level.PROPOSE:
                    yield _merging(remote.name, described)
        except RefusedError as refusal:
            yield problem(remote.name, tried, str(refusal))

    def _role(self, remote: Remote, level: Level) -> Check:
        """Ask for the membership, inherited ones included. Raises RefusedError.

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
                return None, bool(known.get("is_admin"))  # which only administrators are told of themselves
            return int(member.attributes["access_level"]), bool(known.get("is_admin"))

        level_there, is_admin = self.connection.read(f"tell its role in {remote.name}", ask)
        if is_admin:
            return ok(remote.name, tried, "the token is an administrator's")
        if level_there is None or level_there < needed:
            has = "is no member" if level_there is None else f"has the role {role_word(level_there)}"
            return problem(remote.name, tried, f"the account {has}; give it the role {needed.word} there")
        return ok(remote.name, tried, f"the account has the role {role_word(level_there)}")

    def _protection(self, remote: Remote, prefix: str) -> Check:
        """Look for rules that keep our branches: https://docs.gitlab.com/api/protected_branches/."""
        tried = f"find {prefix}* unprotected"

        def ask(project: Project) -> list[str]:
            return [str(each.name) for each in islice(project.protectedbranches.list(iterator=True), MAX_RULES)]

        try:
            rules = remote.read("list the protected branches", ask)
        except RefusedError as refusal:
            return cannot_tell(remote.name, tried, str(refusal))
        about_ours = [rule for rule in rules if protects_ours(rule, prefix)]
        if about_ours:
            named = ", ".join(f"`{rule}`" for rule in about_ours)
            what = f"{named} protects basebump's branches; narrow it, or choose another `branch_prefix`"
            return problem(remote.name, tried, what)
        return ok(remote.name, tried, "no rule protects them")


def _merging(name: str, described: Mapping[str, Any]) -> Check:
    """Say whether a project takes merge requests, and what its way of merging means for us."""
    tried = "see how it merges"
    is_off = described.get("merge_requests_access_level") == "disabled"
    if is_off or described.get("merge_requests_enabled") is False:
        return problem(name, tried, "it takes no merge requests; let it in the settings of the project")
    way = LINEAR.get(str(described.get("merge_method")))
    if way is None:
        return ok(name, tried, "by merge commits")
    return ok(name, tried, f"{way}: basebump rebuilds its branches when the base moved on")


def _tried(remote: Remote, tried: str, call: Callable[[], object]) -> Check:
    """Say whether a question is answered."""
    try:
        call()
    except ForgeError as error:
        return problem(remote.name, tried, str(error))
    return ok(remote.name, tried, "it is answered")


def _first_merge_request(project: Project) -> list[Any]:
    return list(islice(project.mergerequests.list(state="opened", iterator=True), 1))
