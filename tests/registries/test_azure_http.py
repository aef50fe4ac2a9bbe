"""Requests of Azure's libraries: no redirect is followed, and responses are limited."""

import pytest
from azure.core.rest import HttpRequest
from support.listener import HttpListener, HttpReply

from bot.net import HostTrust, HttpClient, OversizedError
from bot.registries.azure_http import MAX_RESPONSE_SIZE, make_sender


def send(server: HttpListener):
    http = HttpClient({server.host: HostTrust(is_insecure=True)}, environment={})
    return make_sender(http)(HttpRequest("POST", f"{server.url}/token", content=b"client_secret=t0p"))


def test_redirect_of_azure_library_request_is_not_followed():
    with HttpListener(lambda received: HttpReply(307, headers={"Location": "/elsewhere"})) as server:
        assert send(server).status == 307
    assert server.asked == ["POST /token"]


def test_response_to_azure_library_above_size_limit_is_refused():
    with (
        HttpListener(lambda received: HttpReply(200, b" " * (MAX_RESPONSE_SIZE + 1))) as server,
        pytest.raises(OversizedError),
    ):
        send(server)
