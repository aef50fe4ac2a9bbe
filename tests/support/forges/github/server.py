"""The GitHub that listens: it lets in, and answers by REST and GraphQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from support.forges.github.apps import signer_of
from support.forges.github.calls import GitHubCall, ProblemError
from support.forges.github.contract import violations
from support.forges.github.graphql import GraphQL, UnknownQueryError, execute, is_write
from support.forges.github.routes import find_route, let_in
from support.forges.github.shapes import GitHubJson
from support.forges.github.state import GitHubToken
from support.forges.github.webhooks import GitHubWebhooks
from support.forges.github.world import GitHubWorld
from support.forges.server import ApiExchange, ApiRequest, ForgeReply, ForgeServer

_BY_NUMBER = re.compile("^/repositories/([0-9]+)")
"""Where GitHub sends who asks for a repository by an old name; its description leaves that address out."""
_SIGNATURE_DOTS = 2
"""A JSON Web Token has three parts."""


class GitHubServer(ForgeServer):
    """github.com, or an Enterprise Server, whose GraphQL lies beside its REST."""

    def __init__(self, folder: Path, *, enterprise: bool = False, graphql: GraphQL = GraphQL.WHOLE) -> None:
        super().__init__("/api/v3" if enterprise else "")
        self.world = GitHubWorld(folder)
        self.graphql = graphql
        self._graphql_path = "/api/graphql" if enterprise else "/graphql"
        self.webhooks = GitHubWebhooks(self.api, self.world)

    @property
    def url(self) -> str:
        """Of the API."""
        return self.api

    def problem(self, status: int, message: str, **headers: str) -> ForgeReply:
        """Return a refusal in GitHub's form."""
        return ProblemError(status, message, **headers).reply

    def reply_of(self, path: str) -> ForgeReply:
        """Return the response to a GET without sending a request."""
        token = next(iter(self.world.tokens.values()))
        return self._rest(self._call(ApiRequest("GET", path, "", None, {}), token))

    def changes(self, asked: ApiRequest) -> bool:
        """Return True if a request writes; token requests and GraphQL queries are posted, but only read."""
        is_token = asked.path.endswith("/access_tokens")
        return super().changes(asked) and not is_token and is_write(asked.path, asked.body)

    def find_contract_problems(self, exchange: ApiExchange) -> Iterator[str]:
        if exchange.target.startswith(self._graphql_path):
            return
        yield from violations(
            exchange.method,
            _BY_NUMBER.sub("/repos/any/any", exchange.target),
            exchange.request,
            exchange.status,
            exchange.response,
            has_body=exchange.request is not None,
        )

    def perform(self, asked: ApiRequest) -> ForgeReply:
        try:
            call = self._call(asked, None)
            self._authorize(call, asked.headers)
            answered = execute(call, self.graphql) if call.path == self._graphql_path else self._rest(call)
            return _with_scopes(answered, call.token)
        except ProblemError as problem:
            return problem.reply
        except UnknownQueryError as error:
            return self.refuse(f"GraphQL: {error}")

    def _call(self, asked: ApiRequest, token: GitHubToken | None) -> GitHubCall:
        return GitHubCall(
            method=asked.method,
            path=unquote(asked.path),
            query=asked.words,
            body=asked.body,
            token=token,
            world=self.world,
            shapes=GitHubJson(self.url, self.world),
            root=self.url,
        )

    def _rest(self, call: GitHubCall) -> ForgeReply:
        call.path = _BY_NUMBER.sub(lambda found: f"/repos/{self._numbered(int(found[1]))}", call.path)
        route = find_route(call.method, call.path)
        if route is None:
            return self.refuse(f"{call.method} {call.path}: no such route here")
        handler, words = route
        let_in(call, words)
        return handler(call, *words.values())

    def _numbered(self, number: int) -> str:
        return next(each.name for each in self.world.repositories.values() if each.id == number)

    def _authorize(self, call: GitHubCall, headers: Mapping[str, str]) -> None:
        _, _, secret = headers.get("authorization", "").partition(" ")
        if secret.count(".") == _SIGNATURE_DOTS:
            call.app = signer_of(self.world, secret)
            if not call.path.startswith("/app"):
                raise ProblemError(403, "Resource not accessible by integration")
        elif secret:
            call.token = self.world.tokens.get(secret)
            until = call.token.expires if call.token is not None else None
            if call.token is None or (until is not None and until < datetime.now(UTC)):
                raise ProblemError(401, "Bad credentials")


def _with_scopes(reply: ForgeReply, token: GitHubToken | None) -> ForgeReply:
    """Name the scopes of a classic token, as every answer to one does."""
    if token is None or token.scopes is None:
        return reply
    return replace(reply, headers={**reply.headers, "X-OAuth-Scopes": ", ".join(sorted(token.scopes))})
