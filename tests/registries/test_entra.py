"""Entra identities: every authentication method that works on loopback, and the messages of failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from support.clouds.acr import FakeAcr
from support.clouds.azure_scene import IMAGE, build_secret_environment, client, entry, line, list_credential_requests
from support.clouds.entra import CLIENT, CONNECTION, JOB_TOKEN, SECRET, TENANT, WORKLOAD, EntraApplication
from support.listener import HttpListener, HttpReply, ReceivedRequest

from bot import wiring
from bot.model.errors import RegistryError
from bot.model.hosts import is_acr
from bot.model.vocabulary import Reason
from bot.net import HttpClient
from bot.registries.azure_identity import (
    AZURE_ASSET_TAG,
    PUBLIC_CLOUD,
    REGISTRY_SCOPE,
    RENEWAL_TIME,
    SOVEREIGN_CLOUDS,
    EntraIdentity,
    NoEntraTokenError,
    fetch_github_assertion,
    fetch_pipeline_assertion,
    get_azure_cloud,
    is_azure_machine,
)


def get_login_error(acr: FakeAcr, environment: Mapping[str, str]) -> str:
    with pytest.raises(RegistryError) as caught:
        client(entry(acr), environment=environment).fetch_descriptor(line(acr))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.DENIED, True)
    return str(caught.value)


# Authentication methods


def test_service_principal_logs_in_to_acr_with_secret(acr, entra):
    assert (
        client(entry(acr), environment=build_secret_environment(entra)).fetch_descriptor(line(acr)).digest
        == IMAGE.digest
    )


def test_service_principal_logs_in_to_acr_with_certificate(acr, entra, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an application")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(hours=1))
    own = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    own += key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (tmp_path / "application.pem").write_bytes(own)
    entra.applications = {CLIENT: EntraApplication(secret=None, certificate=key.public_key())}
    environment = entra.environment | {"AZURE_CLIENT_CERTIFICATE_PATH": str(tmp_path / "application.pem")}
    assert client(entry(acr), environment=environment).fetch_descriptor(line(acr)).digest == IMAGE.digest


def test_pod_logs_in_to_acr_with_workload_identity(acr, entra, tmp_path):
    (tmp_path / "token").write_text(entra.build_federated_token(WORKLOAD))
    environment = entra.environment | {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")}
    assert client(entry(acr), environment=environment).fetch_descriptor(line(acr)).digest == IMAGE.digest


def test_github_workflow_logs_in_to_acr_with_oidc_token(acr, entra):
    assert (
        client(entry(acr), environment=entra.environment | entra.workflow).fetch_descriptor(line(acr)).digest
        == IMAGE.digest
    )
    assert "GET /github/token?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange" in entra.asked


def test_azure_pipeline_logs_in_to_acr_with_service_connection(acr, entra):
    environment = entra.pipeline | {"AZURE_AUTHORITY_HOST": entra.url, "SSL_CERT_FILE": str(acr.certificate.path)}
    assert client(entry(acr), environment=environment).fetch_descriptor(line(acr)).digest == IMAGE.digest
    assert f"POST /oidctoken?api-version=7.1&serviceConnectionId={CONNECTION}" in entra.asked


def test_azure_pipeline_without_access_token_uses_login_of_azure_cli(entra, tmp_path):
    write_fake_az(tmp_path, "{}")
    environment = entra.pipeline | {"PATH": str(tmp_path), "SYSTEM_ACCESSTOKEN": ""}
    assert EntraIdentity(PUBLIC_CLOUD, environment).description == "login of `az`"


def test_container_logs_in_to_acr_with_managed_identity(acr, entra, monkeypatch):
    environment = {"SSL_CERT_FILE": str(acr.certificate.path)} | entra.container
    for variable, value in environment.items():  # the library reads them itself
        monkeypatch.setenv(variable, value)
    assert client(entry(acr), environment=environment).fetch_descriptor(line(acr)).digest == IMAGE.digest
    (asked,) = entra.asked
    assert asked.startswith("GET /msi/token?")


@pytest.mark.parametrize("client_id", ["", CLIENT])
def test_azure_machine_gets_entra_token_with_machine_identity(entra, asset_tag, monkeypatch, client_id):
    asset_tag.write_text(f"{AZURE_ASSET_TAG}\n")
    environment = entra.machine | {"PATH": "/nonexistent", "AZURE_CLIENT_ID": client_id}
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    identity = EntraIdentity(PUBLIC_CLOUD, environment)
    assert entra.read(identity.get_token(REGISTRY_SCOPE))["appid"] == CLIENT
    (asked,) = entra.asked
    assert asked.startswith("GET /metadata/identity/oauth2/token?")
    assert (f"client_id={CLIENT}" in asked) == bool(client_id)


def write_fake_az(folder: Path, says: str, status: int = 0) -> None:
    """Put a fake Azure CLI with a fixed output in a PATH."""
    (folder / "az").write_text(f"#!/bin/sh\ncat >&{2 if status else 1} <<'END'\n{says}\nEND\nexit {status}\n")
    (folder / "az").chmod(0o755)


def test_user_logs_in_to_acr_with_login_of_azure_cli(acr, entra, tmp_path, monkeypatch):
    write_fake_az(tmp_path, f'{{"accessToken": "{entra.token()}", "expires_on": 4102444800}}')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert client(entry(acr), environment={"PATH": str(tmp_path)}).fetch_descriptor(line(acr)).digest == IMAGE.digest


def test_azure_cli_is_run_again_only_if_the_token_is_about_to_expire(entra, tmp_path, monkeypatch):
    expiry = int(datetime.now(UTC).timestamp()) + RENEWAL_TIME + 600
    write_fake_az(tmp_path, f'{{"accessToken": "{entra.token()}", "expires_on": {expiry}}}')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    identity = EntraIdentity(PUBLIC_CLOUD, {"PATH": str(tmp_path)})
    first = identity.get_token(REGISTRY_SCOPE)
    write_fake_az(tmp_path, f'{{"accessToken": "another", "expires_on": {expiry}}}')
    assert identity.get_token(REGISTRY_SCOPE) == first
    monkeypatch.setattr("bot.registries.azure_identity.RENEWAL_TIME", RENEWAL_TIME + 700)
    assert identity.get_token(REGISTRY_SCOPE) == "another"


def test_missing_login_of_azure_cli_is_reported(acr, tmp_path, monkeypatch):
    write_fake_az(tmp_path, "Please run 'az login' to setup account.", 1)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert "az login" in get_login_error(acr, {"PATH": str(tmp_path)})


def test_entra_identities_are_tried_in_fixed_order_starting_with_secret(entra, tmp_path):
    everything = build_secret_environment(entra) | entra.workflow | entra.pipeline | entra.container
    everything |= {"AZURE_FEDERATED_TOKEN_FILE": "nowhere"}
    means = []
    variables = ("AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "ACTIONS_ID_TOKEN_REQUEST_URL")
    for variable in (*variables, "SYSTEM_OIDCREQUESTURI"):
        means.append(EntraIdentity(get_azure_cloud("a", everything), everything).description)
        del everything[variable]
    means.append(EntraIdentity(get_azure_cloud("a", everything), everything).description)
    assert [each.split()[0] for each in means] == ["secret", "workload", "OIDC", "service", "managed"]


def test_missing_entra_identity_is_reported_with_variables_to_set(acr):
    said = get_login_error(acr, {"PATH": "/nonexistent"})
    assert said.startswith(
        f"cannot log in to {acr.host}: no identity for Microsoft Entra is configured; hint: set AZURE_CLIENT_ID"
    )
    assert list_credential_requests(acr.received) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"AZURE_TENANT_ID": ""}, "AZURE_CLIENT_ID or AZURE_TENANT_ID"),
        ({"AZURE_CLIENT_SECRET": "", "AZURE_FEDERATED_TOKEN_FILE": "/nowhere"}, "No such file"),
        ({"AZURE_CLIENT_SECRET": "", "AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere"}, "cannot be used"),
        ({"AZURE_CLIENT_SECRET": "wr0ng"}, "AADSTS7000215"),
        ({"AZURE_CLIENT_ID": "somebody"}, "AADSTS700016"),
        ({"AZURE_TENANT_ID": "00000000-1111-2222-3333-444444444444"}, "00000000-1111-2222-3333-444444444444"),
        ({"AZURE_AUTHORITY_HOST": "http://127.0.0.1:1"}, "set it to `https://HOST`"),
        ({"AZURE_AUTHORITY_HOST": "https://["}, "AZURE_AUTHORITY_HOST is not a valid URL"),
        ({"AZURE_CLIENT_SECRET": "", "IDENTITY_ENDPOINT": "nonsense"}, "IDENTITY_ENDPOINT is not a valid URL"),
        ({"SSL_CERT_FILE": ""}, "certificate"),
    ],
)
def test_refused_entra_login_is_reported_without_secret(acr, entra, changes, said):
    message = get_login_error(acr, build_secret_environment(entra) | changes)
    assert said in message
    assert SECRET not in message
    assert "wr0ng" not in message
    assert list_credential_requests(acr.received) == []


def test_client_secret_repeated_in_entra_error_is_hidden(certificate):
    def answer(received: ReceivedRequest) -> HttpReply:
        said: dict[str, str] = {"error": "invalid_client", "error_description": "AADSTS7000215: t0p-secret is wrong."}
        if received.method == "GET":
            paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "issuer": "v2.0"}
            said = {word: f"{server.url}/{TENANT}/{path}" for word, path in paths.items()}
        return HttpReply(200 if received.method == "GET" else 401, json.dumps(said).encode())

    with HttpListener(answer, certificate) as server:
        environment = {
            "AZURE_AUTHORITY_HOST": server.url,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": CLIENT,
            "AZURE_CLIENT_SECRET": "t0p-secret",
            "SSL_CERT_FILE": str(certificate.path),
        }
        with pytest.raises(NoEntraTokenError, match=r"AADSTS7000215: \[hidden\] is wrong"):
            EntraIdentity(get_azure_cloud("a", environment), environment).get_token(REGISTRY_SCOPE)


def test_refused_entra_login_is_reported_once(entra):
    code = (
        "import os\n"
        "from bot.registries.azure_identity import REGISTRY_SCOPE, EntraIdentity, NoEntraTokenError, get_azure_cloud\n"
        "try: EntraIdentity(get_azure_cloud('a', os.environ), os.environ).get_token(REGISTRY_SCOPE)\n"
        "except NoEntraTokenError as error: print(error)\n"
    )
    environment = dict(os.environ) | build_secret_environment(entra) | {"AZURE_CLIENT_SECRET": "wr0ng"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert "AADSTS7000215" in done.stdout
    assert done.stderr == "", "the library's own log is not for people"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (HttpReply(200, b'{"value": 1}'), "`id-token: write`"),
        (HttpReply(200, b"[" * 60_000), "without an OIDC token"),
        (HttpReply(200, b"<html>"), "without an OIDC token"),
        (HttpReply(403, b"{}"), "GitHub answered 403"),
        (HttpReply(302, headers={"Location": "https://attacker.example/"}), "GitHub answered 302"),
        (HttpReply(200, b" " * 100_000), "has more than"),
    ],
)
def test_malformed_github_oidc_response_is_reported(certificate, entra, reply, said):
    with HttpListener(lambda received: reply, certificate) as github:
        workflow = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{github.url}/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t0p"}
        environment = entra.environment | workflow
        with pytest.raises(NoEntraTokenError, match=said):
            EntraIdentity(get_azure_cloud("a", environment), environment).get_token(REGISTRY_SCOPE)
        assert github.asked == ["GET /token?audience=api%3A%2F%2FAzureADTokenExchange"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            HttpReply(200, b'{"oidcToken": null}'),
            "Azure Pipelines answered 200 without an OIDC token; hint: use a service",
        ),
        (HttpReply(203, b"<html>"), "Azure Pipelines answered 203"),
        (HttpReply(302, headers={"Location": "https://attacker.example/"}), "Azure Pipelines answered 302"),
    ],
)
def test_refused_oidc_request_of_azure_pipelines_is_reported_without_token(certificate, entra, reply, said):
    with HttpListener(lambda received: reply, certificate) as devops:
        environment = entra.environment | entra.pipeline | {"SYSTEM_OIDCREQUESTURI": f"{devops.url}/oidctoken"}
        with pytest.raises(NoEntraTokenError, match=said) as caught:
            EntraIdentity(get_azure_cloud("a", environment), environment).get_token(REGISTRY_SCOPE)
        assert JOB_TOKEN not in str(caught.value)


def test_azure_pipelines_job_token_is_sent_only_over_https():
    with pytest.raises(NoEntraTokenError, match="https URL"):
        fetch_pipeline_assertion(HttpClient(), "http://127.0.0.1:1/oidctoken", "t0p", "a")


def test_github_oidc_request_token_is_sent_only_over_https():
    with pytest.raises(NoEntraTokenError, match="https URL"):
        fetch_github_assertion(HttpClient(), "http://127.0.0.1:1/token", "t0p", "a")


def test_azure_machine_is_detected_by_chassis_asset_tag(asset_tag):
    assert not is_azure_machine()
    asset_tag.write_text(f"{AZURE_ASSET_TAG}\n")
    assert is_azure_machine()


def test_azure_cli_login_has_precedence_over_machine_identity(entra, asset_tag, tmp_path, monkeypatch):
    asset_tag.write_text(f"{AZURE_ASSET_TAG}\n")
    write_fake_az(tmp_path, "Please run 'az login' to setup account.", 1)
    environment = entra.machine | {"PATH": str(tmp_path)}
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for variable, value in entra.machine.items():
        monkeypatch.setenv(variable, value)
    identity = EntraIdentity(PUBLIC_CLOUD, environment)
    assert "`az`" in identity.description
    assert entra.read(identity.get_token(REGISTRY_SCOPE))["appid"] == CLIENT


def test_azure_auth_setting_in_config_file_enables_entra_login(acr, entra, tmp_path, monkeypatch):
    config = tmp_path / "basebump.yaml"
    listed = f"{{host: '{acr.host}', auth: azure, trusted_realms: ['{acr.host}'], ca: {acr.certificate.path}}}"
    config.write_text(f"schema: 1\nregistries: [{listed}]\n")
    for variable, value in build_secret_environment(entra).items():
        monkeypatch.setenv(variable, value)
    assert wiring.build_registry_for_host(config, acr.host).fetch_descriptor(line(acr)).digest == IMAGE.digest


# Clouds by host name


def test_azure_cloud_is_derived_from_registry_host_or_authority():
    assert get_azure_cloud("contoso.azurecr.io", {}) == get_azure_cloud("registry.contoso.com", {}) == PUBLIC_CLOUD
    assert get_azure_cloud("contoso.azurecr.us", {}) == SOVEREIGN_CLOUDS[".azurecr.us"]
    assert get_azure_cloud("contoso.azurecr.cn:443", {}) == SOVEREIGN_CLOUDS[".azurecr.cn"]
    named = {"AZURE_AUTHORITY_HOST": "https://login.microsoftonline.us/"}
    assert get_azure_cloud("registry.contoso.com", named) == SOVEREIGN_CLOUDS[".azurecr.us"]


def test_registry_in_sovereign_azure_cloud_accepts_entra_login(certificate, entra):
    with FakeAcr(certificate, entra, name="contoso.azurecr.us") as acr:
        acr.push(IMAGE, "team/app", "1")
        assert (
            client(entry(acr), environment=build_secret_environment(entra)).fetch_descriptor(line(acr)).digest
            == IMAGE.digest
        )


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("contoso.azurecr.io", True),
        ("contoso-c4dzf8f7b7hpb2cb.azurecr.io", True),
        ("contoso.eastus2.geo.azurecr.io", True),
        ("contoso.azurecr.us", True),
        ("contoso.azurecr.cn", True),
        ("azurecr.io", False),
        ("contoso.azurecr.io.attacker.example", False),
        ("contoso.azurecr.io:8443", False),
        ("attackerazurecr.io", False),
        ("contoso.eastus.data.azurecr.io", False),
        ("a.contoso.azurecr.io", False),
        ("contoso.azurecr.io\n", False),
    ],
)
def test_acr_host_is_recognised_only_by_complete_azure_name(host, expected):
    assert is_acr(host) is expected
