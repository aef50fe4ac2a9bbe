"""Token servers that a registry names: which may be contacted, and which may receive a credential."""

from __future__ import annotations

import json

import pytest
import responses
from support.listener import HttpListener, HttpReply, ReceivedRequest
from support.registries.challenges import BASIC, IMAGE, challenge, client, guarded, manifest, token

from bot.model.errors import RegistryError
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.net import Url
from bot.registries.auth import KNOWN_REALMS, MAX_TOKEN_ANSWER, may_receive_credential
from bot.registries.endpoints import EndpointDirectory, RegistryEndpoint, RegistryEntry


def test_token_server_on_another_host_gets_no_credential():
    with HttpListener(lambda received: token()) as realm, HttpListener(guarded(f"{realm.url}/token")) as server:
        # The realm may be contacted, because it is listed as a registry, but that does not make it a token server.
        entries = [RegistryEntry(server.host, is_insecure=True, username="user", password="right")]
        oci = client(*entries, RegistryEntry(realm.host, is_insecure=True))
        assert oci.fetch_descriptor(TagRef(f"{server.host}/a", "1")).digest == IMAGE.digest, (
            "a token for anybody is enough here"
        )
    assert [received.headers.get("authorization") for received in realm.received] == [None]
    assert all(received.headers.get("authorization") != BASIC for received in server.received)


def test_error_names_untrusted_token_server_if_anonymous_token_is_refused():
    with (
        HttpListener(lambda received: token()) as realm,
        HttpListener(guarded(f"{realm.url}/token", "another")) as server,
    ):
        entries = [RegistryEntry(server.host, is_insecure=True, username="user", password="right")]
        with pytest.raises(RegistryError, match=f"{realm.host}.*trusted_realms") as caught:
            client(*entries, RegistryEntry(realm.host, is_insecure=True)).fetch_descriptor(
                TagRef(f"{server.host}/a", "1")
            )
    assert (caught.value.reason, caught.value.is_failure) == (Reason.DENIED, True)


def test_trusted_token_server_gets_credential_of_registry():
    with HttpListener(lambda received: token()) as realm, HttpListener(guarded(f"{realm.url}/token")) as server:
        entry = RegistryEntry(
            server.host, is_insecure=True, username="user", password="right", trusted_realms=(realm.host,)
        )
        assert client(entry).fetch_descriptor(TagRef(f"{server.host}/a", "1")).digest == IMAGE.digest
    assert [received.headers.get("authorization") for received in realm.received] == [BASIC]


def test_token_server_on_registry_origin_gets_credential():
    def answer(received: ReceivedRequest) -> HttpReply:
        return token() if received.path.startswith("/token") else guarded(f"{server.url}/token?a=b")(received)

    with HttpListener(answer) as server:
        entry = RegistryEntry(server.host, is_insecure=True, username="user", password="right")
        assert client(entry).fetch_descriptor(TagRef(f"{server.host}/a", "1")).digest == IMAGE.digest
    (asked,) = [received for received in server.received if received.path.startswith("/token")]
    assert asked.path == "/token?a=b&service=s&scope=repository%3Aa%3Apull", "the scope is ours, never the challenge's"
    assert asked.headers["authorization"] == BASIC


@pytest.mark.parametrize(
    "realm",
    [
        "http://127.0.0.1:1/token",
        "https://169.254.169.254/token",
        "https://user@auth.example/token",
        "file:///etc/passwd",
        "https://2130706433/",
        "nonsense",
    ],
)
def test_token_server_with_invalid_or_internal_url_gets_no_request(realm):
    with HttpListener(lambda received: challenge(realm)) as server:
        entry = RegistryEntry(server.host, is_insecure=True, username="user", password="right")
        with pytest.raises(RegistryError, match=f"the token server that {server.host} names: ") as caught:
            client(entry).fetch_descriptor(TagRef(f"{server.host}/a", "1"))
    assert caught.value.reason is Reason.UNREACHABLE
    assert len(server.received) == 1


OWN_PARAMETERS = [
    "scope=repository:secret:push",
    "a=b&service=other",
    "account=admin",
    "grant_type=password",
    "client_id",
    "SCOPE=x",
    "%73cope=x",
    "scope[]=x",
    "scope%5B0%5D=x",
    "+scope=x",
    "a=b;scope=x",
]


@pytest.mark.parametrize("query", OWN_PARAMETERS)
def test_token_server_url_that_sets_scope_or_service_is_not_contacted(query):
    with HttpListener(lambda received: challenge(f"http://{server.host}/token?{query}")) as server:
        entry = RegistryEntry(server.host, is_insecure=True, username="user", password="right")
        with pytest.raises(RegistryError, match=f"{server.host}/token sets the parameter") as caught:
            client(entry).fetch_descriptor(TagRef(f"{server.host}/a", "1"))
    assert caught.value.is_failure
    assert [received.path for received in server.received] == ["/v2/a/manifests/1"]


@pytest.mark.parametrize("query", ["a=b", "a=scope", "scopes=x", "x-service=y"])
def test_token_server_url_keeps_parameters_other_than_scope_and_service(query):
    def answer(received: ReceivedRequest) -> HttpReply:
        return token() if received.path.startswith("/token") else guarded(f"{server.url}/token?{query}")(received)

    with HttpListener(answer) as server:
        entry = RegistryEntry(server.host, is_insecure=True)
        assert client(entry).fetch_descriptor(TagRef(f"{server.host}/a", "1")).digest == IMAGE.digest
    assert any(received.path.startswith(f"/token?{query}&service=s") for received in server.received)


@pytest.mark.parametrize("realm", ["http://169.254.169.254/token", "https://[fe80::1]:8443/", "https://169.254.170.2/"])
def test_error_about_token_server_at_metadata_address_does_not_suggest_trust(realm):
    with (
        HttpListener(lambda received: challenge(realm)) as server,
        pytest.raises(RegistryError, match=r" a registry$") as caught,
    ):
        client(RegistryEntry(server.host, is_insecure=True)).fetch_descriptor(TagRef(f"{server.host}/a", "1"))
    assert "registries:" not in str(caught.value)


def test_redirect_by_token_server_is_not_followed():
    elsewhere = HttpReply(307, headers={"Location": "/elsewhere"})
    with HttpListener(lambda received: elsewhere) as realm, HttpListener(guarded(f"{realm.url}/token")) as server:
        entry = RegistryEntry(server.host, is_insecure=True, trusted_realms=(realm.host,))
        with pytest.raises(RegistryError, match="answered 307"):
            client(entry).fetch_descriptor(TagRef(f"{server.host}/a", "1"))
    assert len(realm.received) == 1


def test_token_response_above_size_limit_is_refused():
    endless = HttpReply(200, json.dumps({"token": "a" * MAX_TOKEN_ANSWER}).encode())
    with HttpListener(lambda received: endless) as realm, HttpListener(guarded(f"{realm.url}/token")) as server:
        entry = RegistryEntry(server.host, is_insecure=True, trusted_realms=(realm.host,))
        with pytest.raises(RegistryError, match=f"has more than {MAX_TOKEN_ANSWER} bytes") as caught:
            client(entry).fetch_descriptor(TagRef(f"{server.host}/a", "1"))
    assert caught.value.reason is Reason.REGISTRY_ERROR


def test_registry_token_is_not_sent_to_another_registry_with_same_token_server():
    issued: list[str] = []

    def issue(received: ReceivedRequest) -> HttpReply:
        issued.append(f"token-{len(issued)}")
        return token(issued[-1])

    def closed(received: ReceivedRequest) -> HttpReply:
        return manifest() if "authorization" in received.headers else challenge(f"{realm.url}/token")

    with HttpListener(issue) as realm, HttpListener(closed) as first, HttpListener(closed) as second:
        hosts = (first.host, second.host)
        oci = client(*(RegistryEntry(host, is_insecure=True, trusted_realms=(realm.host,)) for host in hosts))
        for host in hosts:
            oci.fetch_descriptor(TagRef(f"{host}/a", "1"))
    shown = [server.received[-1].headers["authorization"] for server in (first, second)]
    assert shown == ["Bearer token-0", "Bearer token-1"]


ENDPOINTS = {
    "docker.io": "https://auth.docker.io/token",
    "registry.gitlab.com": "https://gitlab.com/jwt/auth",
    "nvcr.io": "https://authn.nvidia.com/token",
    "docker.elastic.co": "https://docker-auth.elastic.co/auth",
    "ghcr.io": "https://ghcr.io/token",
    "quay.io": "https://quay.io/v2/auth",
}


@pytest.mark.parametrize("host", ENDPOINTS)
def test_credential_of_public_registry_is_sent_only_to_known_token_server(host):
    endpoint = EndpointDirectory().find_endpoint(host)
    assert endpoint is not None
    for other, realm in ENDPOINTS.items():
        assert may_receive_credential(endpoint, Url.parse(realm)) == (other == host), (host, realm)


def test_built_in_token_servers_belong_to_built_in_registries():
    assert {endpoint.host for host in ENDPOINTS if (endpoint := EndpointDirectory().find_endpoint(host))} >= set(
        KNOWN_REALMS
    )


@pytest.mark.parametrize(
    "realm", ["http://r.corp:5000/", "https://r.corp/", "https://r.corp:5001/", "https://x.r.corp:5000/"]
)
def test_token_server_with_other_scheme_port_or_host_gets_no_credential(realm):
    endpoint = RegistryEndpoint("r.corp:5000", "r.corp:5000", "r.corp:5000")
    assert not may_receive_credential(endpoint, Url.parse(realm))
    assert may_receive_credential(endpoint, Url.parse("https://r.corp:5000/token"))


# Mirrors


def test_credential_of_mirrored_registry_is_not_sent_to_mirror():
    def answer(received: ReceivedRequest) -> HttpReply:
        return token() if received.path.startswith("/token") else guarded(f"{server.url}/token")(received)

    with HttpListener(answer) as server:
        hub = RegistryEntry("docker.io", mirror=server.host, is_insecure=True, username="hub", password="right")
        line = TagRef("docker.io/library/nginx", "1")
        assert client(hub).fetch_descriptor(line).digest == IMAGE.digest
        assert client(hub).get_pull_address(line, IMAGE.digest).username is None
        sent = {received.headers.get("authorization") for received in server.received}
        assert sent == {None, "Bearer abc"}
        own = RegistryEntry(server.host, username="user", password="right")
        assert client(hub, own).fetch_descriptor(line).digest == IMAGE.digest
        assert client(hub, own).get_pull_address(line, IMAGE.digest).username == "user"
    assert BASIC in {received.headers.get("authorization") for received in server.received}


# Docker Hub under its public names


@responses.activate
def test_docker_hub_credential_is_sent_to_docker_hub_token_server():
    url = "https://registry-1.docker.io/v2/library/nginx/manifests/1.27"
    realm = "https://auth.docker.io/token"
    wanted = {"WWW-Authenticate": f'Bearer realm="{realm}",service="registry.docker.io",scope="x"'}
    responses.head(url, status=401, headers=wanted)
    query = {"service": "registry.docker.io", "scope": "repository:library/nginx:pull"}
    granted = [
        responses.matchers.query_param_matcher(query),
        responses.matchers.header_matcher({"Authorization": BASIC}),
    ]
    responses.get(realm, json={"token": "abc", "expires_in": 300}, match=granted)
    bearer = responses.matchers.header_matcher({"Authorization": "Bearer abc"})
    headers = {"Content-Type": IMAGE.media_type, "Docker-Content-Digest": IMAGE.digest}
    responses.head(url, headers=headers, match=[bearer])
    oci = client(RegistryEntry("docker.io", username="user", password="right"))
    assert oci.fetch_descriptor(TagRef("docker.io/library/nginx", "1.27")).digest == IMAGE.digest
    assert len(responses.calls) == 3
