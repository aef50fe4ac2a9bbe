"""Fixtures for tests of verifiers: a registry, and key pairs made by cosign."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.registries.docker_registry import DockerRegistry
from support.signing.cosign import CosignKeyPair

from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry


@pytest.fixture(scope="session")
def registry():
    with DockerRegistry() as running:
        yield running


@pytest.fixture(scope="session")
def artifacts(registry):
    entry = RegistryEntry(registry.host, is_insecure=True)
    return OciRegistry([entry], environment={}, sleep=lambda seconds: None).create_artifacts()


@pytest.fixture(scope="session")
def own_keys(tmp_path_factory):
    return CosignKeyPair.with_new_keys(tmp_path_factory.mktemp("keys") / "ours")


@pytest.fixture(scope="session")
def foreign_keys(tmp_path_factory):
    return CosignKeyPair.with_new_keys(tmp_path_factory.mktemp("keys") / "theirs")


@pytest.fixture(scope="session")
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def stranger():
    return ec.generate_private_key(ec.SECP256R1())
