"""One call to the API of GitHub: its parameters, and the responses that refuse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from support.forges.github.shapes import GitHubJson
from support.forges.github.state import GitHubApp, GitHubRepository, GitHubToken
from support.forges.github.world import GitHubWorld
from support.forges.server import ForgeReply

DEFAULT_PAGE, MAX_PAGE = 30, 100
DOCUMENTATION = "https://docs.github.com/rest"


class ProblemError(Exception):
    """GitHub refuses a call, with a status and a message."""

    def __init__(self, status: int, message: str, errors: Sequence[Mapping[str, str]] = (), **headers: str) -> None:
        super().__init__(message)
        body: dict[str, Any] = {"message": message, "documentation_url": DOCUMENTATION}
        if errors:
            body["errors"] = list(errors)
        self.reply = ForgeReply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def invalid(resource: str, message: str = "", *, code: str = "custom", fault: str = "") -> ProblemError:
    """Return the usual 422, with one error in its list."""
    words = {"resource": resource, "code": code, "field": fault, "message": message}
    return ProblemError(422, "Validation Failed", [{key: word for key, word in words.items() if word}])


@dataclass
class GitHubCall:
    """One request, already let in."""

    method: str
    path: str
    """Below the root of the API, without the query."""
    query: Mapping[str, str]
    body: Any
    token: GitHubToken | None
    world: GitHubWorld
    shapes: GitHubJson
    root: str
    found: GitHubRepository | None = None
    app: GitHubApp | None = None
    """Who signed, instead of showing a token."""

    @property
    def repository(self) -> GitHubRepository:
        assert self.found is not None
        return self.found

    @property
    def signer(self) -> GitHubApp:
        """Return the App that speaks for itself."""
        if self.app is None:
            raise ProblemError(401, "A JSON web token could not be decoded")
        return self.app

    @property
    def writer(self) -> GitHubToken:
        """Return the token, which a write needs."""
        if self.token is None:
            raise ProblemError(401, "Requires authentication")
        return self.token

    def need(self, key: str) -> Any:
        """Return a word of the body, which must be there."""
        if not isinstance(self.body, dict) or self.body.get(key) is None:
            raise ProblemError(422, f'Invalid request.\n\n"{key}" wasn\'t supplied.')
        return self.body[key]

    def page(self, items: Sequence[Any]) -> ForgeReply:
        """Return one page of `items` with links to the others (https://docs.github.com/en/rest/using-the-rest-api)."""
        size = min(int(self.query.get("per_page", DEFAULT_PAGE)), MAX_PAGE)
        number = int(self.query.get("page", "1"))
        last = max(1, -(-len(items) // size))
        pages = {"next": number + 1, "last": last} if number < last else {}
        pages |= {"prev": number - 1, "first": 1} if number > 1 else {}
        address = f"{self.root}{self.path}"
        links = [
            f'<{address}?{urlencode({**self.query, "page": page})}>; rel="{relation}"'
            for relation, page in pages.items()
        ]
        headers = {"Link": ", ".join(links)} if links else {}
        return ForgeReply(200, list(items[(number - 1) * size : number * size]), headers)
