"""Invalid responses, of registries and of other servers, and the errors that they cause."""

from __future__ import annotations

import json

import pytest
from support.free_ports import reserve_silent_port
from support.images import DOCKER_MANIFEST
from support.listener import HttpListener, HttpReply, ReceivedRequest

from bot.demo import images
from bot.model.errors import RegistryError
from bot.model.image import TagDescriptor
from bot.model.image_name import Digest, TagRef
from bot.model.vocabulary import Reason
from bot.net.client import MAX_TRIES
from bot.registries.endpoints import RegistryEntry
from bot.registries.manifest import ACCEPT
from bot.registries.oci import OciRegistry
from bot.registries.repository_endpoint import MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE

IMAGE = images.build_image([images.build_layer({"a": b"b"})])
OTHER = images.build_image([images.build_layer({"a": b"c"})])
CONFIG = IMAGE.blobs[0]
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


def client(*hosts: str, pauses: list[float] | None = None, is_insecure: bool = True) -> OciRegistry:
    entries = [RegistryEntry(host, is_insecure=is_insecure) for host in hosts]
    return OciRegistry(entries, environment={}, sleep=(pauses if pauses is not None else []).append)


def build_tag_ref(server: HttpListener) -> TagRef:
    return TagRef(f"{server.host}/a/b", "1")


def serve(item: images.PlatformImage | images.ImageIndex, **headers: str) -> HttpReply:
    return HttpReply(200, item.content, {"Content-Type": item.media_type} | headers)


def serve_with_digest(item: images.PlatformImage | images.ImageIndex) -> HttpReply:
    return serve(item, **{"Docker-Content-Digest": item.digest})


def test_manifest_requests_accept_oci_and_docker_manifests_and_indexes():
    with HttpListener(lambda received: serve_with_digest(IMAGE)) as server:
        oci = client(server.host)
        oci.fetch_descriptor(build_tag_ref(server))
        oci.fetch_manifest(build_tag_ref(server), IMAGE.digest)
    assert [received.headers["accept"] for received in server.received] == [ACCEPT, ACCEPT]


# Invalid descriptors


@pytest.mark.parametrize(
    "head",
    [
        serve(IMAGE),
        serve(IMAGE, **{"Docker-Content-Digest": ""}),
        serve(IMAGE, **{"Docker-Content-Digest": "sha256:abc"}),
        serve(IMAGE, **{"Docker-Content-Digest": "sha512:" + "a" * 128}),
        serve(IMAGE, **{"Docker-Content-Digest": OTHER.digest, "Content-Type": "text/html"}),
        serve(IMAGE, **{"Docker-Content-Digest": OTHER.digest, "Content-Type": SCHEMA1}),
        HttpReply(405),
        HttpReply(501),
    ],
)
def test_tag_is_resolved_with_get_if_head_response_is_unusable(head):
    with HttpListener(lambda received: head if received.method == "HEAD" else serve(IMAGE)) as server:
        assert client(server.host).fetch_descriptor(build_tag_ref(server)) == TagDescriptor(
            IMAGE.digest, IMAGE.media_type
        )
    assert server.asked == ["HEAD /v2/a/b/manifests/1", "GET /v2/a/b/manifests/1"]


# Unchanged responses


KNOWN = TagDescriptor(OTHER.digest, OTHER.media_type, 'W/"other"')


def test_unchanged_tag_is_confirmed_only_if_known_descriptor_has_etag():
    with HttpListener(
        lambda received: HttpReply(304) if "if-none-match" in received.headers else serve_with_digest(IMAGE)
    ) as server:
        oci = client(server.host)
        assert oci.fetch_descriptor(build_tag_ref(server), KNOWN) is KNOWN
        assert (
            oci.fetch_descriptor(build_tag_ref(server), TagDescriptor(OTHER.digest, OTHER.media_type)).digest
            == IMAGE.digest
        )
        assert oci.fetch_descriptor(build_tag_ref(server)).digest == IMAGE.digest
    assert [received.headers.get("if-none-match") for received in server.received] == ['W/"other"', None, None]


def test_tag_with_known_etag_is_resolved_again_if_registry_has_no_etags():
    with HttpListener(lambda received: serve_with_digest(IMAGE)) as server:
        assert client(server.host).fetch_descriptor(build_tag_ref(server), KNOWN) == TagDescriptor(
            IMAGE.digest, IMAGE.media_type
        )
    assert server.asked == ["HEAD /v2/a/b/manifests/1"]


def test_not_modified_response_without_known_etag_is_reported_as_failure():
    with HttpListener(lambda received: HttpReply(304)) as server:
        for known in (None, TagDescriptor(OTHER.digest, OTHER.media_type)):
            with pytest.raises(RegistryError, match="answered 304") as caught:
                client(server.host).fetch_descriptor(build_tag_ref(server), known)
            assert (caught.value.reason, caught.value.is_failure) == (Reason.REGISTRY_ERROR, True)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('"a-1"', '"a-1"'),
        ('W/"a"', 'W/"a"'),
        ("unquoted", None),
        ('""', None),
        ('"a", "b"', None),
        ('"a\tb"', None),
        ("*", None),
        ('"' + "a" * 300 + '"', None),
    ],
)
def test_only_valid_etag_of_registry_is_kept(sent, kept):
    reply = serve(IMAGE, **{"Docker-Content-Digest": IMAGE.digest, "ETag": sent})
    with HttpListener(lambda received: reply) as server:
        assert client(server.host).fetch_descriptor(build_tag_ref(server)).etag == kept


def test_digest_of_manifest_body_is_used_instead_of_digest_header():
    answers = {"HEAD": serve(IMAGE), "GET": serve(IMAGE, **{"Docker-Content-Digest": OTHER.digest})}
    with HttpListener(lambda received: answers[received.method]) as server:
        assert client(server.host).fetch_descriptor(build_tag_ref(server)).digest == IMAGE.digest


def test_manifest_with_another_digest_than_requested_is_reported_as_failure():
    reply = serve(OTHER, **{"Docker-Content-Digest": IMAGE.digest})
    with HttpListener(lambda received: reply) as server, pytest.raises(RegistryError, match=OTHER.digest) as caught:
        client(server.host).fetch_manifest(build_tag_ref(server), IMAGE.digest)
    assert (caught.value.reason, caught.value.is_failure) == (Reason.REGISTRY_ERROR, True)


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b'{"schemaVersion": 1, "fsLayers": []}', SCHEMA1, "schema 1"),
        (IMAGE.content, DOCKER_MANIFEST, "contradict"),
    ],
)
def test_unsupported_manifest_is_reported_but_not_as_failure_of_registry(body, content_type, said):
    reply = HttpReply(200, body, {"Content-Type": content_type})
    with HttpListener(lambda received: reply) as server, pytest.raises(RegistryError, match=said) as caught:
        client(server.host).fetch_descriptor(build_tag_ref(server))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.REGISTRY_ERROR, False)


def test_html_page_in_place_of_manifest_is_reported_as_failure():
    reply = HttpReply(200, b"<html>Welcome to the guest network</html>", {"Content-Type": "text/html"})
    with HttpListener(lambda received: reply) as server, pytest.raises(RegistryError, match="not JSON") as caught:
        client(server.host).fetch_descriptor(build_tag_ref(server))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.REGISTRY_ERROR, True)


def test_manifest_response_without_any_type_is_recognised_by_content():
    untyped = json.dumps({key: value for key, value in json.loads(IMAGE.content).items() if key != "mediaType"})
    with HttpListener(lambda received: HttpReply(200, untyped.encode())) as server:
        claim = client(server.host).fetch_descriptor(build_tag_ref(server))
    assert claim == TagDescriptor(images.compute_digest(untyped.encode()), images.OCI_MANIFEST)


# Limits


def test_manifest_above_size_limit_is_refused():
    reply = HttpReply(200, b" " * (MAX_MANIFEST_SIZE + 1))
    with (
        HttpListener(lambda received: reply) as server,
        pytest.raises(RegistryError, match=f"more than {MAX_MANIFEST_SIZE} bytes") as caught,
    ):
        client(server.host).fetch_manifest(build_tag_ref(server), IMAGE.digest)
    assert (caught.value.reason, caught.value.is_failure) == (Reason.REGISTRY_ERROR, False)


def select_by_kind(manifest: HttpReply, blob: HttpReply):
    return lambda received: blob if "/blobs/" in received.path else manifest


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (HttpReply(200, b" " * (MAX_CONFIG_SIZE + 1)), Reason.REGISTRY_ERROR),
        (HttpReply(200, CONFIG + b" "), Reason.REGISTRY_ERROR),
        (HttpReply(404), Reason.NOT_FOUND_OR_DENIED),
    ],
)
def test_too_large_wrong_or_missing_config_blob_is_reported(blob, reason):
    with HttpListener(select_by_kind(serve(IMAGE), blob)) as server:
        oci = client(server.host)
        manifest = oci.fetch_manifest(build_tag_ref(server), IMAGE.digest)
        with pytest.raises(RegistryError) as caught:
            oci.describe_image(build_tag_ref(server), manifest)
    assert caught.value.reason is reason


def test_malformed_image_config_is_reported_but_not_as_failure_of_registry():
    blob = b"no config"
    manifest = json.loads(IMAGE.content)
    manifest["config"]["digest"] = images.compute_digest(blob)
    body = json.dumps(manifest).encode()
    with HttpListener(select_by_kind(HttpReply(200, body), HttpReply(200, blob))) as server:
        oci = client(server.host)
        fetched = oci.fetch_manifest(build_tag_ref(server), images.compute_digest(body))
        with pytest.raises(RegistryError, match="not JSON") as caught:
            oci.describe_image(build_tag_ref(server), fetched)
    assert (caught.value.reason, caught.value.is_failure) == (Reason.REGISTRY_ERROR, False)


def test_manifest_dropped_from_full_cache_is_fetched_again(monkeypatch):
    monkeypatch.setattr("bot.registries.documents.MAX_DOCUMENTS", 1)
    stored = {item.digest: serve(item) for item in (IMAGE, OTHER)}
    blobs = {images.compute_digest(item.blobs[0]): HttpReply(200, item.blobs[0]) for item in (IMAGE, OTHER)}
    with HttpListener(lambda received: (stored | blobs)[received.path.rpartition("/")[2]]) as server:
        oci = client(server.host)
        first = oci.fetch_manifest(build_tag_ref(server), IMAGE.digest)
        oci.fetch_manifest(build_tag_ref(server), OTHER.digest)
        assert oci.describe_image(build_tag_ref(server), first).created == images.DEFAULT_CREATED
    assert server.asked.count(f"GET /v2/a/b/manifests/{IMAGE.digest}") == 2


# Redirects


def test_manifest_and_config_redirects_are_followed_without_credential():
    def storage(received: ReceivedRequest) -> HttpReply:
        assert "authorization" not in received.headers
        return HttpReply(200, CONFIG) if received.path == "/config" else serve(IMAGE)

    with HttpListener(storage) as store:
        moved = select_by_kind(
            HttpReply(307, headers={"Location": f"{store.url}/manifest"}),
            HttpReply(307, headers={"Location": f"{store.url}/config"}),
        )
        with HttpListener(moved) as server:
            oci = client(server.host, store.host)
            manifest = oci.fetch_manifest(build_tag_ref(server), IMAGE.digest)
            assert oci.describe_image(build_tag_ref(server), manifest).created == images.DEFAULT_CREATED


def test_registry_redirect_to_internal_address_is_refused():
    reply = HttpReply(302, headers={"Location": "https://169.254.169.254/latest"})
    with (
        HttpListener(lambda received: reply) as server,
        pytest.raises(RegistryError, match=r"169\.254\.169\.254") as caught,
    ):
        client(server.host).fetch_descriptor(build_tag_ref(server))
    assert caught.value.reason is Reason.REGISTRY_ERROR
    assert "list 169" not in str(caught.value), "nobody is invited to trust a host of which only a redirect speaks"


# Failures


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (429, Reason.RATE_LIMITED),
        (500, Reason.REGISTRY_ERROR),
        (503, Reason.REGISTRY_ERROR),
        (400, Reason.REGISTRY_ERROR),
        (302, Reason.REGISTRY_ERROR),
    ],
)
def test_persistent_error_status_is_reported_as_failure_of_registry(status, reason):
    reply = HttpReply(status)
    with (
        HttpListener(lambda received: reply) as server,
        pytest.raises(RegistryError, match=f"answered {status} for a/b/manifests/1") as caught,
    ):
        client(server.host).fetch_descriptor(build_tag_ref(server))
    assert (caught.value.reason, caught.value.is_failure, caught.value.host) == (reason, True, server.host)


def test_retry_of_registry_request_waits_as_long_as_retry_after():
    replies = [HttpReply(429, headers={"Retry-After": "11"}), serve_with_digest(IMAGE)]
    pauses: list[float] = []
    with HttpListener(lambda received: replies.pop(0)) as server:
        assert client(server.host, pauses=pauses).fetch_descriptor(build_tag_ref(server)).digest == IMAGE.digest
    assert pauses == [pytest.approx(11.0, abs=1)]


def test_registry_with_long_retry_after_gets_no_further_requests():
    left_alone = HttpReply(429, headers={"Retry-After": "3600"})
    with HttpListener(lambda received: left_alone) as server:
        oci = client(server.host)
        for said in ("retry after 3600 seconds", "asked for a pause that lasts another 3600 seconds"):
            with pytest.raises(RegistryError, match=said) as caught:
                oci.fetch_descriptor(build_tag_ref(server))
            assert (caught.value.reason, caught.value.is_failure) == (Reason.RATE_LIMITED, True)
    assert len(server.received) == 1


def test_registry_request_is_abandoned_after_maximum_number_of_tries():
    with HttpListener(lambda received: HttpReply(503)) as server, pytest.raises(RegistryError):
        client(server.host).fetch_descriptor(build_tag_ref(server))
    assert len(server.received) == MAX_TRIES


@pytest.mark.parametrize(("is_insecure", "advice"), [(False, "set HTTPS_PROXY"), (True, "make sure that 127.0.0.1:")])
def test_refused_connection_is_reported_as_failure_of_registry_with_hint(is_insecure, advice):
    with reserve_silent_port() as port:
        host = f"127.0.0.1:{port}"
        with pytest.raises(RegistryError, match="did not answer: Connection refused") as caught:
            client(host, is_insecure=is_insecure).fetch_descriptor(TagRef(f"{host}/a/b", "1"))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.UNREACHABLE, True)
    assert all(each in str(caught.value) for each in (f"hint: {advice}", "--offline"))


def test_error_quoted_from_registry_is_shortened_to_one_line():
    word = "line\nbreak \x1b[31mred\u202e " + "x" * 10_000
    said = json.dumps({"errors": [{"code": "TOOMANY", "message": word}] * 9}).encode()
    with HttpListener(lambda received: HttpReply(400, said)) as server, pytest.raises(RegistryError) as caught:
        client(server.host).fetch_manifest(build_tag_ref(server), IMAGE.digest)
    message = str(caught.value)
    assert "TOOMANY: line break [31mred x" in message
    assert message.isprintable()
    assert len(message) < 500


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"errors": 1}', b'{"errors": {}}', b'{"errors": [1]}', b'{"errors": [{}]}']
)
def test_error_without_readable_body_still_names_the_status(body):
    reply = HttpReply(404, body)
    with (
        HttpListener(lambda received: reply) as server,
        pytest.raises(RegistryError, match=r"404 for a/b/manifests/sha256:[0-9a-f]+"),
    ):
        client(server.host).fetch_manifest(build_tag_ref(server), IMAGE.digest)


def test_manifest_requested_by_sha512_digest_is_refused():
    with HttpListener(lambda received: serve(IMAGE)) as server, pytest.raises(RegistryError) as caught:
        client(server.host).fetch_manifest(build_tag_ref(server), Digest("sha512:" + "a" * 128))
    assert caught.value.reason is Reason.REGISTRY_ERROR
