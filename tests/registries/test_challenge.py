"""Parsing of WWW-Authenticate headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.registries.challenge import MAX_HEADER_LENGTH, parse_challenges

READ = {
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"': [
        (
            "bearer",
            {
                "realm": "https://auth.docker.io/token",
                "service": "registry.docker.io",
                "scope": "repository:a/b:pull,push",
            },
        )
    ],
    'Bearer realm="https://codeberg.org/v2/token",service=x, Basic realm="y"': [
        ("bearer", {"realm": "https://codeberg.org/v2/token", "service": "x"}),
        ("basic", {"realm": "y"}),
    ],
    r'bEaReR  Realm = "a\"b\\c" , SERVICE=d': [("bearer", {"realm": r"a\"b\c".replace(r"\"", '"'), "service": "d"})],
    "Basic": [("basic", {})],
    "Negotiate, Basic": [("negotiate", {}), ("basic", {})],
    "Negotiate abc==, Basic realm=x": [("negotiate", {}), ("basic", {"realm": "x"})],
    'Digest a=b, c="d, Basic realm=e", f=g': [("digest", {"a": "b", "c": "d, Basic realm=e", "f": "g"})],
    ',, Basic realm="a",,': [("basic", {"realm": "a"})],
    "Bearer realm=a, realm=b": [("bearer", {"realm": "a"})],
    'Basic realm="unterminated': [("basic", {})],
    "": [],
    "=": [],
}


@pytest.mark.parametrize("header", READ)
def test_www_authenticate_header_is_parsed_into_challenges(header):
    assert [(challenge.scheme, dict(challenge.parameters)) for challenge in parse_challenges(header)] == READ[header]


def test_too_long_www_authenticate_header_is_truncated():
    assert parse_challenges("Basic realm=" + "x" * MAX_HEADER_LENGTH * 2)[0].parameters["realm"] == "x" * (
        MAX_HEADER_LENGTH - 12
    )


@given(st.text(alphabet='aB=", \\\t', max_size=60))
def test_arbitrary_www_authenticate_header_is_parsed_without_error(header):
    parse_challenges(header)
