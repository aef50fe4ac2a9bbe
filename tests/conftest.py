"""What holds for every test: real parts or a named skip, no network but loopback, the same random inputs in CI."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from support.parts import PARTS

settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("dev", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("real"):
        (part,) = mark.args
        if PARTS[part]() is None:
            message = f"the real {part} is not on this machine"
            if os.environ.get("CI"):
                pytest.fail(f"{message}; in CI that is a failure", pytrace=False)
            pytest.skip(message)


@pytest.fixture(autouse=True)
def a_home_of_its_own(tmp_path_factory, monkeypatch):
    """No test reads this machine's credentials, git config or proxies, and none writes to them."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for variable in ("DOCKER_CONFIG", "DOCKER_AUTH_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "GITHUB_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    return home
