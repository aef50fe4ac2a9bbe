"""Fixtures for tests of Azure Container Registry."""

from __future__ import annotations

import os

import pytest
from support.clouds.acr import FakeAcr
from support.clouds.azure_scene import IMAGE, MANAGERS, NAMES
from support.clouds.entra import FakeEntra
from support.registries.docker_registry import SelfSignedCertificate

from bot.registries import azure_identity

FOREIGN = ("AZURE_", "ACTIONS_ID_TOKEN_", "IDENTITY_", "MSI_", "IMDS_")


@pytest.fixture(autouse=True)
def asset_tag(monkeypatch, tmp_path):
    """Hide the machine's Azure identity from tests; a test can write another asset tag to the returned path."""
    monkeypatch.setattr(azure_identity, "ASSET_TAG_FILE", tmp_path / "tag")
    for variable in list(os.environ):
        if variable.startswith(FOREIGN):
            monkeypatch.delenv(variable)
    return tmp_path / "tag"


@pytest.fixture
def certificate(tmp_path):
    return SelfSignedCertificate.make(tmp_path, *NAMES, *MANAGERS)


@pytest.fixture
def entra(certificate):
    with FakeEntra(certificate) as started:
        yield started


@pytest.fixture
def acr(certificate, entra):
    with FakeAcr(certificate, entra) as started:
        started.push(IMAGE, "team/app", "1")
        yield started
