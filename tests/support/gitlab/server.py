"""The GitLab that listens: it lets in, and answers by the functions that its routes name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlencode

from support.forge_server import READING, Asked, Exchange, ForgeServer, Reply
from support.gitlab import automerge, besides, comparisons, issues, merge_requests, repository
from support.gitlab.calls import Call, ProblemError, missing
from support.gitlab.contract import operation_of, violations
from support.gitlab.shapes import Shapes
from support.gitlab.state import Token, World

Handler = Callable[..., Reply]
_PROJECT = "/projects/{id}"
_REQUEST = f"{_PROJECT}/merge_requests/{{merge_request_iid}}"
_EVENTS = f"{_PROJECT}/merge_requests/{{eventable_id}}"


def get_user(call: Call) -> Reply:
    return Reply(200, call.shapes.current_user(call.writer.user))


def get_project(call: Call) -> Reply:
    return Reply(200, call.shapes.project(call.project))


_ROUTES: Mapping[str, Handler] = {
    "get /user": get_user,
    f"get {_PROJECT}": get_project,
    f"get {_PROJECT}/repository/tree": repository.get_tree,
    f"get {_PROJECT}/repository/blobs/{{sha}}/raw": repository.get_blob,
    f"head {_PROJECT}/repository/files/{{file_path}}": repository.head_file,
    f"post {_PROJECT}/repository/commits": repository.create_commit,
    f"get {_PROJECT}/repository/commits/{{sha}}/diff": comparisons.get_diff,
    f"get {_PROJECT}/repository/compare": comparisons.compare,
    f"get {_PROJECT}/repository/merge_base": comparisons.merge_base,
    f"get {_PROJECT}/repository/branches": repository.list_branches,
    f"get {_PROJECT}/repository/branches/{{branch}}": repository.get_branch,
    f"delete {_PROJECT}/repository/branches/{{branch}}": repository.delete_branch,
    f"get {_PROJECT}/issues": issues.list_issues,
    f"post {_PROJECT}/issues": issues.create_issue,
    f"put {_PROJECT}/issues/{{issue_iid}}": issues.edit_issue,
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


class GitLabServer(ForgeServer):
    """gitlab.com, or a GitLab that lies below a path of its host."""

    def __init__(self, folder: Path, *, below: str = "") -> None:
        super().__init__(f"{below}/api/v4")
        self.world = World(folder)
        self._below = below

    @property
    def url(self) -> str:
        """Where people look."""
        return f"http://{self.host}{self._below}"

    def problem(self, status: int, message: object = None, **more: object) -> Reply:
        """Return a refusal in GitLab's form."""
        return ProblemError(status, message, **more).reply

    def reply_of(self, path: str, **query: str) -> Reply:
        """Return what the server would answer a GET of a quoted path, without anybody asking."""
        secret = next(iter(self.world.tokens))
        return self.perform(Asked("GET", path, urlencode(query), None, {"private-token": secret}))

    def wrongs(self, exchange: Exchange) -> Iterator[str]:
        yield from violations(exchange)

    def perform(self, asked: Asked) -> Reply:
        try:
            return self._perform(asked)
        except ProblemError as problem:
            return problem.reply

    def _perform(self, asked: Asked) -> Reply:
        operation = operation_of(asked.method, asked.path)
        handler = _ROUTES.get(operation or "")
        if operation is None or handler is None:
            return self.refuse(f"{asked.method} {asked.path}: no such route here")
        named, parts = operation.partition(" ")[2].split("/"), asked.path.split("/")
        words = [unquote(part) for name, part in zip(named, parts, strict=True) if name.startswith("{")]
        call = Call(
            method=asked.method,
            path=asked.path,
            words={**_words(asked.query), **(asked.body or {})},
            token=self._token(asked.headers),
            world=self.world,
            shapes=Shapes(self.url),
            root=self.api,
        )
        if operation.partition(" ")[2].startswith(_PROJECT):
            moved = _let_in(call, words.pop(0))
            if moved is not None:
                return moved
        return handler(call, *words)

    def _token(self, headers: Mapping[str, str]) -> Token | None:
        secret = headers.get("private-token") or headers.get("authorization", "").removeprefix("Bearer ")
        if not secret:
            return None
        if secret not in self.world.tokens:
            raise ProblemError(401, "401 Unauthorized")
        return self.world.tokens[secret]


def _words(query: str) -> dict[str, str | list[str]]:
    """Take a query apart; what is written as `name[]` is a list."""
    words = parse_qs(query, keep_blank_values=True)
    return {name.removesuffix("[]"): said if name.endswith("[]") else said[-1] for name, said in words.items()}


def _let_in(call: Call, name: str) -> Reply | None:
    """Find the project that the path names, and refuse what the token may not do there; or say where it has moved."""
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
        return Reply(301, None, {"Location": f"{call.root}/projects/{call.project.id}{'/' if rest else ''}{rest}"})
    call.project.settle()
    if call.method in READING:
        return None
    if call.writer.scope != "api":
        said = "The request requires higher privileges than provided by the access token."
        raise ProblemError(403, error="insufficient_scope", error_description=said, scope="api")
    if call.project.archived or not call.writer.can_write:
        raise ProblemError(403, "403 Forbidden")
    return None
