"""Logins with Entra: by every way that runs on loopback, once for a registry, and to nobody who was not named."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from support.acr import ACR_PULL, ANYBODY, TOKEN_USER, Acr, Identity, repository_reader
from support.entra import CLIENT, SECRET, WORKLOAD, Application, Entra
from support.listener import Listener, Received, Reply
from support.registry import Certificate

from bot import wiring
from bot.demo import images
from bot.model.errors import RegistryError
from bot.model.hosts import is_acr
from bot.model.reference import Line
from bot.model.vocabulary import Reason
from bot.net import HttpClient
from bot.registries import azure_identity
from bot.registries.access import Access, RegistryEntry
from bot.registries.azure_identity import (
    AZURE_MACHINE,
    CLOUDS,
    PUBLIC_CLOUD,
    EntraIdentity,
    NoEntraTokenError,
    cloud_of,
    github_assertion,
    is_azure_machine,
)
from bot.registries.entra import FAILURE_KEPT, EntraLogins
from bot.registries.oci import OciRegistry
from bot.registries.tokens import stated_lifetime

IMAGE = images.image([images.layer({"a": b"b"})])
NAMES = ("contoso.azurecr.io", "contoso.azurecr.us", "attacker.azurecr.io")
FOREIGN = {"AZURE_", "ACTIONS_ID_TOKEN_", "IDENTITY_", "MSI_", "IMDS_"}


@pytest.fixture(autouse=True)
def asset_tag(monkeypatch, tmp_path):
    """No test finds who this machine is to Azure; what is written here is what it is."""
    monkeypatch.setattr(azure_identity, "ASSET_TAG", tmp_path / "tag")
    for variable in list(os.environ):
        if any(variable.startswith(prefix) for prefix in FOREIGN):
            monkeypatch.delenv(variable)
    return tmp_path / "tag"


@pytest.fixture
def certificate(tmp_path):
    return Certificate.make(tmp_path, *NAMES)


@pytest.fixture
def entra(certificate):
    with Entra(certificate) as started:
        yield started


@pytest.fixture
def acr(certificate, entra):
    with Acr(certificate, entra) as started:
        started.push(IMAGE, "team/app", "1")
        yield started


def entry(acr: Acr, **options) -> RegistryEntry:
    return RegistryEntry(acr.host, ca=str(acr.certificate.path), **({"entra": True} | options))


def client(*entries: RegistryEntry, environment: Mapping[str, str] | None = None) -> OciRegistry:
    return OciRegistry(
        entries, environment=environment or {}, sleep=lambda seconds: None, resolve=lambda host, port: ["127.0.0.1"]
    )


def by_secret(entra: Entra) -> dict[str, str]:
    return entra.environment | {"AZURE_CLIENT_SECRET": SECRET}


def line(acr: Acr, repository: str = "team/app") -> Line:
    return Line(f"{acr.host}/{repository}", "1")


def refused(acr: Acr, environment: Mapping[str, str]) -> str:
    with pytest.raises(RegistryError) as caught:
        client(entry(acr), environment=environment).head(line(acr))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.DENIED, True)
    return str(caught.value)


# Who we are to Entra


def test_a_service_principal_logs_in_by_its_secret(acr, entra):
    assert client(entry(acr), environment=by_secret(entra)).head(line(acr)).digest == IMAGE.digest


def test_a_service_principal_logs_in_by_its_certificate(acr, entra, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an application")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(hours=1))
    own = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    own += key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (tmp_path / "application.pem").write_bytes(own)
    entra.applications = {CLIENT: Application(secret=None, certificate=key.public_key())}
    environment = entra.environment | {"AZURE_CLIENT_CERTIFICATE_PATH": str(tmp_path / "application.pem")}
    assert client(entry(acr), environment=environment).head(line(acr)).digest == IMAGE.digest


def test_a_pod_logs_in_by_workload_identity(acr, entra, tmp_path):
    (tmp_path / "token").write_text(entra.vouch(WORKLOAD))
    environment = entra.environment | {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")}
    assert client(entry(acr), environment=environment).head(line(acr)).digest == IMAGE.digest


def test_a_workflow_logs_in_by_githubs_oidc(acr, entra):
    assert client(entry(acr), environment=entra.environment | entra.workflow).head(line(acr)).digest == IMAGE.digest
    assert "GET /github/token?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange" in entra.asked


def test_a_container_logs_in_by_its_managed_identity(acr, entra, monkeypatch):
    environment = {"SSL_CERT_FILE": str(acr.certificate.path)} | entra.container
    for variable, value in environment.items():  # the library reads them itself
        monkeypatch.setenv(variable, value)
    assert client(entry(acr), environment=environment).head(line(acr)).digest == IMAGE.digest
    (asked,) = entra.asked
    assert asked.startswith("GET /msi/token?")


@pytest.mark.parametrize("client_id", ["", CLIENT])
def test_a_machine_of_azure_logs_in_by_its_own_identity(entra, asset_tag, monkeypatch, client_id):
    asset_tag.write_text(f"{AZURE_MACHINE}\n")
    environment = entra.machine | {"PATH": "/nonexistent", "AZURE_CLIENT_ID": client_id}
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    identity = EntraIdentity(PUBLIC_CLOUD, environment)
    assert entra.read(identity.token())["appid"] == CLIENT
    (asked,) = entra.asked
    assert asked.startswith("GET /metadata/identity/oauth2/token?")
    assert (f"client_id={CLIENT}" in asked) == bool(client_id)


def az(folder: Path, says: str, status: int = 0) -> None:
    """Put an Azure CLI on a PATH that says one thing."""
    (folder / "az").write_text(f"#!/bin/sh\ncat >&{2 if status else 1} <<'END'\n{says}\nEND\nexit {status}\n")
    (folder / "az").chmod(0o755)


def test_a_person_is_who_az_login_says(acr, entra, tmp_path, monkeypatch):
    az(tmp_path, f'{{"accessToken": "{entra.token()}", "expires_on": 4102444800}}')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert client(entry(acr), environment={"PATH": str(tmp_path)}).head(line(acr)).digest == IMAGE.digest


def test_az_that_is_not_logged_in_says_so(acr, tmp_path, monkeypatch):
    az(tmp_path, "Please run 'az login' to setup account.", 1)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert "az login" in refused(acr, {"PATH": str(tmp_path)})


def test_a_secret_goes_before_what_merely_lies_around(entra, tmp_path):
    everything = by_secret(entra) | entra.workflow | entra.container | {"AZURE_FEDERATED_TOKEN_FILE": "nowhere"}
    means = []
    for variable in ("AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "ACTIONS_ID_TOKEN_REQUEST_URL"):
        means.append(EntraIdentity(cloud_of("a", everything), everything).means)
        del everything[variable]
    means.append(EntraIdentity(cloud_of("a", everything), everything).means)
    assert [each.split()[0] for each in means] == ["secret", "workload", "OIDC", "managed"]


def test_who_is_nobody_learns_what_to_set(acr):
    said = refused(acr, {"PATH": "/nonexistent"})
    assert said.startswith(f"no login to {acr.host}: nothing here says who we are to Entra: set AZURE_CLIENT_ID")
    assert tokens_seen(acr.received) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"AZURE_TENANT_ID": ""}, "AZURE_CLIENT_SECRET is set, and AZURE_CLIENT_ID or AZURE_TENANT_ID is not"),
        ({"AZURE_CLIENT_SECRET": "wr0ng"}, "AADSTS7000215"),
        ({"AZURE_CLIENT_ID": "somebody"}, "AADSTS700016"),
        ({"AZURE_TENANT_ID": "00000000-1111-2222-3333-444444444444"}, "00000000-1111-2222-3333-444444444444"),
        ({"AZURE_AUTHORITY_HOST": "http://127.0.0.1:1"}, "AZURE_AUTHORITY_HOST is no address"),
        ({"SSL_CERT_FILE": ""}, "its certificate is not trusted"),
    ],
)
def test_what_entra_refuses_is_said_without_the_secret(acr, entra, changes, said, capfd):
    message = refused(acr, by_secret(entra) | changes)
    assert said in message
    assert SECRET not in message
    assert "wr0ng" not in message
    assert tokens_seen(acr.received) == []
    assert capfd.readouterr().err == "", "nor does a library say it again"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, b'{"value": 1}'), "has the job `id-token: write`"),
        (Reply(200, b"[" * 100_000), "no OIDC token"),
        (Reply(403, b"{}"), "GitHub answered 403"),
        (Reply(302, headers={"Location": "https://attacker.example/"}), "GitHub answered 302"),
        (Reply(200, b" " * 100_000), "has more than"),
    ],
)
def test_what_is_no_oidc_token_is_said(certificate, entra, reply, said):
    with Listener(lambda received: reply, certificate) as github:
        workflow = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{github.url}/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t0p"}
        environment = entra.environment | workflow
        with pytest.raises(NoEntraTokenError, match=said):
            EntraIdentity(cloud_of("a", environment), environment).token()
        assert github.asked == ["GET /token?audience=api%3A%2F%2FAzureADTokenExchange"]


def test_githubs_token_goes_nowhere_without_tls():
    with pytest.raises(NoEntraTokenError, match="is not https"):
        github_assertion(HttpClient(), "http://127.0.0.1:1/token", "t0p", "a")


def test_a_machine_of_azure_is_known_by_its_asset_tag(asset_tag):
    assert not is_azure_machine()
    asset_tag.write_text(f"{AZURE_MACHINE}\n")
    assert is_azure_machine()


def test_az_is_asked_before_the_machine_it_runs_on(entra, asset_tag, tmp_path, monkeypatch):
    asset_tag.write_text(f"{AZURE_MACHINE}\n")
    az(tmp_path, "Please run 'az login' to setup account.", 1)
    environment = entra.machine | {"PATH": str(tmp_path)}
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for variable, value in entra.machine.items():
        monkeypatch.setenv(variable, value)
    identity = EntraIdentity(PUBLIC_CLOUD, environment)
    assert identity.means == "login of `az` or the identity of this machine"
    assert entra.read(identity.token())["appid"] == CLIENT


def test_an_entry_of_the_config_file_is_enough(acr, entra, tmp_path, monkeypatch):
    config = tmp_path / "basebump.yaml"
    listed = f"{{host: '{acr.host}', auth: azure-custom-domain, ca: {acr.certificate.path}}}"
    config.write_text(f"schema: 1\nregistries: [{listed}]\n")
    for variable, value in by_secret(entra).items():
        monkeypatch.setenv(variable, value)
    assert wiring.registry_for(config, acr.host).head(line(acr)).digest == IMAGE.digest


# Clouds and names


def test_the_end_of_a_registrys_name_says_which_cloud_it_is_in():
    assert cloud_of("contoso.azurecr.io", {}) == cloud_of("registry.contoso.com", {}) == PUBLIC_CLOUD
    assert cloud_of("contoso.azurecr.us", {}) == CLOUDS[".azurecr.us"]
    assert cloud_of("contoso.azurecr.cn:443", {}) == CLOUDS[".azurecr.cn"]
    named = {"AZURE_AUTHORITY_HOST": "https://login.microsoftonline.us/"}
    assert cloud_of("registry.contoso.com", named) == CLOUDS[".azurecr.us"]


def test_a_registry_of_a_sovereign_cloud_is_logged_in_to_under_its_own_name(certificate, entra):
    with Acr(certificate, entra, name="contoso.azurecr.us") as acr:
        acr.push(IMAGE, "team/app", "1")
        assert client(entry(acr), environment=by_secret(entra)).head(line(acr)).digest == IMAGE.digest


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
def test_only_names_that_azure_gives_are_names_of_azures_registries(host, expected):
    assert is_acr(host) is expected


# The exchange


def test_one_exchange_serves_a_registry_and_one_token_a_repository(acr, entra):
    for repository in ("team/app", "team/other"):
        acr.push(IMAGE, repository, "1")
    oci = client(entry(acr), environment=by_secret(entra))
    lines = [line(acr, repository) for repository in ("team/app", "team/other")] * 6
    threads = [threading.Thread(target=oci.head, args=(each,)) for each in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert acr.asked.count("POST /oauth2/exchange") == 1
    assert acr.asked.count("POST /oauth2/token") == 2
    assert len([one for one in entra.asked if "oauth2/v2.0/token" in one]) == 1


def logins(acr: Acr, entra: Entra, clock: list[float]) -> EntraLogins:
    http = HttpClient(Access([entry(acr)]).listed(), environment={})
    return EntraLogins(http, by_secret(entra), now=lambda: clock[0])


def test_a_login_is_renewed_before_it_runs_out(acr, entra):
    clock = [0.0]
    hours = logins(acr, entra, clock)
    for hour, asked in ((0.0, 1), (2.6, 1), (2.8, 2), (5.4, 2), (5.6, 3)):
        clock[0] = hour * 3600
        assert hours.refresh_token(acr.host)
        assert acr.asked.count("POST /oauth2/exchange") == asked


def test_a_login_that_failed_is_not_tried_again_at_once(acr, entra):
    clock = [0.0]
    acr.identities = {}
    hours = logins(acr, entra, clock)
    for moment, asked in ((0.0, 1), (FAILURE_KEPT - 1, 1), (FAILURE_KEPT, 2)):
        clock[0] = moment
        with pytest.raises(RegistryError, match="no role on this registry"):
            hours.refresh_token(acr.host)
        assert acr.asked.count("POST /oauth2/exchange") == asked
    acr.identities = {CLIENT: ACR_PULL}
    clock[0] = 3 * FAILURE_KEPT
    assert hours.refresh_token(acr.host)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(200, b"<html>"), Reason.REGISTRY_ERROR),
        (Reply(200, b'{"refresh_token": 1}'), Reason.REGISTRY_ERROR),
        (Reply(307, headers={"Location": "https://attacker.azurecr.io/oauth2/exchange"}), Reason.REGISTRY_ERROR),
        (Reply(429, headers={"Retry-After": "120"}), Reason.RATE_LIMITED),
        (Reply(404), Reason.NOT_FOUND_OR_DENIED),
    ],
)
def test_an_exchange_that_is_answered_otherwise_is_a_reason(certificate, entra, reply, reason):
    def answer(received: Received) -> Reply:
        realm = f'Bearer realm="{server.url}/oauth2/token",service="{server.host}"'
        return reply if received.method == "POST" else Reply(401, headers={"WWW-Authenticate": realm})

    with Listener(answer, certificate) as server:
        listed = RegistryEntry(server.host, ca=str(certificate.path), entra=True)
        with pytest.raises(RegistryError) as caught:
            client(listed, environment=by_secret(entra)).head(Line(f"{server.host}/a", "1"))
    assert caught.value.reason is reason
    assert "eyJ" not in str(caught.value), "no token stands in a message"


def test_a_token_says_how_long_it_lives(entra):
    assert stated_lifetime(entra.token()) == 3600
    assert stated_lifetime(entra.token(age=1000)) == 3600, "whatever our clock says"
    for text in ("", "a.b", "a.b.c", "a.e30.c", "a.W10.c", "a.eyJpYXQiOiIxIiwiZXhwIjoyfQ.c"):
        assert stated_lifetime(text) is None


def test_a_cache_in_azure_is_logged_in_to_for_what_it_mirrors(acr, entra):
    acr.push(IMAGE, "dockerhub/library/nginx", "1")
    mirrored = RegistryEntry("docker.io", mirror=f"{acr.host}/dockerhub")
    oci = client(mirrored, entry(acr), environment=by_secret(entra))
    assert oci.head(Line("docker.io/library/nginx", "1")).digest == IMAGE.digest


# Where Entra's tokens never go


def tokens_seen(received: list[Received]) -> list[Received]:
    """Return what carried a credential of any kind."""
    return [each for each in received if "authorization" in each.headers or b"token=" in each.body]


def test_a_registry_that_nobody_listed_is_not_asked_however_it_is_named(acr, certificate, entra):
    oci = client(entry(acr), environment=by_secret(entra))
    with (
        Acr(certificate, entra, name="attacker.azurecr.io") as attacker,
        pytest.raises(RegistryError, match="list it under"),
    ):
        oci.head(line(attacker))
    assert attacker.received == []
    assert entra.asked == []


def test_a_listed_registry_sees_no_token_unless_its_entry_says_azure(acr, certificate, entra):
    with Acr(certificate, entra, name="attacker.azurecr.io", anonymous=ANYBODY) as attacker:
        attacker.push(IMAGE, "team/app", "1")
        oci = client(entry(acr), entry(attacker, entra=False), environment=by_secret(entra))
        assert oci.head(line(acr)).digest == oci.head(line(attacker)).digest
    assert "POST /oauth2/exchange" not in attacker.asked
    assert all(b"refresh_token=" not in each.body for each in attacker.received)


def test_a_realm_elsewhere_sees_no_token_of_entra(certificate, entra):
    with Listener(lambda received: Reply(200, b'{"access_token": "a"}'), certificate) as attacker:

        def answer(received: Received) -> Reply:
            if received.path == "/oauth2/exchange":
                return Reply(200, b'{"refresh_token": "refresh"}')
            realm = f'Bearer realm="{attacker.url}/oauth2/token",service="{server.host}"'
            return Reply(401, headers={"WWW-Authenticate": realm})

        with Listener(answer, certificate) as server:
            ca = str(certificate.path)
            entries = RegistryEntry(server.host, ca=ca, entra=True), RegistryEntry(attacker.host, ca=ca)
            with pytest.raises(RegistryError, match="is not trusted with"):
                client(*entries, environment=by_secret(entra)).head(Line(f"{server.host}/a", "1"))
    assert len(attacker.received) == 1, "it was asked for what it gives to anybody"
    assert tokens_seen(attacker.received) == []


def test_a_redirect_elsewhere_carries_no_token(acr, entra):
    oci = client(entry(acr), RegistryEntry(acr._data.host, ca=str(acr.certificate.path)), environment=by_secret(entra))
    facts = oci.describe(line(acr), oci.fetch(line(acr), IMAGE.digest))
    assert facts.digest == IMAGE.digest
    assert len(acr.data_asked) == 1, "the config, from the data endpoint"
    assert tokens_seen(acr.data_asked) == []


def test_entras_own_token_is_only_ever_exchanged(acr, entra):
    client(entry(acr), environment=by_secret(entra)).head(line(acr))
    carried = [each for each in acr.received if b"&access_token=" in each.body]
    assert [each.path for each in carried] == ["/oauth2/exchange"]
    (exchange,) = carried
    assert "authorization" not in exchange.headers


# Other ways in


def test_other_programs_log_in_as_nobody_with_the_refresh_token(acr, entra):
    address = client(entry(acr), environment=by_secret(entra)).pull_address(line(acr), IMAGE.digest)
    assert address.username == TOKEN_USER
    again = client(entry(acr, entra=False, username=TOKEN_USER, password=address.password))
    assert again.head(line(acr)).digest == IMAGE.digest


def test_the_admin_user_and_scope_map_tokens_log_in_by_name(acr):
    narrow = Identity({"team/app": frozenset({"pull"})})
    acr.logins = {("contoso", "admin"): ACR_PULL, ("narrow", "password1"): narrow}
    acr.push(IMAGE, "team/other", "1")
    for username, password in acr.logins:
        oci = client(entry(acr, entra=False, username=username, password=password))
        assert oci.head(line(acr)).digest == IMAGE.digest
    with pytest.raises(RegistryError) as caught:
        oci.head(line(acr, "team/other"))
    assert caught.value.reason is Reason.DENIED


def test_anybody_pulls_where_that_is_on_and_a_wrong_password_does_not(acr):
    acr.anonymous = ANYBODY
    assert client(entry(acr, entra=False)).head(line(acr)).digest == IMAGE.digest
    assert all("authorization" not in each.headers for each in acr.received if "/oauth2/" in each.path)
    with pytest.raises(RegistryError) as caught:
        client(entry(acr, entra=False, username="contoso", password="old")).head(line(acr))
    assert caught.value.reason is Reason.DENIED


def test_attribute_based_access_is_asked_for_by_repository(acr, entra):
    acr.abac = True
    assert "check it, or its rights" in refused(acr, by_secret(entra)), "AcrPull is not honoured"
    acr.identities = {CLIENT: repository_reader("team/app")}
    assert client(entry(acr), environment=by_secret(entra)).head(line(acr)).digest == IMAGE.digest


def test_nothing_of_azure_is_imported_until_somebody_logs_in():
    code = (
        "import sys; from bot.registries.oci import OciRegistry; OciRegistry(environment={}).registry_facts();"
        "sys.exit(any(name in sys.modules for name in ('azure', 'msal', 'azure.core', 'cryptography')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
