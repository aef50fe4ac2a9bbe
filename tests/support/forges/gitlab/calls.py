"""One call to the API of GitLab: its parameters, and the responses that refuse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from support.forges.gitlab.shapes import GitLabJson
from support.forges.gitlab.state import GitLabProject, GitLabToken, GitLabWorld
from support.forges.server import ForgeReply

DEFAULT_PAGE, MAX_PAGE = 20, 100


class ProblemError(Exception):
    """GitLab refuses a call, in one of its formats for errors."""

    def __init__(self, status: int, message: object = None, **more: object) -> None:
        super().__init__(message)
        self.reply = ForgeReply(status, more if message is None else {"message": message} | more)


def missing(what: str) -> ProblemError:
    return ProblemError(404, f"404 {what} Not Found")


@dataclass
class GitLabCall:
    """One request, already let in; words of query and body count alike, as they do to GitLab."""

    method: str
    path: str
    """Below the root of the API, without the query."""
    words: Mapping[str, Any]
    token: GitLabToken | None
    world: GitLabWorld
    shapes: GitLabJson
    root: str
    found: GitLabProject | None = None

    @property
    def project(self) -> GitLabProject:
        assert self.found is not None
        return self.found

    @property
    def writer(self) -> GitLabToken:
        """Return the token, which a write needs."""
        if self.token is None:
            raise ProblemError(401, "401 Unauthorized")
        return self.token

    def seen_in(self, namespace: str) -> list[GitLabProject]:
        """Return the projects below a group or a person that the token sees."""
        user = self.token.user if self.token else None
        return [each for each in self.world.below(namespace) if each.seen_by(user)]

    def need(self, key: str) -> Any:
        """Return a word that must be there."""
        if self.words.get(key) is None:
            raise ProblemError(400, error=f"{key} is missing")
        return self.words[key]

    def page(self, items: Sequence[Any]) -> ForgeReply:
        """Return one page of `items` (https://docs.gitlab.com/api/rest/#offset-based-pagination)."""
        size, number = self._size(), int(self.words.get("page", "1"))
        last = max(1, -(-len(items) // size))
        pages = {"prev": number - 1} if number > 1 else {}
        pages |= {"next": number + 1} if number < last else {}
        pages |= {"first": 1, "last": last}
        links = [self._link(relation, page=page, per_page=size) for relation, page in pages.items()]
        headers = {
            "Link": ", ".join(links),
            "X-Next-Page": str(pages.get("next", "")),
            "X-Page": str(number),
            "X-Per-Page": str(size),
            "X-Prev-Page": str(pages.get("prev", "")),
            "X-Total": str(len(items)),
            "X-Total-Pages": str(last),
        }
        return ForgeReply(200, list(items[(number - 1) * size : number * size]), headers)

    def keyset(self, items: Sequence[Any], keys: Sequence[str]) -> ForgeReply:
        """Return one page and the way to the next one alone (https://docs.gitlab.com/api/rest/#keyset-based-pagination)."""
        size, token = self._size(), self.words.get("page_token")
        start = keys.index(token) + 1 if token else 0
        end = start + size
        headers = {"X-Per-Page": str(size)}
        if end < len(items):
            headers["Link"] = self._link("next", page_token=keys[end - 1], per_page=size)
        return ForgeReply(200, list(items[start:end]), headers)

    def _size(self) -> int:
        return min(int(self.words.get("per_page", DEFAULT_PAGE)), MAX_PAGE)

    def _link(self, relation: str, **more: object) -> str:
        return f'<{self.root}{self.path}?{urlencode({**self.words, **more})}>; rel="{relation}"'
