"""A forge that repeats the credential in its errors does not get it into messages, the state or pages."""

from __future__ import annotations

import base64
import json

import pytest
from support.forges.hosted_stand import no_pause
from support.listener import HttpListener, HttpReply

from bot.forges.azure.connection import AzureConnection, AzureCredential, CredentialKind
from bot.forges.gitea.connection import GiteaConnection
from bot.forges.github.connection import GitHubConnection, StaticToken
from bot.forges.gitlab.connection import GitLabConnection
from bot.forges.hosted.refusal import RefusedError

TOKEN = "tok-0123456789abcdef0123456789abcdef"
CALLS = {
    "GitHub": lambda url: GitHubConnection(url, StaticToken(TOKEN), pause=no_pause).read(
        "read the labels", lambda client: client.get_user().login
    ),
    "GitLab": lambda url: GitLabConnection(url, TOKEN, pause=no_pause).read(
        "read the labels", lambda client: client.http_get("/labels")
    ),
    "Azure": lambda url: AzureConnection(
        url, AzureCredential(CredentialKind.PERSONAL, lambda: TOKEN), pause=no_pause
    ).read("read the labels", "/labels"),
    "Gitea": lambda url: GiteaConnection(url, TOKEN, pause=no_pause).read("read the labels", "/labels"),
    "git": lambda url: GiteaConnection(url, TOKEN, pause=no_pause).build_origin("a/b").read_default_branch(),
}
ECHOES = {
    "plain": TOKEN,
    "Base64": base64.b64encode(f":{TOKEN}".encode()).decode(),
    "header": f"Authorization: token {TOKEN}",
}
HEADERS = (
    "X-Accepted-GitHub-Permissions",
    "X-Accepted-OAuth-Scopes",
    "WWW-Authenticate",
    "X-TFS-ServiceError",
    "X-RateLimit-Reset",
    "Retry-After",
    "Location",
)


def build_echo(status: int, echo: str, left_out: str) -> HttpReply:
    document = {
        "message": f"Resource not accessible by integration: {echo}",
        "error": echo,
        "error_description": echo,
        "errors": [{"message": echo, "type": echo}],
        "typeKey": echo,
        "url": echo,
    }
    headers = {name: echo for name in HEADERS if name != left_out}
    return HttpReply(status, json.dumps(document).encode(), {"Content-Type": "application/json", **headers})


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503])
@pytest.mark.parametrize("forge", CALLS)
def test_token_repeated_by_a_forge_is_masked_in_the_error(forge, status, echo):
    """Without the time at which a rate limit ends, the client libraries read the rest of the response."""
    for left_out in ("", "X-RateLimit-Reset"):
        reply = build_echo(status, ECHOES[echo], left_out)
        with HttpListener(lambda _, reply=reply: reply) as server, pytest.raises(RefusedError) as caught:
            CALLS[forge](server.url)
        assert_hidden(caught.value)


def assert_hidden(error: RefusedError) -> None:
    shown = f"{error} {error.server_message}"
    assert TOKEN not in shown
    assert ECHOES["Base64"] not in shown
