"""The session for client libraries: it has one origin and limited bodies, and ignores the machine's settings."""

from __future__ import annotations

import gzip

import pytest
import requests
import responses
from support.listener import HttpListener, HttpReply

from bot.net import ApiSession, BlockedError, OperatorSession, OversizedError

LIMIT = 1000


def _build_session(url, environment=None):
    return ApiSession(url, limit=LIMIT, environment=environment or {})


def test_session_sends_request_to_any_path_of_origin():
    with HttpListener(lambda received: HttpReply(200, received.path.encode())) as api:
        answer = _build_session(f"{api.url}/api").get(f"{api.url}/elsewhere?x=1", timeout=5)
    assert answer.content == b"/elsewhere?x=1"
    assert api.received[0].headers["user-agent"].startswith("basebump/")


def test_session_blocks_request_to_other_origin():
    with HttpListener(lambda _: HttpReply()) as other, HttpListener(lambda _: HttpReply()) as api:
        with pytest.raises(BlockedError, match="another host"):
            _build_session(api.url).get(other.url, timeout=5)
        assert other.received == []


def test_session_follows_redirects_only_on_same_origin():
    with HttpListener(lambda _: HttpReply()) as other:
        target = {"/old": "/new", "/away": f"{other.url}/stolen", "/": "/"}

        def answer(received):
            location = target.get(received.path)
            return HttpReply(301, b"", {"Location": location}) if location else HttpReply(200, b"here")

        with HttpListener(answer) as moving:
            asking = _build_session(moving.url)
            token = {"PRIVATE-TOKEN": "secret"}
            assert asking.get(f"{moving.url}/old", headers=token, timeout=5).content == b"here"
            with pytest.raises(BlockedError):
                asking.get(f"{moving.url}/away", headers=token, timeout=5)
            with pytest.raises(requests.TooManyRedirects):
                asking.get(f"{moving.url}/", timeout=5)
        assert other.received == []


@pytest.mark.parametrize("location", ["http://[", "http://a]/", "/\xff"])
def test_session_blocks_redirect_with_malformed_location(location):
    with (
        HttpListener(lambda _: HttpReply(301, b"", {"Location": location})) as api,
        pytest.raises(BlockedError, match="syntax"),
    ):
        _build_session(api.url).get(f"{api.url}/old", timeout=5)


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_session_refuses_body_longer_than_limit_after_decompression(encoding):
    def answer(received):
        body = b"x" * int(received.path[1:])
        headers = {"Content-Encoding": encoding} if encoding else {}
        return HttpReply(200, gzip.compress(body) if encoding else body, headers)

    with HttpListener(answer) as api:
        asking = _build_session(api.url)
        assert len(asking.get(f"{api.url}/{LIMIT}", timeout=5).content) == LIMIT
        with pytest.raises(OversizedError, match="more than 1000 bytes"):
            asking.get(f"{api.url}/{LIMIT + 1}", timeout=5)


def test_session_does_not_send_cookies_back():
    with HttpListener(lambda _: HttpReply(200, b"", {"Set-Cookie": "session=1"})) as api:
        asking = _build_session(api.url)
        for _ in range(2):
            asking.get(api.url, timeout=5)
    assert "cookie" not in api.received[1].headers


def test_session_ignores_netrc_and_environment_proxies(monkeypatch, isolated_home):
    (isolated_home / ".netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with HttpListener(lambda _: HttpReply()) as api:
        _build_session(api.url).get(api.url, timeout=5)
    assert "authorization" not in api.received[0].headers


@pytest.mark.parametrize(
    ("url", "proxies"),
    [
        ("https://gitlab.example", {"https": "http://proxy.example:3128"}),
        ("https://git.inside.example", {}),
        ("http://127.0.0.1:8080", {}),
    ],
)
@responses.activate
def test_session_uses_https_proxy_unless_url_is_http_or_no_proxy_lists_the_host(url, proxies):
    environment = {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "inside.example"}
    responses.get(url)
    _build_session(url, environment).get(url, timeout=5)
    OperatorSession(limit=LIMIT, environment=environment).get(url, timeout=5)
    assert [dict(call.request.req_kwargs["proxies"]) for call in responses.calls] == [proxies, proxies]


def test_session_uses_ca_file_in_ssl_cert_file():
    assert _build_session("https://gitlab.example", {"SSL_CERT_FILE": "/ca.pem"}).verify == "/ca.pem"
    assert _build_session("https://gitlab.example").verify is True
