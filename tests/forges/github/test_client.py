"""PyGithub's requests go through basebump's own session, with its limits and the operator's documented settings."""

from __future__ import annotations

import pytest
import responses
from github import Consts
from support.forges.hosted_stand import no_pause
from support.listener import HttpListener, HttpReply

from bot.forges.github import client as github_client
from bot.forges.github.connection import GitHubConnection, StaticToken
from bot.forges.hosted.refusal import RefusedError

ENTERPRISE = "https://ghe.example/api/v3"


def _read(url, path="/user", verb="GET", **options):
    connection = GitHubConnection(url, StaticToken("secret"), pause=no_pause, **options)
    return connection.read("read something", lambda client: client.requester.requestJsonAndCheck(verb, path))


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_https_request_uses_proxy_from_https_proxy_variable(variable, monkeypatch):
    with HttpListener(lambda _: HttpReply(403)) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        with pytest.raises(RefusedError):
            _read(ENTERPRISE)
    assert set(proxy.asked) == {"CONNECT ghe.example:443"}


def test_plain_http_request_ignores_all_proxy_variables(monkeypatch):
    with HttpListener(lambda _: HttpReply(403)) as proxy, HttpListener(lambda _: HttpReply(200, b"{}")) as server:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
            monkeypatch.setenv(variable.lower(), proxy.url)
        _read(server.url)
    assert proxy.asked == []
    assert server.asked == ["GET /user"]


@responses.activate
@pytest.mark.parametrize(("variable", "verify"), [("SSL_CERT_FILE", "/ca.pem"), ("REQUESTS_CA_BUNDLE", True)])
def test_ssl_cert_file_sets_trusted_certificates_but_requests_ca_bundle_does_not(variable, verify, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv(variable, "/ca.pem")
    responses.get(f"{ENTERPRISE}/user", json={})
    _read(ENTERPRISE)
    assert responses.calls[0].request.req_kwargs["verify"] == verify


def test_login_in_netrc_is_not_sent(isolated_home):
    (isolated_home / ".netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    with HttpListener(lambda _: HttpReply(200, b"{}")) as server:
        GitHubConnection(server.url, StaticToken(None), pause=no_pause).read(
            "read something", lambda client: client.requester.requestJsonAndCheck("GET", "/user")
        )
    assert "authorization" not in server.received[0].headers


def test_response_larger_than_size_limit_is_refused(monkeypatch):
    monkeypatch.setattr(github_client, "MAX_ANSWER", 100)
    with (
        HttpListener(lambda _: HttpReply(200, b"[" + b" " * 100 + b"]")) as server,
        pytest.raises(RefusedError, match="more than 100 bytes"),
    ):
        _read(server.url)


@pytest.mark.parametrize("link", ["https://api.ghe.example/x", "https://uploads.ghe.example/x"])
@responses.activate
def test_request_to_subdomain_of_configured_host_is_refused(link):
    with pytest.raises(RefusedError, match="another host"):
        _read(ENTERPRISE, link)
    assert len(responses.calls) == 0


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_endless_redirects_are_refused_after_maximum_number_of_repetitions(verb, monkeypatch):
    monkeypatch.setattr("bot.forges.hosted.connection.BACKOFF_SECONDS", ())

    def redirect(received):
        other = "/b" if received.path == "/a" else "/a"
        return HttpReply(301, b"", {"Location": f"{server.url}{other}"})

    with HttpListener(redirect) as server, pytest.raises(RefusedError, match="more than 3 times"):
        _read(server.url, "/a", verb)
    assert len(server.received) == 1 + github_client.MAX_REPETITIONS


def test_endless_202_responses_are_refused_after_maximum_number_of_repetitions(monkeypatch):
    monkeypatch.setattr(Consts, "PROCESSING_202_WAIT_TIME", 0)
    monkeypatch.setattr("bot.forges.hosted.connection.BACKOFF_SECONDS", ())
    with (
        HttpListener(lambda _: HttpReply(202, b"{}")) as server,
        pytest.raises(RefusedError, match="more than 3 times"),
    ):
        _read(server.url)
    assert len(server.received) == 1 + github_client.MAX_REPETITIONS


def test_successive_requests_share_one_tcp_connection(monkeypatch):
    with HttpListener(lambda _: HttpReply(200, b"{}")) as server:
        accepted = []
        accept = server._server.get_request
        monkeypatch.setattr(server._server, "get_request", lambda: accepted.append(1) or accept())
        connection = GitHubConnection(server.url, StaticToken(None), pause=no_pause)
        for _ in range(3):
            connection.read("read something", lambda client: client.requester.requestJsonAndCheck("GET", "/user"))
        assert len(server.received) == 3
    assert len(accepted) == 1
