"""Challenges: which server receives which token, and which never receives a credential."""

from __future__ import annotations

import json
import threading

import pytest
from support.listener import HttpListener, HttpReply, ReceivedRequest
from support.registries.challenges import BASIC, IMAGE, client, guarded, manifest, token
from support.registries.docker_registry import DockerRegistry
from support.registries.tokens import TokenServer

from bot.model.errors import RegistryError
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.net import HttpClient
from bot.registries.auth import RegistryAuthenticator, RegistryRequest, parse_token
from bot.registries.endpoints import EndpointDirectory, RegistryEndpoint, RegistryEntry
from bot.registries.keychain import Keychain

real = pytest.mark.real("docker-registry")


# A real registry and its token server


@pytest.fixture
def stand(tmp_path):
    """Start a registry behind a token server with one user."""

    def start(repositories: tuple[str, ...] = ("a/b",), **options) -> tuple[DockerRegistry, TokenServer]:
        tokens = TokenServer(tmp_path, {"user": "right"}, **options)
        opened.append(tokens.__enter__())
        registry = DockerRegistry(token=tokens.block, folder=tmp_path)
        opened.append(registry.__enter__())
        for repository in repositories:
            registry.push(IMAGE, repository, "1", authorization=tokens.bearer(repository))
        registry.forget()
        return registry, tokens

    opened: list[DockerRegistry | TokenServer] = []
    yield start
    for server in reversed(opened):
        server.__exit__()


def listed(registry: DockerRegistry, tokens: TokenServer, **entry) -> RegistryEntry:
    return RegistryEntry(registry.host, is_insecure=True, trusted_realms=(tokens.host,), **entry)


@real
def test_anonymous_token_allows_pull_from_public_repository(stand):
    registry, tokens = stand()
    oci = client(listed(registry, tokens))
    assert oci.fetch_descriptor(TagRef(f"{registry.host}/a/b", "1")).digest == IMAGE.digest
    assert tokens.scopes == ["repository:a/b:pull"]
    assert "authorization" not in tokens.received[0].headers


@real
def test_client_requests_one_token_per_repository_and_one_challenge_per_host(stand):
    registry, tokens = stand(("a/b", "c"))
    oci = client(listed(registry, tokens, username="user", password="right"))
    for repository in ("a/b", "a/b", "c", "c"):
        line = TagRef(f"{registry.host}/{repository}", "1")
        oci.fetch_manifest(line, oci.fetch_descriptor(line).digest)
    assert tokens.scopes == ["repository:a/b:pull", "repository:c:pull"]
    assert [request.status for request in registry.requests()] == [401] + [200] * 8


@real
def test_threads_pulling_from_one_repository_share_one_token(stand):
    registry, tokens = stand()
    oci = client(listed(registry, tokens))
    line = TagRef(f"{registry.host}/a/b", "1")
    threads = [threading.Thread(target=oci.fetch_descriptor, args=(line,)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tokens.scopes == ["repository:a/b:pull"]
    assert sorted(request.status for request in registry.requests()) == [200] * 12 + [401]


@real
def test_private_repository_can_be_read_with_password_or_identity_token(stand, tmp_path):
    registry, tokens = stand(public=False, identity_token="refresh")
    line = TagRef(f"{registry.host}/a/b", "1")
    assert (
        client(listed(registry, tokens, username="user", password="right")).fetch_descriptor(line).digest
        == IMAGE.digest
    )
    config = {"auths": {registry.host: {"identitytoken": "refresh"}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    oci = client(listed(registry, tokens), environment={"DOCKER_CONFIG": str(tmp_path)})
    assert oci.fetch_descriptor(line).digest == IMAGE.digest
    assert [received.method for received in tokens.received] == ["GET", "POST"]
    assert oci.get_pull_address(line, IMAGE.digest).password is None


@real
def test_private_repository_without_configured_login_is_reported_as_not_found(stand):
    registry, tokens = stand(public=False)
    with pytest.raises(RegistryError) as caught:
        client(listed(registry, tokens)).fetch_descriptor(TagRef(f"{registry.host}/a/b", "1"))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.NOT_FOUND_OR_DENIED, False)


@real
def test_wrong_password_is_reported_as_denied_without_showing_the_password(stand):
    registry, tokens = stand()
    with pytest.raises(RegistryError, match=r"\[hidden\].*credential configured for") as caught:
        client(listed(registry, tokens, username="user", password="f4ls3")).fetch_descriptor(
            TagRef(f"{registry.host}/a/b", "1")
        )
    assert (caught.value.reason, caught.value.is_failure) == (Reason.DENIED, True)
    assert "f4ls3" not in str(caught.value)


@real
def test_missing_tag_is_reported_as_not_found_despite_valid_token(stand):
    registry, tokens = stand()
    with pytest.raises(RegistryError) as caught:
        client(listed(registry, tokens)).fetch_descriptor(TagRef(f"{registry.host}/a/b", "2"))
    assert caught.value.reason is Reason.NOT_FOUND_OR_DENIED


def test_threads_pulling_from_a_repository_wait_for_one_token_request():
    slow = HttpReply(200, token().body, drip=0.005)
    with HttpListener(lambda received: slow) as realm, HttpListener(guarded(f"{realm.url}/token")) as server:
        oci = client(RegistryEntry(server.host, is_insecure=True, trusted_realms=(realm.host,)))
        oci.fetch_descriptor(TagRef(f"{server.host}/first", "1"))
        threads = [
            threading.Thread(target=oci.fetch_descriptor, args=(TagRef(f"{server.host}/second", "1"),))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(realm.received) == 2
    assert len(server.received) == 2 + 8


@real
def test_refused_identity_token_is_reported_as_failure_without_token(stand, tmp_path):
    registry, tokens = stand(identity_token="refresh")
    (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"identitytoken": "st4le"}}}))
    oci = client(listed(registry, tokens), environment={"DOCKER_CONFIG": str(tmp_path)})
    with pytest.raises(RegistryError, match="credential configured for") as caught:
        oci.fetch_descriptor(TagRef(f"{registry.host}/a/b", "1"))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.DENIED, True)
    assert "st4le" not in str(caught.value)


# Token expiry


def authenticator(
    server: HttpListener, clock: list[float], **entry
) -> tuple[RegistryAuthenticator, RegistryEndpoint, RegistryRequest]:
    access = EndpointDirectory([RegistryEntry(server.host, is_insecure=True, **entry)])
    endpoint = access.find_endpoint(server.host)
    assert endpoint is not None
    http = HttpClient(access.list_trusted_hosts(), environment={}, sleep=lambda seconds: None)
    question = RegistryRequest("GET", "/v2/a/manifests/1", "a", 10_000)
    return RegistryAuthenticator(http, Keychain(access, {}), now=lambda: clock[0]), endpoint, question


def test_registry_token_is_renewed_after_nine_tenths_of_lifetime():
    with (
        HttpListener(lambda received: token(expires_in=1000)) as realm,
        HttpListener(guarded(f"{realm.url}/token")) as server,
    ):
        clock = [0.0]
        asks, endpoint, question = authenticator(server, clock, trusted_realms=(realm.host,))
        for moment, tokens in ((0.0, 1), (899.0, 1), (901.0, 2)):
            clock[0] = moment
            assert asks.send_request(endpoint, question).status == 200
            assert len(realm.received) == tokens


def test_refused_registry_token_is_replaced_by_a_new_token():
    words = ["abc"]

    def answer(received: ReceivedRequest) -> HttpReply:
        return guarded(f"{realm.url}/token", words[0])(received)

    with HttpListener(lambda received: token(words[0])) as realm, HttpListener(answer) as server:
        asks, endpoint, question = authenticator(server, [0.0], trusted_realms=(realm.host,))
        assert asks.send_request(endpoint, question).status == 200
        words[0] = "def"
        assert asks.send_request(endpoint, question).status == 200
    sent = [received.headers.get("authorization") for received in server.received]
    assert sent == [None, "Bearer abc", "Bearer abc", None, "Bearer def"]
    assert len(realm.received) == 2


def test_registry_request_fails_if_a_new_token_is_refused():
    with (
        HttpListener(lambda received: token()) as realm,
        HttpListener(guarded(f"{realm.url}/token", "another")) as server,
    ):
        asks, endpoint, question = authenticator(server, [0.0], trusted_realms=(realm.host,))
        with pytest.raises(RegistryError):
            asks.send_request(endpoint, question)
    assert len(server.received) == 2
    assert len(realm.received) == 1


@pytest.mark.parametrize(
    ("fields", "lifetime"),
    [
        ({"token": "a"}, 60.0),
        ({"access_token": "a", "expires_in": 300}, 300.0),
        ({"token": "a", "access_token": "b", "expires_in": 1}, 60.0),
        ({"token": "a", "expires_in": -5}, 60.0),
        ({"token": "a", "expires_in": 10**9}, 3600.0),
        ({"token": "a", "expires_in": "300"}, 60.0),
        ({"token": "a", "expires_in": True}, 60.0),
        ({"token": "a", "expires_in": None}, 60.0),
    ],
)
def test_lifetime_of_registry_token_is_between_one_minute_and_one_hour(fields, lifetime):
    assert parse_token(json.dumps(fields).encode()) == ("a", lifetime)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"secret", b"{}", b'{"token": ""}', b'{"token": 1}', b'{"token": "sec\\r\\nret"}', b"[" * 100_000],
)
def test_error_about_malformed_token_response_does_not_quote_the_response(body):
    with pytest.raises(ValueError, match="the token response") as caught:
        parse_token(body)
    assert "sec" not in str(caught.value)


def test_malformed_token_response_is_reported_as_failure_of_registry():
    with (
        HttpListener(lambda received: HttpReply(200, b"<html>")) as realm,
        HttpListener(guarded(f"{realm.url}/token")) as server,
    ):
        entry = RegistryEntry(server.host, is_insecure=True, trusted_realms=(realm.host,))
        with pytest.raises(RegistryError, match="not JSON") as caught:
            client(entry).fetch_descriptor(TagRef(f"{server.host}/a", "1"))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.REGISTRY_ERROR, True)


# Basic


def test_bearer_challenge_is_preferred_to_basic_challenge():
    def answer(received: ReceivedRequest) -> HttpReply:
        if received.headers.get("authorization") == "Bearer abc":
            return manifest()
        return HttpReply(401, headers={"WWW-Authenticate": f'Basic realm="x", Bearer realm="{realm.url}/token"'})

    with HttpListener(lambda received: token()) as realm, HttpListener(answer) as server:
        entry = RegistryEntry(
            server.host, is_insecure=True, username="user", password="right", trusted_realms=(realm.host,)
        )
        assert client(entry).fetch_descriptor(TagRef(f"{server.host}/a", "1")).digest == IMAGE.digest
    assert BASIC not in {received.headers.get("authorization") for received in server.received}


def test_token_request_names_realm_host_if_challenge_names_no_service():
    def answer(received: ReceivedRequest) -> HttpReply:
        if received.headers.get("authorization"):
            return manifest()
        return HttpReply(401, headers={"WWW-Authenticate": f'Bearer realm="{realm.url}/token"'})

    with HttpListener(lambda received: token()) as realm, HttpListener(answer) as server:
        client(RegistryEntry(server.host, is_insecure=True, trusted_realms=(realm.host,))).fetch_descriptor(
            TagRef(f"{server.host}/a", "1")
        )
    assert realm.asked == ["GET /token?service=127.0.0.1&scope=repository%3Aa%3Apull"]


@pytest.mark.parametrize("offered", ["", "Negotiate", "Bearer", "Digest realm=x"])
def test_unsupported_challenge_ends_the_registry_request(offered):
    headers = {"WWW-Authenticate": offered} if offered else {}
    with (
        HttpListener(lambda received: HttpReply(401, headers=headers)) as server,
        pytest.raises(RegistryError) as caught,
    ):
        client(RegistryEntry(server.host, is_insecure=True)).fetch_descriptor(TagRef(f"{server.host}/a", "1"))
    assert caught.value.reason is Reason.NOT_FOUND_OR_DENIED
    assert len(server.received) == 1


def test_password_repeated_in_registry_error_is_hidden():
    said = json.dumps({"errors": [{"code": "DENIED", "message": f"{BASIC} user:right"}]}).encode()
    basic = HttpReply(401, said, {"WWW-Authenticate": "Basic"})
    with HttpListener(lambda received: basic) as server:
        entry = RegistryEntry(server.host, is_insecure=True, username="user", password="right")
        with pytest.raises(RegistryError, match=r"DENIED: Basic \[hidden\] user:\[hidden\]"):
            client(entry).fetch_manifest(TagRef(f"{server.host}/a", "1"), IMAGE.digest)
    assert len(server.received) == 2


def test_identity_token_is_not_sent_as_password_for_basic_challenge(tmp_path):
    with HttpListener(lambda received: HttpReply(401, headers={"WWW-Authenticate": "Basic"})) as server:
        (tmp_path / "config.json").write_text(json.dumps({"auths": {server.host: {"identitytoken": "refresh"}}}))
        oci = client(RegistryEntry(server.host, is_insecure=True), environment={"DOCKER_CONFIG": str(tmp_path)})
        with pytest.raises(RegistryError, match="requires a password") as caught:
            oci.fetch_descriptor(TagRef(f"{server.host}/a", "1"))
    assert caught.value.reason is Reason.DENIED
