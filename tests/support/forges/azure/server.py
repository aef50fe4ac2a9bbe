"""The Azure DevOps that listens: it lets in, and answers by the functions that its routes name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from support.forges import git_http
from support.forges.azure import pull_requests, repository
from support.forges.azure.calls import AzureCall, ProblemError, problem_body
from support.forges.azure.contract import operation_of, path_below, violations
from support.forges.azure.shapes import AzureJson
from support.forges.azure.state import CONTRIBUTE, AzureToken, AzureWorld
from support.forges.server import READING, ApiExchange, ApiRequest, ForgeReply, ForgeServer

Handler = Callable[..., ForgeReply]
_REPOSITORIES = "git/repositories"
_REPOSITORY = f"{_REPOSITORIES}/{{repositoryId}}"
_REQUESTS = f"{_REPOSITORY}/pullrequests"
_REQUEST = f"{_REPOSITORY}/pullRequests/{{pullRequestId}}"
_TEAMS = "projects/{projectId}/teams"
_HTML = {"Content-Type": "text/html; charset=utf-8"}
SIGN_IN = ForgeReply(
    203, b"<!DOCTYPE html><html><head><title>Azure DevOps Services | Sign In</title></head></html>", _HTML
)
UNAVAILABLE = ForgeReply(503, b"<!DOCTYPE html><html><body>Azure DevOps Services Unavailable</body></html>", _HTML)
UNKNOWN_VERSION = ForgeReply(404, b"<!DOCTYPE html><html><body>The page cannot be found</body></html>", _HTML)

_ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "projects"): repository.list_projects,
    ("GET", _REPOSITORIES): repository.list_repositories,
    ("GET", _REPOSITORY): repository.get_repository,
    ("GET", f"{_REPOSITORY}/refs"): repository.list_refs,
    ("POST", f"{_REPOSITORY}/refs"): repository.update_refs,
    ("GET", f"{_REPOSITORY}/commits"): repository.list_commits,
    ("GET", f"{_REPOSITORY}/commits/{{commitId}}"): repository.get_commit,
    ("GET", f"{_REPOSITORY}/trees/{{sha1}}"): repository.get_tree,
    ("GET", f"{_REPOSITORY}/blobs/{{sha1}}"): repository.get_blob,
    ("POST", f"{_REPOSITORY}/blobs"): repository.get_blobs,
    ("POST", f"{_REPOSITORY}/pushes"): repository.create_push,
    ("GET", f"{_REPOSITORY}/diffs/commits"): repository.diff_commits,
    ("GET", f"{_REPOSITORY}/commits/{{commitId}}/statuses"): pull_requests.list_commit_statuses,
    ("POST", f"{_REPOSITORY}/commits/{{commitId}}/statuses"): pull_requests.create_commit_status,
    ("GET", "git/pullrequests"): pull_requests.list_requests_of_project,
    ("GET", _REQUESTS): pull_requests.list_requests,
    ("POST", _REQUESTS): pull_requests.create_request,
    ("GET", f"{_REQUESTS}/{{pullRequestId}}"): pull_requests.get_request,
    ("PATCH", f"{_REQUESTS}/{{pullRequestId}}"): pull_requests.edit_request,
    ("GET", f"{_REQUEST}/labels"): pull_requests.list_labels,
    ("POST", f"{_REQUEST}/labels"): pull_requests.add_label,
    ("DELETE", f"{_REQUEST}/labels/{{labelIdOrName}}"): pull_requests.delete_label,
    ("GET", f"{_REQUEST}/reviewers"): pull_requests.list_reviewers,
    ("PUT", f"{_REQUEST}/reviewers/{{reviewerId}}"): pull_requests.set_reviewer,
    ("GET", f"{_REQUEST}/threads"): pull_requests.list_threads,
    ("POST", f"{_REQUEST}/threads"): pull_requests.create_thread,
    ("PATCH", f"{_REQUEST}/threads/{{threadId}}"): pull_requests.edit_thread,
    ("PATCH", f"{_REQUEST}/threads/{{threadId}}/comments/{{commentId}}"): pull_requests.edit_comment,
    ("GET", f"{_REQUEST}/properties"): pull_requests.get_properties,
    ("PATCH", f"{_REQUEST}/properties"): pull_requests.edit_properties,
    ("GET", f"{_REQUEST}/statuses"): pull_requests.list_statuses,
    ("POST", f"{_REQUEST}/statuses"): pull_requests.create_status,
    ("GET", "git/policy/configurations"): pull_requests.list_policies,
    ("GET", "policy/evaluations"): pull_requests.list_evaluations,
    ("GET", _TEAMS): pull_requests.list_teams,
    ("GET", f"{_TEAMS}/{{teamId}}/members"): pull_requests.list_members,
}


class AzureServer(ForgeServer):
    """One organization of dev.azure.com, or one collection of an Azure DevOps Server."""

    def __init__(self, folder: Path, *, organization: str = "org") -> None:
        super().__init__(f"/{organization}")
        self.world = AzureWorld(folder)
        self.delay: int | None = None
        """Seconds for which every answer asks to wait, though it is one."""
        self.is_blocked = False
        """Whether the limit of requests is used up."""
        self.version = (7, 1)
        """The newest version of the API."""
        self.names_unknown_versions = False
        """Whether it refuses a newer version with a message; else with a page."""
        self.has_git = True

    @property
    def url(self) -> str:
        return self.api

    def problem(self, status: int, message: object = "No", kind: str = "VssServiceException") -> ForgeReply:
        """Return a refusal in the form of Azure DevOps; a server that is down sends a page."""
        if status == UNAVAILABLE.status:
            return UNAVAILABLE
        return ForgeReply(status, problem_body(kind, str(message)))

    def changes(self, asked: ApiRequest) -> bool:
        if self._git_path(asked) is not None:
            return "git-receive-pack" in asked.path + asked.query
        return asked.method not in READING and not path_below(asked.path).endswith("/blobs")

    def body_of(self, headers: Mapping[str, str], raw: bytes) -> Any:
        if headers.get("content-type", "").startswith("application/x-git"):
            return raw
        return json.loads(raw) if raw else None

    def find_contract_problems(self, exchange: ApiExchange) -> Iterator[str]:
        is_page = isinstance(exchange.response, bytes) and exchange.response.startswith(b"<!DOCTYPE")
        if self._git_path(exchange.asked) is None and not is_page:
            yield from violations(exchange)
            if exchange.headers.get("x-tfs-fedauthredirect") != "Suppress":
                yield f"{exchange.line}: without X-TFS-FedAuthRedirect"

    def perform(self, asked: ApiRequest) -> ForgeReply:
        try:
            reply = self._perform(asked)
        except ProblemError as problem:
            reply = problem.reply
        if self.delay is not None and reply.status == 200:
            limits = {"Retry-After": str(self.delay), "X-RateLimit-Limit": "200", "X-RateLimit-Remaining": "0"}
            return replace(reply, headers={**reply.headers, **limits})
        return reply

    def _perform(self, asked: ApiRequest) -> ForgeReply:
        git_path = self._git_path(asked)
        token = self._authorize(asked)
        if isinstance(token, ForgeReply):
            return token
        if self.is_blocked:
            words = "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource."
            return ForgeReply(429, problem_body("RequestBlockedException", words), {"Retry-After": "7"})
        call = self._call(asked, token)
        if git_path is not None:
            return self._git(call, asked, git_path)
        if not self._speaks(call.query.get("api-version", "")):
            if not self.names_unknown_versions:
                return UNKNOWN_VERSION
            newest = ".".join(map(str, self.version))
            said = (
                f"The requested REST API version of {call.query.get('api-version')} is out of range for this server. "
                f"The latest REST API version this server supports is {newest}."
            )
            raise ProblemError("VssVersionOutOfRangeException", said)
        below = path_below(asked.path)
        if below.lower() == "connectiondata":
            return ForgeReply(200, call.shapes.connection(call.writer.account))
        operation = operation_of(asked.method, asked.path)
        handler = next((each for key, each in _ROUTES.items() if _is_same(key, asked.method, operation)), None)
        if operation is None or handler is None:
            return self.refuse(f"{asked.method} {asked.path}: no such route here")
        named, parts = operation.split("/"), below.split("/")
        words = [unquote(part) for name, part in zip(named, parts, strict=True) if name.startswith("{")]
        if operation.startswith(f"{_REPOSITORIES}/"):
            call.found = call.find(words.pop(0))
        return handler(call, *words)

    def _call(self, asked: ApiRequest, token: AzureToken | None) -> AzureCall:
        project = unquote(asked.path.partition("/_")[0].removeprefix("/")) or None
        return AzureCall(
            asked.method, asked.words, asked.body, asked.headers, token, self.world, AzureJson(self.url), project
        )

    def _authorize(self, asked: ApiRequest) -> AzureToken | ForgeReply | None:
        """Return the token of a request. An expired Bearer token gets the sign-in page, except for PATCH."""
        kind, _, value = asked.headers.get("authorization", "").partition(" ")
        is_basic = kind.lower() == "basic"
        secret = base64.b64decode(value).decode().partition(":")[2] if is_basic else value
        token = self.world.tokens.get(secret)
        if token is not None and not token.is_expired and (is_basic or token.is_bearer):
            return token
        if not secret:
            return None if self._is_public(asked) else SIGN_IN
        if is_basic or asked.method == "PATCH":
            words = "TF400813: The user '' is not authorized to access this resource."
            return ForgeReply(401, problem_body("UnauthorizedRequestException", words))
        return SIGN_IN

    def _is_public(self, asked: ApiRequest) -> bool:
        """Return True if the project in the path is public."""
        name = unquote(asked.path.partition("/_")[0].removeprefix("/")).lower()
        projects = [each.project for each in self.world.repositories]
        return any(each.is_public and name in (each.name.lower(), each.id) for each in projects)

    def _speaks(self, version: str) -> bool:
        number = version.partition("-")[0].split(".")
        return (
            len(number) == 2 and all(each.isdecimal() for each in number) and (tuple(map(int, number)) <= self.version)
        )

    def _git_path(self, asked: ApiRequest) -> str | None:
        """Return the path of a request by git, with the repository name; None for other requests."""
        _, found, path = asked.path.partition("/_git/")
        return path if found and path.endswith(git_http.SERVICES) else None

    def _git(self, call: AzureCall, asked: ApiRequest, path: str) -> ForgeReply:
        name, _, below = path.partition("/")
        if call.token is None:
            return ForgeReply(401, b"", {"WWW-Authenticate": 'Basic realm="https://dev.azure.com/"', **_HTML})
        if not self.has_git:
            return UNAVAILABLE
        found = call.find(unquote(name))
        if "git-receive-pack" in below + asked.query:
            call.found = found
            call.require(CONTRIBUTE)
        return git_http.serve(found.git.directory, f"/{below}", asked)


def _is_same(key: tuple[str, str], method: str, operation: str | None) -> bool:
    return operation is not None and key[0] == method and key[1].lower() == operation.lower()
