import json
from contextlib import ExitStack

import pytest
from support.forges.hosted_stand import HostedStand
from support.runs.worlds import write_tree


@pytest.fixture
def check(tmp_path, basebump):
    """Check a folder with these files; return exit code and the JSON document."""

    def go(files: dict[str, str | bytes], *arguments: object) -> tuple[int, dict]:
        folder = write_tree(tmp_path / "tree", files)
        code, out, err = basebump("check", folder, *arguments, "--format", "json")
        assert err == ""
        return code, json.loads(out)

    return go


@pytest.fixture
def config(tmp_path, loopback):
    """Write a config that asks the loopback registry for Docker Hub; return its path."""

    def write(more: str = "") -> str:
        path = tmp_path / "basebump.yaml"
        registries = f'registries:\n  - {{host: docker.io, mirror: "{loopback.registry.host}", insecure: true}}\n'
        path.write_text(f"schema: 1\n{registries}own: []\n{more}", encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start a server with one repository on it, whose token is in ACME_TOKEN; it ends with the test."""
    with ExitStack() as stands:

        def start(kind: type[HostedStand], files):
            stand = kind(tmp_path / "server", files)
            stands.callback(stand.end)
            monkeypatch.setenv("ACME_TOKEN", stand.secret)
            return stand

        yield start


@pytest.fixture
def configure(config):
    """Write a config of one server, which names what is on it or as much as a test says; return its path."""

    def write(stand: HostedStand, repositories: str | None = None, more: str = "") -> str:
        login = f'kind: {stand.kind}, url: "{stand.server.url}", token_env: ACME_TOKEN'
        return config(f"forges: [{{{login}, repositories: [{repositories or stand.name}]}}]\n{more}")

    return write
