"""The proxy settings of the operator."""

from __future__ import annotations

import pytest
from support.listener import HttpListener, HttpReply

from bot.net import BlockedError, HttpClient, HttpsProxy, UnreachableError, Url

GHCR = Url.parse("https://ghcr.io/v2/")


def test_lower_case_https_proxy_takes_precedence_over_upper_case():
    assert HttpsProxy.read_environment({"https_proxy": "http://a", "HTTPS_PROXY": "http://b"}).url == "http://a"
    assert HttpsProxy.read_environment({"HTTPS_PROXY": "http://b"}).url == "http://b"


def test_http_proxy_and_all_proxy_variables_are_ignored():
    assert HttpsProxy.read_environment(
        {"ALL_PROXY": "http://a", "HTTP_PROXY": "http://b", "http_proxy": "http://c"}
    ) == (HttpsProxy())


def test_password_in_proxy_url_is_not_shown():
    assert "secret" not in repr(HttpsProxy("http://user:secret@proxy.corp:3128"))


@pytest.mark.parametrize("entry", ["*", "ghcr.io", ".io", "io", "*.io", "GHCR.io", "ghcr.io:443", "x, ghcr.io ,y"])
def test_host_that_matches_an_entry_of_the_no_proxy_variable_is_contacted_directly(entry):
    assert not HttpsProxy.read_environment({"HTTPS_PROXY": "http://p", "NO_PROXY": entry}).is_used_for(GHCR)


@pytest.mark.parametrize("entry", ["", "hcr.io", "ghcr.io:8443", "a.ghcr.io", "https://ghcr.io", "cr.i"])
def test_host_that_only_resembles_an_entry_of_the_no_proxy_variable_uses_proxy(entry):
    assert HttpsProxy.read_environment({"HTTPS_PROXY": "http://p", "NO_PROXY": entry}).is_used_for(GHCR)


def test_plain_http_request_never_uses_proxy():
    assert not HttpsProxy("http://p").is_used_for(Url.parse("http://127.0.0.1:5000/"))


def test_proxy_is_asked_to_connect_to_host_name_and_port():
    with HttpListener(lambda received: HttpReply(403)) as proxy:
        client = HttpClient(
            environment={"HTTPS_PROXY": proxy.url}, sleep=lambda seconds: None, resolve=lambda host, port: ["8.8.8.8"]
        )
        with pytest.raises(UnreachableError, match=r"https://ghcr\.io/v2/ did not answer"):
            client.request("GET", "https://ghcr.io/v2/?secret=1", limit=1)
    assert set(proxy.asked) == {"CONNECT ghcr.io:443"}


def test_host_name_with_private_address_is_blocked_before_proxy_is_contacted():
    with HttpListener(lambda received: HttpReply(403)) as proxy:
        client = HttpClient(environment={"HTTPS_PROXY": proxy.url}, resolve=lambda host, port: ["10.0.0.1"])
        with pytest.raises(BlockedError):
            client.request("GET", "https://ghcr.io/", limit=1)
    assert not proxy.received
