import json
from contextlib import ExitStack

import pytest
from support.forges.hosted_stand import HostedStand
from support.runs.worlds import write_tree


@pytest.fixture
def check(tmp_path, basebump):
    """Run `check` in a folder with these files, and return the exit code and the JSON document."""

    def go(files: dict[str, str | bytes], *arguments: object) -> tuple[int, dict]:
        folder = write_tree(tmp_path / "tree", files)
        code, out, err = basebump("check", folder, *arguments, "--format", "json")
        assert err == ""
        return code, json.loads(out)

    return go


@pytest.fixture
def config(tmp_path, loopback):
    """Write a config in which the loopback registry is the mirror of Docker Hub, and return its path."""

    def write(more: str = "") -> str:
        path = tmp_path / "basebump.yaml"
        registries = f'registries:\n  - {{host: docker.io, mirror: "{loopback.registry.host}", insecure: true}}\n'
        path.write_text(f"schema: 1\n{registries}own: []\n{more}", encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start a server with one repository. Its token is in ACME_TOKEN. The server is stopped after the test."""
    with ExitStack() as stands:

        def start(kind: type[HostedStand], files):
            stand = kind(tmp_path / "server", files)
            stands.callback(stand.end)
            monkeypatch.setenv("ACME_TOKEN", stand.secret)
            return stand

        yield start


@pytest.fixture
def configure(config):
    """Write a config for one server, and return its path.

    The config lists the repositories of the server, unless the test lists others.
    """

    def write(stand: HostedStand, repositories: str | None = None, more: str = "") -> str:
        login = f'kind: {stand.kind}, url: "{stand.server.url}", token_env: ACME_TOKEN'
        return config(f"forges: [{{{login}, repositories: [{repositories or stand.name}]}}]\n{more}")

    return write
