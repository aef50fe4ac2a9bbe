"""One call to the API of a Gitea or Forgejo: what it asks, and the ways to say no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from support.forges.gitea.shapes import Shapes
from support.forges.gitea.state import Issue, Pull, Repository, Token, World
from support.forges.server import Reply


class ProblemError(Exception):
    """The answer is no."""

    def __init__(self, status: int, message: str = "", errors: Sequence[str] = ()) -> None:
        super().__init__(message)
        body = {"message": message, "url": "http://127.0.0.1/api/swagger"}
        self.reply = Reply(status, body | ({"errors": list(errors)} if errors else {}))


def missing(what: str) -> ProblemError:
    return ProblemError(404, "The target couldn't be found.", [what])


class Settings(Protocol):
    """The settings of the server."""

    max_items: int
    max_files: int
    tree_entries: int
    max_blob: int
    shows_protections: bool


@dataclass
class Call:
    """One request, already let in."""

    kind: str
    """`gitea` or `forgejo`."""
    query: Mapping[str, str]
    body: Any
    token: Token | None
    world: World
    shapes: Shapes
    server: Settings
    found: Repository | None = None

    @property
    def repository(self) -> Repository:
        assert self.found is not None
        return self.found

    @property
    def writer(self) -> Token:
        """Return the token, which a write needs."""
        if self.token is None:
            raise ProblemError(401, "token is required")
        return self.token

    def find_issue(self, index: str) -> Issue:
        issues = self.repository.issues
        if not index.isdecimal() or not 0 < int(index) <= len(issues):
            raise missing(f"issue does not exist [index: {index}]")
        return issues[int(index) - 1]

    def find_pull(self, index: str) -> Pull:
        issue = self.find_issue(index)
        if not isinstance(issue, Pull):
            raise missing(f"pull request does not exist [index: {index}]")
        return issue

    def page(self, items: Sequence[Any]) -> Reply:
        """Return one page of `items`, which is never larger than the server's setting."""
        size = min(int(self.query.get("limit") or 30), self.server.max_items)
        start = (int(self.query.get("page") or 1) - 1) * size
        return Reply(200, list(items[start : start + size]), {"X-Total-Count": str(len(items))})
