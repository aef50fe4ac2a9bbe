from __future__ import annotations

import pytest
from support.parts import find_trivy
from support.registries.docker_registry import DockerRegistry
from support.scanners.trivy import TrivyStand


@pytest.fixture(scope="session")
def stand(tmp_path_factory):
    with DockerRegistry() as registry:
        yield TrivyStand(registry, tmp_path_factory.mktemp("trivy"))


@pytest.fixture
def program(tmp_path):
    """Make an executable that runs a script instead of scanning an image, and is the real Trivy otherwise."""

    def make(script: str, always: str = "") -> str:
        path = tmp_path / "trivy"
        real = f'exec "{find_trivy()}" "$@"'
        path.write_text(f'#!/bin/sh\n{always}\ncase "$*" in *--skip-db-update*) {script};; *) {real};; esac\n')
        path.chmod(0o755)
        return str(path)

    return make
