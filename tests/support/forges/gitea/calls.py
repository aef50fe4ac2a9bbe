"""One call to the API of Gitea or Forgejo: its parameters, and the responses that refuse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from support.forges.gitea.shapes import GiteaJson
from support.forges.gitea.state import GiteaIssue, GiteaPull, GiteaRepository, GiteaToken, GiteaWorld
from support.forges.server import ForgeReply


class ProblemError(Exception):
    """The server refuses a call, with a status and a message."""

    def __init__(self, status: int, message: str = "", errors: Sequence[str] = ()) -> None:
        super().__init__(message)
        body = {"message": message, "url": "http://127.0.0.1/api/swagger"}
        self.reply = ForgeReply(status, body | ({"errors": list(errors)} if errors else {}))


def missing(what: str) -> ProblemError:
    return ProblemError(404, "The target couldn't be found.", [what])


class GiteaSettings(Protocol):
    """The settings of the server."""

    max_items: int
    max_files: int
    tree_entries: int
    max_blob: int
    shows_protections: bool


@dataclass
class GiteaCall:
    """One request, already let in."""

    kind: str
    """`gitea` or `forgejo`."""
    query: Mapping[str, str]
    body: Any
    token: GiteaToken | None
    world: GiteaWorld
    shapes: GiteaJson
    server: GiteaSettings
    found: GiteaRepository | None = None

    @property
    def repository(self) -> GiteaRepository:
        assert self.found is not None
        return self.found

    @property
    def writer(self) -> GiteaToken:
        """Return the token, which a write needs."""
        if self.token is None:
            raise ProblemError(401, "token is required")
        return self.token

    def find_issue(self, index: str) -> GiteaIssue:
        issues = self.repository.issues
        if not index.isdecimal() or not 0 < int(index) <= len(issues):
            raise missing(f"issue does not exist [index: {index}]")
        return issues[int(index) - 1]

    def find_pull(self, index: str) -> GiteaPull:
        issue = self.find_issue(index)
        if not isinstance(issue, GiteaPull):
            raise missing(f"pull request does not exist [index: {index}]")
        return issue

    def page(self, items: Sequence[Any]) -> ForgeReply:
        """Return one page of `items`, which is never larger than the server's setting."""
        size = min(int(self.query.get("limit") or 30), self.server.max_items)
        start = (int(self.query.get("page") or 1) - 1) * size
        return ForgeReply(200, list(items[start : start + size]), {"X-Total-Count": str(len(items))})
