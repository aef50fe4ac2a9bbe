"""Logins to Azure registries: one per registry, and Entra tokens only for registries that the configuration names."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from support.clouds.acr import ACR_PULL, ANYBODY, TOKEN_USER, AcrIdentity, FakeAcr, repository_reader
from support.clouds.azure_scene import IMAGE, build_secret_environment, client, entry, line, list_credential_requests
from support.clouds.entra import CLIENT, FakeEntra
from support.listener import HttpListener, HttpReply, ReceivedRequest

from bot.model.errors import RegistryError
from bot.model.hosts import is_acr
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.net import HostTrust, HttpClient
from bot.registries.endpoints import EndpointDirectory, RegistryEntry
from bot.registries.entra import FAILURE_LIFETIME, MAX_RESPONSE_SIZE, EntraLogins
from bot.registries.keychain import Keychain
from bot.registries.token_lifetime import parse_lifetime

# Exchange of tokens


def test_acr_client_uses_one_exchange_per_registry_and_one_token_per_repository(acr, entra):
    for repository in ("team/app", "team/other"):
        acr.push(IMAGE, repository, "1")
    oci = client(entry(acr), environment=build_secret_environment(entra))
    lines = [line(acr, repository) for repository in ("team/app", "team/other")] * 6
    threads = [threading.Thread(target=oci.fetch_descriptor, args=(each,)) for each in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert acr.asked.count("POST /oauth2/exchange") == 1
    assert acr.asked.count("POST /oauth2/token") == 2
    assert len([one for one in entra.asked if "oauth2/v2.0/token" in one]) == 1


def test_acr_registry_with_custom_domain_accepts_entra_login(acr, entra):
    assert not is_acr(acr.host)
    assert client(entry(acr), environment=build_secret_environment(entra)).list_tags(f"{acr.host}/team/app") == ("1",)


def test_denied_acr_tag_list_names_the_missing_metadata_right(acr, entra):
    acr.identities = {CLIENT: AcrIdentity({"*": frozenset({"pull"})})}
    oci = client(entry(acr), environment=build_secret_environment(entra))
    assert oci.fetch_descriptor(line(acr)).digest == IMAGE.digest
    with pytest.raises(RegistryError, match=r"\(this needs `metadata/read`\)$") as caught:
        oci.list_tags(f"{acr.host}/team/app")
    assert caught.value.reason is Reason.DENIED


def logins(acr: FakeAcr, entra: FakeEntra, clock: list[float]) -> EntraLogins:
    http = HttpClient(EndpointDirectory([entry(acr)]).list_trusted_hosts(), environment={})
    return EntraLogins(http, build_secret_environment(entra), now=lambda: clock[0])


@pytest.mark.parametrize("lifetime", [timedelta(hours=3), timedelta(days=30)])
def test_acr_refresh_token_is_renewed_before_expiry_and_within_three_hours(acr, entra, lifetime):
    acr.refresh_lifetime = lifetime
    clock = [0.0]
    hours = logins(acr, entra, clock)
    for hour, asked in ((0.0, 1), (2.6, 1), (2.8, 2), (5.4, 2), (5.6, 3)):
        clock[0] = hour * 3600
        assert hours.get_refresh_token(acr.host)
        assert acr.asked.count("POST /oauth2/exchange") == asked


def test_concurrent_threads_share_one_acr_login(acr, entra):
    hours, tokens = logins(acr, entra, [0.0]), []
    everybody = threading.Barrier(8)

    def log_in() -> None:
        everybody.wait()
        tokens.append(hours.get_refresh_token(acr.host))

    threads = [threading.Thread(target=log_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(tokens), len(set(tokens))) == (8, 1)
    assert acr.asked == ["POST /oauth2/exchange"]


def test_failed_acr_login_is_retried_only_after_a_delay(acr, entra):
    clock = [0.0]
    acr.identities = {}
    hours = logins(acr, entra, clock)
    for moment, asked in ((0.0, 1), (FAILURE_LIFETIME - 1, 1), (FAILURE_LIFETIME, 2)):
        clock[0] = moment
        with pytest.raises(RegistryError, match="no role on this registry"):
            hours.get_refresh_token(acr.host)
        assert acr.asked.count("POST /oauth2/exchange") == asked
    acr.identities = {CLIENT: ACR_PULL}
    clock[0] = 3 * FAILURE_LIFETIME
    assert hours.get_refresh_token(acr.host)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (HttpReply(200, b"<html>"), Reason.REGISTRY_ERROR),
        (HttpReply(200, b" " * 100_000), Reason.REGISTRY_ERROR),
        (HttpReply(200, b'{"refresh_token": 1}'), Reason.REGISTRY_ERROR),
        (HttpReply(307, headers={"Location": "https://attacker.azurecr.io/oauth2/exchange"}), Reason.REGISTRY_ERROR),
        (HttpReply(429, headers={"Retry-After": "120"}), Reason.RATE_LIMITED),
        (HttpReply(404), Reason.NOT_FOUND_OR_DENIED),
    ],
)
def test_invalid_acr_exchange_response_raises_error_without_tokens(certificate, entra, reply, reason):
    def answer(received: ReceivedRequest) -> HttpReply:
        realm = f'Bearer realm="{server.url}/oauth2/token",service="{server.host}"'
        return reply if received.method == "POST" else HttpReply(401, headers={"WWW-Authenticate": realm})

    with HttpListener(answer, certificate) as server:
        listed = RegistryEntry(server.host, ca=str(certificate.path), uses_entra=True)
        with pytest.raises(RegistryError) as caught:
            client(listed, environment=build_secret_environment(entra)).fetch_descriptor(
                TagRef(f"{server.host}/a", "1")
            )
    assert caught.value.reason is reason
    assert "eyJ" not in str(caught.value), "no token stands in a message"


def test_acr_exchange_response_above_size_limit_is_refused(certificate, entra):
    reply = HttpReply(200, b'{"refresh_token": "token"}'.ljust(MAX_RESPONSE_SIZE + 1))
    with HttpListener(lambda received: reply, certificate) as server:
        http = HttpClient({server.host: HostTrust(ca=str(certificate.path))}, environment={})
        with pytest.raises(RegistryError, match=f"more than {MAX_RESPONSE_SIZE} bytes"):
            EntraLogins(http, build_secret_environment(entra)).get_refresh_token(server.host)


def test_entra_token_repeated_in_registry_error_is_hidden(certificate, entra):
    def answer(received: ReceivedRequest) -> HttpReply:
        token = parse_qs(received.body.decode())["access_token"][0]
        return HttpReply(401, json.dumps({"errors": [{"code": "DENIED", "message": f"not {token}!"}]}).encode())

    with HttpListener(answer, certificate) as server:
        http = HttpClient({server.host: HostTrust(ca=str(certificate.path))}, environment={})
        with pytest.raises(RegistryError, match=r"not \[hidden\]!"):
            EntraLogins(http, build_secret_environment(entra)).get_refresh_token(server.host)


def test_lifetime_of_entra_token_is_read_from_claims(entra):
    assert parse_lifetime(entra.token()) == 3600
    assert parse_lifetime(entra.token(age=1000)) == 3600, "whatever our clock says"
    for text in ("", "a.b", "a.b.c", "a.e30.c", "a.W10.c", "a.eyJpYXQiOiIxIiwiZXhwIjoyfQ.c"):
        assert parse_lifetime(text) is None


def test_acr_mirror_of_docker_hub_uses_entra_login(acr, entra):
    acr.push(IMAGE, "dockerhub/library/nginx", "1")
    mirrored = RegistryEntry("docker.io", mirror=f"{acr.host}/dockerhub")
    oci = client(mirrored, entry(acr), environment=build_secret_environment(entra))
    assert oci.fetch_descriptor(TagRef("docker.io/library/nginx", "1")).digest == IMAGE.digest


# Servers that never receive an Entra token


def test_azure_host_outside_config_gets_no_request(acr, certificate, entra):
    oci = client(entry(acr), environment=build_secret_environment(entra))
    with (
        FakeAcr(certificate, entra, name="attacker.azurecr.io") as attacker,
        pytest.raises(RegistryError, match="list it under"),
    ):
        oci.fetch_descriptor(line(attacker))
    assert attacker.received == []
    assert entra.asked == []


def test_registry_without_azure_auth_in_config_gets_no_entra_token(acr, certificate, entra):
    with FakeAcr(certificate, entra, name="attacker.azurecr.io", anonymous=ANYBODY) as attacker:
        attacker.push(IMAGE, "team/app", "1")
        oci = client(entry(acr), entry(attacker, uses_entra=False), environment=build_secret_environment(entra))
        assert oci.fetch_descriptor(line(acr)).digest == oci.fetch_descriptor(line(attacker)).digest
    assert "POST /oauth2/exchange" not in attacker.asked
    assert all(b"refresh_token=" not in each.body for each in attacker.received)


def test_azure_host_name_alone_does_not_cause_an_entra_login(entra):
    """A listed host gets no Entra token without `auth: azure`, because anyone can have such a name."""
    environment = build_secret_environment(entra)
    logins = EntraLogins(HttpClient(environment=environment), environment)
    listed = EndpointDirectory([RegistryEntry("contoso.azurecr.io")])
    assert Keychain(listed, {}, logins).get_credential("contoso.azurecr.io", "team/app") is None
    assert entra.asked == []


def test_token_server_on_another_host_gets_no_entra_token(certificate, entra):
    with HttpListener(lambda received: HttpReply(200, b'{"access_token": "a"}'), certificate) as attacker:

        def answer(received: ReceivedRequest) -> HttpReply:
            if received.path == "/oauth2/exchange":
                return HttpReply(200, b'{"refresh_token": "refresh"}')
            realm = f'Bearer realm="{attacker.url}/oauth2/token",service="{server.host}"'
            return HttpReply(401, headers={"WWW-Authenticate": realm})

        with HttpListener(answer, certificate) as server:
            ca = str(certificate.path)
            entries = RegistryEntry(server.host, ca=ca, uses_entra=True), RegistryEntry(attacker.host, ca=ca)
            with pytest.raises(RegistryError, match="not trusted"):
                client(*entries, environment=build_secret_environment(entra)).fetch_descriptor(
                    TagRef(f"{server.host}/a", "1")
                )
    assert len(attacker.received) == 1, "it was asked for what it gives to anybody"
    assert list_credential_requests(attacker.received) == []


def test_redirect_from_acr_to_another_host_carries_no_token(acr, entra):
    oci = client(
        entry(acr),
        RegistryEntry(acr._data.host, ca=str(acr.certificate.path)),
        environment=build_secret_environment(entra),
    )
    facts = oci.describe_image(line(acr), oci.fetch_manifest(line(acr), IMAGE.digest))
    assert facts.digest == IMAGE.digest
    assert len(acr.data_asked) == 1, "the config, from the data endpoint"
    assert list_credential_requests(acr.data_asked) == []


def test_entra_token_is_sent_only_to_acr_exchange_endpoint(acr, entra):
    client(entry(acr), environment=build_secret_environment(entra)).fetch_descriptor(line(acr))
    carried = [each for each in acr.received if b"&access_token=" in each.body]
    assert [each.path for each in carried] == ["/oauth2/exchange"]
    (exchange,) = carried
    assert "authorization" not in exchange.headers


# Other login methods


def test_pull_address_for_other_programs_has_refresh_token_as_password(acr, entra):
    address = client(entry(acr), environment=build_secret_environment(entra)).get_pull_address(line(acr), IMAGE.digest)
    assert address.username == TOKEN_USER
    again = client(entry(acr, uses_entra=False, username=TOKEN_USER, password=address.password))
    assert again.fetch_descriptor(line(acr)).digest == IMAGE.digest


def test_acr_accepts_admin_user_and_scope_map_token_as_passwords(acr):
    narrow = AcrIdentity({"team/app": frozenset({"pull"})})
    acr.logins = {("contoso", "admin"): ACR_PULL, ("narrow", "password1"): narrow}
    acr.push(IMAGE, "team/other", "1")
    for username, password in acr.logins:
        oci = client(entry(acr, uses_entra=False, username=username, password=password))
        assert oci.fetch_descriptor(line(acr)).digest == IMAGE.digest
    with pytest.raises(RegistryError) as caught:
        oci.fetch_descriptor(line(acr, "team/other"))
    assert caught.value.reason is Reason.DENIED


def test_acr_anonymous_pull_succeeds_and_wrong_password_is_denied(acr):
    acr.anonymous = ANYBODY
    assert client(entry(acr, uses_entra=False)).fetch_descriptor(line(acr)).digest == IMAGE.digest
    assert all("authorization" not in each.headers for each in acr.received if "/oauth2/" in each.path)
    with pytest.raises(RegistryError) as caught:
        client(entry(acr, uses_entra=False, username="contoso", password="old")).fetch_descriptor(line(acr))
    assert caught.value.reason is Reason.DENIED


def test_acr_with_abac_denies_login_without_role_for_repository(acr, entra):
    acr.abac = True
    with pytest.raises(RegistryError, match="the credential"):  # AcrPull is not honoured
        client(entry(acr), environment=build_secret_environment(entra)).fetch_descriptor(line(acr))
    acr.identities = {CLIENT: repository_reader("team/app")}
    assert (
        client(entry(acr), environment=build_secret_environment(entra)).fetch_descriptor(line(acr)).digest
        == IMAGE.digest
    )


def test_azure_libraries_are_not_imported_before_first_login():
    code = (
        "import sys; from bot.registries.oci import OciRegistry; OciRegistry(environment={}).create_facts();"
        "sys.exit(any(name in sys.modules for name in ('azure', 'msal', 'azure.core', 'cryptography')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
