"""The GitLab that listens: it lets in, and answers by the functions that its routes name."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from support.forges import git_http
from support.forges.gitlab import automerge, besides, comparisons, graphql, issues, merge_requests, repository, statuses
from support.forges.gitlab.calls import GitLabCall, ProblemError, missing
from support.forges.gitlab.contract import operation_of, violations
from support.forges.gitlab.graphql import GraphQL
from support.forges.gitlab.shapes import GitLabJson
from support.forges.gitlab.state import GitLabToken, GitLabWorld
from support.forges.server import READING, ApiExchange, ApiRequest, ForgeReply, ForgeServer

Handler = Callable[..., ForgeReply]
_PROJECT = "/projects/{id}"
_REQUEST = f"{_PROJECT}/merge_requests/{{merge_request_iid}}"
_EVENTS = f"{_PROJECT}/merge_requests/{{eventable_id}}"


def get_user(call: GitLabCall) -> ForgeReply:
    return ForgeReply(200, call.shapes.current_user(call.writer.user))


def get_project(call: GitLabCall) -> ForgeReply:
    return ForgeReply(200, call.shapes.project(call.project))


def list_group(call: GitLabCall, group: str) -> ForgeReply:
    assert call.words["include_subgroups"] == "True", "without it, subgroups are left out"
    assert call.words["with_shared"] == "False", "without it, projects of others are in the list"
    if call.world.is_user(group) or not call.seen_in(group):
        raise missing("Group")
    return _list_projects(call, group, "get /groups/{id}/projects")


def list_user(call: GitLabCall, username: str) -> ForgeReply:
    if not call.world.is_user(username):
        raise missing("User")
    return _list_projects(call, username, "get /users/{user_id}/projects")


def _list_projects(call: GitLabCall, namespace: str, operation: str) -> ForgeReply:
    seen = call.seen_in(namespace)
    assert (call.words["archived"], call.words["order_by"], call.words["sort"]) == ("False", "id", "asc")
    return call.page([call.shapes.project(each, operation) for each in seen if not each.archived])


def get_own_token(call: GitLabCall) -> ForgeReply:
    return ForgeReply(200, call.shapes.token(call.writer))


def get_member(call: GitLabCall, number: str) -> ForgeReply:
    members = {each.id: each for name, each in call.world.users.items() if name in call.project.members}
    if int(number) not in members:
        raise missing("Member")
    return ForgeReply(200, call.shapes.member(members[int(number)], 30 if call.writer.can_write else 20))


def list_protected(call: GitLabCall) -> ForgeReply:
    return call.page([call.shapes.protected_branch(name) for name in sorted(call.project.protected)])


_ROUTES: Mapping[str, Handler] = {
    "get /user": get_user,
    "get /personal_access_tokens/self": get_own_token,
    f"get {_PROJECT}/members/all/{{user_id}}": get_member,
    f"get {_PROJECT}/protected_branches": list_protected,
    "get /groups/{id}/projects": list_group,
    "get /users/{user_id}/projects": list_user,
    f"get {_PROJECT}": get_project,
    f"get {_PROJECT}/repository/tree": repository.get_tree,
    f"get {_PROJECT}/repository/blobs/{{sha}}/raw": repository.get_blob,
    f"head {_PROJECT}/repository/files/{{file_path}}": repository.head_file,
    f"get {_PROJECT}/repository/commits": repository.list_commits,
    f"post {_PROJECT}/repository/commits": repository.create_commit,
    f"get {_PROJECT}/repository/commits/{{sha}}/diff": comparisons.get_diff,
    f"get {_PROJECT}/repository/compare": comparisons.compare,
    f"get {_PROJECT}/repository/merge_base": comparisons.merge_base,
    f"get {_PROJECT}/repository/branches": repository.list_branches,
    f"get {_PROJECT}/repository/branches/{{branch}}": repository.get_branch,
    f"delete {_PROJECT}/repository/branches/{{branch}}": repository.delete_branch,
    f"get {_PROJECT}/repository/commits/{{sha}}/statuses": statuses.list_statuses,
    f"post {_PROJECT}/statuses/{{sha}}": statuses.create_status,
    "get /issues": issues.list_own_issues,
    f"get {_PROJECT}/issues": issues.list_issues,
    f"post {_PROJECT}/issues": issues.create_issue,
    f"put {_PROJECT}/issues/{{issue_iid}}": issues.edit_issue,
    "get /merge_requests": merge_requests.list_own_requests,
    f"get {_PROJECT}/merge_requests": merge_requests.list_requests,
    f"post {_PROJECT}/merge_requests": merge_requests.create_request,
    f"get {_REQUEST}": merge_requests.get_request,
    f"put {_REQUEST}": merge_requests.edit_request,
    f"get {_REQUEST}/approvals": merge_requests.get_approvals,
    f"get {_REQUEST}/approval_state": merge_requests.get_approval_state,
    f"get {_REQUEST}/notes": merge_requests.list_notes,
    f"post {_REQUEST}/notes": merge_requests.create_note,
    f"put {_REQUEST}/merge": automerge.merge,
    f"post {_REQUEST}/cancel_merge_when_pipeline_succeeds": automerge.cancel,
    "get /users": besides.list_users,
    f"get {_PROJECT}/milestones": besides.list_milestones,
    f"get {_EVENTS}/resource_label_events": besides.list_label_events,
    f"get {_EVENTS}/resource_milestone_events": besides.list_milestone_events,
}


JOB_OPERATIONS = frozenset(
    {
        f"get {_PROJECT}/repository/branches",
        f"get {_PROJECT}/merge_requests",
        f"get {_REQUEST}",
        f"get {_REQUEST}/notes",
    }
)
"""Of those that there are here: https://docs.gitlab.com/ci/jobs/ci_job_token/#job-token-access."""


class GitLabServer(ForgeServer):
    """gitlab.com, or a GitLab that lies below a path of its host."""

    def __init__(self, folder: Path, *, below: str = "") -> None:
        super().__init__(f"{below}/api/v4")
        self.world = GitLabWorld(folder)
        self.graphql = GraphQL.WHOLE
        self.points_per_path = 14
        """How complex GitLab thinks that a file in a query is."""
        self.job_operations = JOB_OPERATIONS
        """Where it lets the token of a job in."""
        self.has_git = True
        """Whether it lets git in over http."""
        self._below = below

    @property
    def url(self) -> str:
        """Where people look."""
        return f"http://{self.host}{self._below}"

    def problem(self, status: int, message: object = None, **more: object) -> ForgeReply:
        """Return a refusal in GitLab's form."""
        return ProblemError(status, message, **more).reply

    def reply_of(self, path: str, **query: str) -> ForgeReply:
        """Return the response to a GET of a quoted path without sending a request."""
        secret = next(iter(self.world.tokens))
        return self.perform(ApiRequest("GET", path, urlencode(query), None, {"private-token": secret}))

    def changes(self, asked: ApiRequest) -> bool:
        if asked.path == f"{self._below}{graphql.PATH}":
            return not graphql.is_question(asked.body)
        if self._git_path(asked) is not None:
            return "git-receive-pack" in asked.path + asked.query
        return super().changes(asked)

    def body_of(self, headers: Mapping[str, str], raw: bytes) -> Any:
        return raw if headers.get("content-type", "").startswith("application/x-git") else super().body_of(headers, raw)

    def find_contract_problems(self, exchange: ApiExchange) -> Iterator[str]:
        is_graphql = exchange.asked.path == f"{self._below}{graphql.PATH}"  # which is checked while it is executed
        if not is_graphql and self._git_path(exchange.asked) is None:
            yield from violations(exchange)

    def perform(self, asked: ApiRequest) -> ForgeReply:
        try:
            return self._perform(asked)
        except ProblemError as problem:
            return problem.reply

    def _perform(self, asked: ApiRequest) -> ForgeReply:
        if asked.path == f"{self._below}{graphql.PATH}":
            return graphql.execute(self._call(asked), self.graphql, self.points_per_path)
        git_path = self._git_path(asked)
        if git_path is not None:
            return self._git(asked, git_path)
        operation = operation_of(asked.method, asked.path)
        handler = _ROUTES.get(operation or "")
        if operation is None or handler is None:
            return self.refuse(f"{asked.method} {asked.path}: no such route here")
        named, parts = operation.partition(" ")[2].split("/"), asked.path.split("/")
        words = [unquote(part) for name, part in zip(named, parts, strict=True) if name.startswith("{")]
        call = self._call(asked, operation)
        if operation.partition(" ")[2].startswith(_PROJECT):
            moved = _authorize(call, words.pop(0))
            if moved is not None:
                return moved
        return handler(call, *words)

    def _git_path(self, asked: ApiRequest) -> str | None:
        """Return the path of a request by git, below the root of the projects; None for other requests."""
        path = unquote(asked.path).removeprefix(self._below)
        return path if path.endswith(tuple(f".git/{service}" for service in git_http.SERVICES)) else None

    def _git(self, asked: ApiRequest, path: str) -> ForgeReply:
        """Let git in: https://docs.gitlab.com/topics/git/clone/#clone-using-a-token."""
        denied = ForgeReply(401, b"HTTP Basic: Access denied", {"WWW-Authenticate": 'Basic realm="GitLab"'})
        user, _, secret = (
            b64decode(asked.headers.get("authorization", "").removeprefix("Basic ")).decode().partition(":")
        )
        token = self.world.tokens.get(secret)
        if secret and (token is None or (user == "gitlab-ci-token") is not token.is_of_job):
            return denied
        found = self.world.find(path[1 : path.index(".git/")])
        if found is None or not found[0].seen_by(token.user if token else None):
            return ForgeReply(404, b"The project you were looking for could not be found") if token else denied
        if not self.has_git or "git-receive-pack" in path + asked.query:
            return ForgeReply(403, b"You are not allowed to do that")
        return git_http.serve(found[0].git.directory, path[path.index(".git/") + 4 :], asked)

    def _call(self, asked: ApiRequest, operation: str | None = None) -> GitLabCall:
        return GitLabCall(
            method=asked.method,
            path=asked.path,
            words={**_words(asked.query), **(asked.body or {})},
            token=self._token(asked.headers, operation),
            world=self.world,
            shapes=GitLabJson(self.url),
            root=self.api,
        )

    def _token(self, headers: Mapping[str, str], operation: str | None) -> GitLabToken | None:
        """Return the token of a request; a job token counts only for the routes that accept it."""
        of_job = headers.get("job-token")
        if of_job is not None:
            return self.world.tokens[of_job] if operation in self.job_operations else None
        secret = headers.get("private-token") or headers.get("authorization", "").removeprefix("Bearer ")
        if not secret:
            return None
        if secret not in self.world.tokens or self.world.tokens[secret].is_of_job:
            raise ProblemError(401, "401 Unauthorized")
        return self.world.tokens[secret]


def _words(query: str) -> dict[str, str | list[str]]:
    """Parse a query; a parameter that is written as `name[]` is a list."""
    words = parse_qs(query, keep_blank_values=True)
    return {name.removesuffix("[]"): said if name.endswith("[]") else said[-1] for name, said in words.items()}


def _authorize(call: GitLabCall, name: str) -> ForgeReply | None:
    """Find the project in the path, and refuse forbidden calls. Return a redirect if it has moved."""
    user = call.token.user if call.token else None
    found = call.world.find(name)
    if found is None or not found[0].seen_by(user):
        raise missing("Project")
    call.found, has_moved = found
    if has_moved:
        if call.method not in READING:
            raise ProblemError(405, "Non GET methods are not allowed for moved projects")
        first, _, rest = call.path.removeprefix("/projects/").partition("/")
        assert unquote(first) == name
        return ForgeReply(301, None, {"Location": f"{call.root}/projects/{call.project.id}{'/' if rest else ''}{rest}"})
    call.project.settle()
    if call.method in READING:
        return None
    if call.writer.scope != "api":
        said = "The request requires higher privileges than provided by the access token."
        raise ProblemError(403, error="insufficient_scope", error_description=said, scope="api")
    if call.project.archived or not call.writer.can_write:
        raise ProblemError(403, "403 Forbidden")
    return None
