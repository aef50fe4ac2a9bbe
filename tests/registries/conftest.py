"""What tests of Azure's registries share."""

from __future__ import annotations

import os

import pytest
from support.clouds.acr import Acr
from support.clouds.azure_scene import IMAGE, MANAGERS, NAMES
from support.clouds.entra import Entra
from support.registries.docker_registry import Certificate

from bot.registries import azure_identity

FOREIGN = ("AZURE_", "ACTIONS_ID_TOKEN_", "IDENTITY_", "MSI_", "IMDS_")


@pytest.fixture(autouse=True)
def asset_tag(monkeypatch, tmp_path):
    """No test finds who this machine is to Azure; what is written here is what it is."""
    monkeypatch.setattr(azure_identity, "ASSET_TAG", tmp_path / "tag")
    for variable in list(os.environ):
        if variable.startswith(FOREIGN):
            monkeypatch.delenv(variable)
    return tmp_path / "tag"


@pytest.fixture
def certificate(tmp_path):
    return Certificate.make(tmp_path, *NAMES, *MANAGERS)


@pytest.fixture
def entra(certificate):
    with Entra(certificate) as started:
        yield started


@pytest.fixture
def acr(certificate, entra):
    with Acr(certificate, entra) as started:
        started.push(IMAGE, "team/app", "1")
        yield started
