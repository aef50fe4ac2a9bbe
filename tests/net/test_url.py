"""Untrusted URLs: parsed strictly, and shown without secrets."""

from __future__ import annotations

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from bot.net import BlockedError, Url
from bot.net.url import MAX_URL_LENGTH, split_authority


def test_parsed_url_has_normalised_text():
    assert str(Url.parse("https://Auth.Docker.io:443/token?service=a&scope=b")) == (
        "https://auth.docker.io/token?service=a&scope=b"
    )
    assert str(Url.parse("http://127.0.0.1:5000")) == "http://127.0.0.1:5000/"


def test_relative_location_is_resolved_against_base_url():
    base = Url.parse("https://registry.k8s.io/v2/pause/manifests/3.9?a=b")
    assert str(Url.parse("/v2/x", base=base)) == "https://registry.k8s.io/v2/x"
    assert str(Url.parse("latest", base=base)) == "https://registry.k8s.io/v2/pause/manifests/latest"
    assert str(Url.parse("//evil.example/x", base=base)) == "https://evil.example/x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ghcr.io/token",
        "ftp://ghcr.io/",
        "file:///etc/passwd",
        "https://",
        "https:///token",
        "https://user:secret@ghcr.io/token",
        "https://ghcr.io@evil.example/token",
        "https://ghcr.io/token#fragment",
        "https://ghcr.io:port/",
        "https://ghcr.io:99999/",
        "https://gh\\cr.io/",
        "https://ghcr.io\\@evil.example/",
        "https://ghcr.io/to\\ken",
        "https://ghcr.io/with space",
        "https://ghcr.io%00.evil.example/",
        "https://ghcr。io/",
        "https://ghcr.io/tökén",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://a.example/" + "x" * MAX_URL_LENGTH,
    ],
)
def test_ambiguous_url_is_refused(text):
    with pytest.raises(BlockedError):
        Url.parse(text)


@given(st.text(alphabet="htps:/@\\?#[]%.ab1 \t\r\né", max_size=40).map(lambda rest: f"https://{rest}"))
def test_requests_library_connects_to_same_origin_as_parsed_url(text):
    try:
        url = Url.parse(text)
    except BlockedError:
        return
    seen = requests.Request("GET", str(url)).prepare()
    assert Url.parse(str(seen.url)).origin == url.origin


def test_http_and_https_on_same_port_are_different_origins():
    assert Url.parse("http://a.example:5000/").origin != Url.parse("https://a.example:5000/").origin


def test_display_text_of_url_omits_query():
    assert Url.parse("https://s3.example/blob?X-Signature=secret").display_text == "https://s3.example/blob"


@pytest.mark.parametrize(
    "text", ["gopher://user:secret@a.example/b?secret#secret", "https://secret@b.example/", "https://b:x/?secret"]
)
def test_error_for_refused_url_shows_no_user_info_and_no_query(text):
    with pytest.raises(BlockedError) as caught:
        Url.parse(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ghcr.io", ("ghcr.io", None)),
        ("Ghcr.io.", ("ghcr.io", None)),
        ("127.0.0.1:5000", ("127.0.0.1", 5000)),
        ("[::1]:5000", ("[::1]", 5000)),
        ("[::1]", ("[::1]", None)),
    ],
)
def test_host_and_optional_port_are_split(text, parts):
    assert split_authority(text) == parts


@pytest.mark.parametrize("text", ["", "a b", "a:b", "https://a", "a/b", "é.example", ":5000", "a:5000:1", "a:\u0665"])
def test_invalid_host_or_port_is_refused(text):
    with pytest.raises(ValueError, match="valid host"):
        split_authority(text)
