"""The credential for Trivy is bound to one host, by the name that Docker's config uses for it."""

from __future__ import annotations

import base64

import pytest

from bot.model.image import PullAddress
from bot.scanners._scanner_program import build_docker_config


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("ghcr.io/acme/base@sha256:0", "ghcr.io"),
        ("127.0.0.1:5000/acme/base@sha256:0", "127.0.0.1:5000"),
        ("docker.io/library/debian@sha256:0", "https://index.docker.io/v1/"),
        ("index.docker.io/library/debian@sha256:0", "https://index.docker.io/v1/"),
    ],
)
def test_credential_for_scanner_is_bound_to_registry_host(reference, key):
    config = build_docker_config(PullAddress(reference, is_insecure=False, username="robot", password="a:b c,d"))
    assert list(config["auths"]) == [key]
    assert base64.b64decode(config["auths"][key]["auth"]) == b"robot:a:b c,d"


@pytest.mark.parametrize("half", [{}, {"username": "robot"}, {"password": "secret"}])
def test_incomplete_credential_for_scanner_is_ignored(half):
    assert build_docker_config(PullAddress("ghcr.io/acme/base@sha256:0", is_insecure=False, **half)) == {}
