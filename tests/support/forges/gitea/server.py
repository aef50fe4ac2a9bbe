"""The Gitea or Forgejo that listens: it lets in, and answers by the functions that its routes name."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from support.forges import git_http
from support.forges.gitea import issues, pulls, repository
from support.forges.gitea.calls import GiteaCall, ProblemError, missing
from support.forges.gitea.contract import find_operation, violations
from support.forges.gitea.shapes import GiteaJson
from support.forges.gitea.state import GiteaToken, GiteaWorld
from support.forges.gitea.webhooks import GiteaWebhooks
from support.forges.server import READING, ApiExchange, ApiRequest, ForgeReply, ForgeServer

Handler = Callable[..., ForgeReply]
VERSIONS = {"gitea": "1.26.0", "forgejo": "16.0.1+gitea-1.22.0"}
_REPOSITORY = "/repos/{owner}/{repo}"
_ISSUE = f"{_REPOSITORY}/issues/{{index}}"
_PULL = f"{_REPOSITORY}/pulls/{{index}}"


def get_version(call: GiteaCall) -> ForgeReply:
    return ForgeReply(200, call.shapes.make("ServerVersion", version=VERSIONS[call.kind]))


def get_user(call: GiteaCall) -> ForgeReply:
    return ForgeReply(200, call.shapes.user(call.writer.user, is_self=True))


def get_settings(call: GiteaCall) -> ForgeReply:
    known = {"max_response_items": call.server.max_items, "default_paging_num": call.server.max_files}
    trees = {"default_git_trees_per_page": call.server.tree_entries, "default_max_blob_size": call.server.max_blob}
    return ForgeReply(200, call.shapes.make("GeneralAPISettings", **known, **trees))


_ROUTES: Mapping[str, tuple[Handler, str]] = {
    "get /version": (get_version, ""),
    "get /user": (get_user, "read:user"),
    "get /settings/api": (get_settings, ""),
    "get /orgs/{org}/repos": (repository.list_organization, "read:organization"),
    "get /orgs/{org}/labels": (issues.list_organization_labels, "read:organization"),
    "get /users/{username}/repos": (repository.list_user, "read:user"),
    f"get {_REPOSITORY}": (repository.get_repository, "read:repository"),
    f"get {_REPOSITORY}/branches/{{branch}}": (repository.get_branch, "read:repository"),
    f"get {_REPOSITORY}/branch_protections": (repository.list_protections, "read:repository"),
    f"get {_REPOSITORY}/commits": (repository.list_commits, "read:repository"),
    f"get {_REPOSITORY}/file-contents": (repository.get_file_contents, "read:repository"),
    f"get {_REPOSITORY}/git/blobs": (repository.get_blobs, "read:repository"),
    f"get {_REPOSITORY}/git/blobs/{{sha}}": (repository.get_blob, "read:repository"),
    f"get {_REPOSITORY}/git/commits/{{sha}}": (repository.get_commit, "read:repository"),
    f"get {_REPOSITORY}/git/refs/{{ref}}": (repository.list_refs, "read:repository"),
    f"get {_REPOSITORY}/git/trees/{{sha}}": (repository.get_tree, "read:repository"),
    f"get {_REPOSITORY}/statuses/{{sha}}": (repository.list_statuses, "read:repository"),
    f"post {_REPOSITORY}/statuses/{{sha}}": (repository.create_status, "write:repository"),
    f"get {_REPOSITORY}/issues": (issues.list_issues, "read:issue"),
    f"post {_REPOSITORY}/issues": (issues.create_issue, "write:issue"),
    f"get {_ISSUE}": (issues.get_issue, "read:issue"),
    f"patch {_ISSUE}": (issues.edit_issue, "write:issue"),
    f"get {_ISSUE}/comments": (issues.list_comments, "read:issue"),
    f"post {_ISSUE}/comments": (issues.create_comment, "write:issue"),
    f"get {_ISSUE}/timeline": (issues.list_timeline, "read:issue"),
    f"post {_ISSUE}/labels": (issues.add_labels, "write:issue"),
    f"delete {_ISSUE}/labels/{{id}}": (issues.remove_label, "write:issue"),
    f"delete {_ISSUE}/labels/{{identifier}}": (issues.remove_label, "write:issue"),
    f"get {_REPOSITORY}/labels": (issues.list_labels, "read:issue"),
    f"post {_REPOSITORY}/labels": (issues.create_label, "write:issue"),
    f"get {_REPOSITORY}/milestones": (issues.list_milestones, "read:issue"),
    f"get {_REPOSITORY}/pulls": (pulls.list_pulls, "read:repository"),
    f"post {_REPOSITORY}/pulls": (pulls.create_pull, "write:repository"),
    f"get {_PULL}": (pulls.get_pull, "read:repository"),
    f"patch {_PULL}": (pulls.edit_pull, "write:repository"),
    f"get {_PULL}/reviews": (pulls.list_reviews, "read:repository"),
    f"post {_PULL}/requested_reviewers": (pulls.request_reviews, "write:repository"),
    f"post {_PULL}/merge": (pulls.merge_pull, "write:repository"),
    f"delete {_PULL}/merge": (pulls.cancel_merge, "write:repository"),
}
"""What answers each operation, and the scope of the token that it takes."""


class GiteaServer(ForgeServer):
    """A Gitea, or the server of which `kind` is the name in the descriptions."""

    kind = "gitea"

    def __init__(self, folder: Path, *, below: str = "") -> None:
        super().__init__(f"{below}/api/v1")
        self.world = GiteaWorld(folder)
        self.max_items, self.max_files, self.tree_entries, self.max_blob = 50, 30, 1_000, 10 * 1024 * 1024
        """Its settings for the API."""
        self.left_out: frozenset[str] = frozenset()
        """Operations that this version does not have."""
        self.shows_protections = True
        """Whether accounts administer the repositories. Only administrators see the rules for branches."""
        self.has_git = True
        """Whether it lets git in over http."""
        self._below = below
        self.webhooks = GiteaWebhooks(self.kind, self.url, self.world)

    @property
    def url(self) -> str:
        """Where people look."""
        return f"http://{self.host}{self._below}"

    def problem(self, status: int, message: object = None) -> ForgeReply:
        return ProblemError(status, str(message)).reply

    def changes(self, asked: ApiRequest) -> bool:
        if self._git_path(asked) is not None:
            return asked.method == "POST" and asked.path.endswith("git-receive-pack")
        return super().changes(asked)

    def body_of(self, headers: Mapping[str, str], raw: bytes) -> Any:
        return raw if headers.get("content-type", "").startswith("application/x-git") else super().body_of(headers, raw)

    def find_contract_problems(self, exchange: ApiExchange) -> Iterator[str]:
        if {"sudo"} & {*exchange.headers, *exchange.asked.words}:
            yield f"{exchange.line}: acts as another user"
        if self._git_path(exchange.asked) is None:
            yield from violations(self.kind, exchange)

    def perform(self, asked: ApiRequest) -> ForgeReply:
        try:
            git_path = self._git_path(asked)
            return self._perform(asked) if git_path is None else self._git(asked, git_path)
        except ProblemError as problem:
            return problem.reply

    def _perform(self, asked: ApiRequest) -> ForgeReply:
        found = find_operation(self.kind, asked.method, asked.path)
        if found is None or found[0] in self.left_out:
            if asked.method in READING:
                raise ProblemError(404, "404 page not found")
            return self.refuse(f"{asked.method} {asked.path}: no such route here")
        handler, scope = _ROUTES[found[0]]
        words = {name: unquote(each) for name, each in found[1].items()}
        call = GiteaCall(
            kind=self.kind,
            query=asked.words,
            body=asked.body,
            token=self._token(asked.headers.get("authorization", "").removeprefix("token ")),
            world=self.world,
            shapes=GiteaJson(self.kind, self.url, self.world.users),
            server=self,
        )
        if call.token is not None and scope and not call.token.has(scope):
            had = ",".join(sorted(call.token.scopes))
            said = f"token does not have at least one of required scope(s), required=[{scope}], token scope={had}"
            raise ProblemError(403, said)
        if "owner" in words:
            moved = self._authorize(call, asked, f"{words.pop('owner')}/{words.pop('repo')}")
            if moved is not None:
                return moved
        return handler(call, *words.values())

    def _token(self, secret: str) -> GiteaToken | None:
        if not secret:
            return None
        if secret not in self.world.tokens:
            raise ProblemError(401, "invalid username, password or token")
        return self.world.tokens[secret]

    def _authorize(self, call: GiteaCall, asked: ApiRequest, name: str) -> ForgeReply | None:
        """Find the repository in the path, and refuse forbidden calls. Return a redirect if it has moved."""
        found = self.world.find(name) or self.world.moved.get(name)
        if found is None or not found.seen_by(call.token.user if call.token else None):
            raise missing("GetRepoByName")
        if self.world.find(name) is None:
            rest = asked.path.removeprefix(f"/repos/{quote(name)}")
            return ForgeReply(307, None, {"Location": f"{self.api}/repos/{found.name}{rest}"})
        call.found = found
        found.settle()
        if asked.method not in READING:
            if found.archived:
                raise ProblemError(423, f"Repo {found.name} is archived")
            if not call.writer.can_write:
                raise ProblemError(403, "user should have a permission to write to a repo")
        return None

    def _git_path(self, asked: ApiRequest) -> str | None:
        """Return the path of a request by git, below the root of the repositories; None for other requests."""
        path = unquote(asked.path).removeprefix(self._below)
        return path if path.endswith(tuple(f".git/{service}" for service in git_http.SERVICES)) else None

    def _git(self, asked: ApiRequest, path: str) -> ForgeReply:
        """Let git in with a token as the password, and refuse pushes to branches that a rule protects."""
        denied = ForgeReply(401, b"Unauthorized", {"WWW-Authenticate": 'Basic realm="Gitea"'})
        credentials = b64decode(asked.headers.get("authorization", "").removeprefix("Basic ")).decode()
        secret = credentials.partition(":")[2]
        token = self.world.tokens.get(secret)
        if secret and token is None:
            return denied
        found = self.world.find(path[1 : path.index(".git/")])
        if found is None or not found.seen_by(token.user if token else None):
            return ForgeReply(404, b"Not found") if token else denied
        is_push = "git-receive-pack" in path + asked.query
        if is_push and token is None:
            return denied
        may_push = token is not None and token.can_write and token.has("write:repository") and not found.archived
        if not self.has_git or (is_push and not may_push):
            return ForgeReply(403, b"Forbidden")
        if is_push:
            self._write_hook(found.git.directory, found.protected)
        reply = git_http.serve(found.git.directory, path[path.index(".git/") + 4 :], asked)
        if is_push and asked.method == "POST":
            found.settle()
        return reply

    def _write_hook(self, directory: Path, protected: Mapping[str, object]) -> None:
        """Let git refuse pushes to protected branches, with the words of the server's own hook."""
        hook = directory / "hooks" / "pre-receive"
        if not protected:
            hook.unlink(missing_ok=True)
            return
        tests = " || ".join(f'case "$ref" in refs/heads/{each}) true;; *) false;; esac' for each in protected)
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(
            "#!/bin/sh\nwhile read -r old new ref; do\n"
            f"if {tests}; then\n"
            'echo "Gitea: Not allowed to push to protected branch ${ref#refs/heads/}" >&2; exit 1\n'
            "fi; done\n"
        )
        hook.chmod(0o755)


class ForgejoServer(GiteaServer):
    """A Forgejo."""

    kind = "forgejo"
