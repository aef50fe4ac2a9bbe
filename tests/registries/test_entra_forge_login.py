"""`auth: azure` of a forge: a whole run over Azure Repos with tokens of Microsoft Entra."""

from __future__ import annotations

import json

import jwt
import pytest
from support.clouds.entra import AZURE_DEVOPS, CLIENT
from support.forges.azure.stand import BOT, AzureStand
from support.values import digest

pytestmark = pytest.mark.real("git")


class EntraTokens(dict):
    """The tokens of the organization, and those that Entra issued to the account of basebump for Azure DevOps."""

    def __init__(self, tokens, entra, account):
        super().__init__(tokens)
        self._entra, self._account = entra, account
        self.clients = set()

    def get(self, secret, default=None):
        try:
            self.clients.add(self._entra.read(secret, AZURE_DEVOPS)["appid"])
        except jwt.PyJWTError:
            return super().get(secret, default)
        return self._account


@pytest.fixture
def stand(tmp_path, entra):
    stand = AzureStand(tmp_path / "server", {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"})
    world = stand.server.world
    world.tokens = EntraTokens(world.tokens, entra, world.add_token("unused", BOT, is_bearer=True))
    yield stand
    stand.end()


@pytest.fixture
def run(stand, entra, loopback, basebump, tmp_path, monkeypatch):
    """Run basebump as a step of Azure Pipelines with a service connection does; return the exit code and the result."""
    for name, value in (entra.pipeline | {"AZURE_AUTHORITY_HOST": entra.url}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SSL_CERT_FILE", str(entra.certificate.path))
    login = f'kind: azure, url: "{stand.server.url}", auth: azure, repositories: [{stand.name}]'
    mirror = f'{{host: docker.io, mirror: "{loopback.registry.host}", insecure: true}}'
    config = tmp_path / "basebump.yaml"
    config.write_text(f"schema: 1\nforges: [{{{login}}}]\nregistries: [{mirror}]\nown: []\n", encoding="utf-8")
    loopback.move("python", "3.12-slim", "now")

    def start():
        code, out, _ = basebump("run", "--config", config, "--level", "propose", "--format", "json")
        return code, json.loads(out)

    return start


def test_run_on_azure_repos_opens_pull_requests_with_one_entra_token(run, stand, entra):
    code, report = run()
    assert (code, report["failed"]) == (0, [])
    assert [each.branch for each in stand.requests()] == ["basebump/python-3.12-slim-06e5bb43"]
    assert stand.server.world.tokens.clients == {CLIENT}
    assert sum(each.endswith("/oauth2/v2.0/token") for each in entra.asked) == 1


def test_refused_service_connection_for_azure_repos_is_reported_with_hint(run, stand, monkeypatch):
    monkeypatch.setenv("SYSTEM_ACCESSTOKEN", "wrong-and-secret")
    code, report = run()
    (failed,) = report["failed"]
    assert (code, stand.writes) == (1, [])
    assert "Azure Pipelines answered 401 without an OIDC token" in failed["error"]
    assert "hint: use a service connection with workload identity federation" in failed["error"]
    assert "wrong-and-secret" not in json.dumps(report)
