"""The embedded registry responds like other registries, and serves the current content of its store."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest
import requests

from bot.demo.images import (
    OCI_INDEX,
    OCI_MANIFEST,
    DemoPackage,
    ImageStore,
    build_debian_root,
    build_image,
    build_index,
    build_layer,
    compute_digest,
)
from bot.demo.loopback_registry import LoopbackRegistry, ServedRequest

ACCEPT = {"Accept": f"{OCI_INDEX}, {OCI_MANIFEST}"}
CHILD = build_image([build_layer(build_debian_root("12.11", [DemoPackage("bash", "5.2-1")]))])
BOTH = build_index([CHILD])


@pytest.fixture
def store():
    held = ImageStore()
    held.set_tag("library/debian", "12", BOTH)
    return held


@pytest.fixture
def registry(store):
    with LoopbackRegistry(store) as running:
        yield running


@pytest.fixture
def client(registry):
    class RegistrySession(requests.Session):
        def request(self, method, url, **options):
            return super().request(method, f"http://{registry.host}{url}", timeout=5, **options)

    with RegistrySession() as session:
        session.trust_env = False
        yield session


def test_registry_listens_only_on_loopback(registry):
    assert registry.host.startswith("127.0.0.1:")


def test_base_path_of_registry_api_returns_empty_object(client):
    assert client.get("/v2/").json() == {}


@pytest.mark.parametrize("reference", ["12", BOTH.digest])
def test_manifest_response_has_media_type_digest_and_etag(client, reference):
    answer = client.get(f"/v2/library/debian/manifests/{reference}", headers=ACCEPT)
    assert answer.content == BOTH.content
    assert answer.headers["Content-Type"] == OCI_INDEX
    assert answer.headers["Docker-Content-Digest"] == BOTH.digest
    assert answer.headers["ETag"] == f'"{BOTH.digest}"'


def test_head_request_for_manifest_returns_headers_of_get_without_body(client):
    whole = client.get("/v2/library/debian/manifests/12", headers=ACCEPT)
    head = client.head("/v2/library/debian/manifests/12", headers=ACCEPT)
    assert head.content == b""
    for header in ("Content-Length", "Content-Type", "Docker-Content-Digest", "ETag"):
        assert head.headers[header] == whole.headers[header]


def test_manifest_with_matching_etag_is_not_sent_again(client):
    known = ACCEPT | {"If-None-Match": f'"{BOTH.digest}"'}
    answer = client.get("/v2/library/debian/manifests/12", headers=known)
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (OCI_INDEX, 200),
        (f"{OCI_MANIFEST}, {OCI_INDEX};q=0.5", 200),
        ("*/*", 200),
        (None, 200),
        (OCI_MANIFEST, 404),
        ("application/json", 404),
    ],
)
def test_index_is_sent_only_to_clients_that_accept_indexes(client, accept, status):
    assert client.get("/v2/library/debian/manifests/12", headers={"Accept": accept}).status_code == status


def test_registry_serves_blobs_by_digest(client):
    for blob in CHILD.blobs:
        answer = client.get(f"/v2/library/debian/blobs/{compute_digest(blob)}")
        assert answer.content == blob


def test_registry_lists_tags_of_repository(client, store):
    store.set_tag("library/debian", "11", CHILD)
    assert client.get("/v2/library/debian/tags/list").json() == {"name": "library/debian", "tags": ["11", "12"]}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v2/library/debian/manifests/none", "MANIFEST_UNKNOWN"),
        ("/v2/library/none/manifests/12", "MANIFEST_UNKNOWN"),
        ("/v2/library/debian/blobs/sha256:0", "BLOB_UNKNOWN"),
        ("/v2/library/none/tags/list", "NAME_UNKNOWN"),
        ("/v2/library/../secret", "NAME_INVALID"),
        ("/", "NAME_INVALID"),
    ],
)
def test_missing_object_returns_404_with_error_code_of_oci_specification(client, path, code):
    answer = client.get(path, headers=ACCEPT)
    assert answer.status_code == 404
    assert [error["code"] for error in answer.json()["errors"]] == [code]


def test_registry_refuses_writes(client):
    for method in ("PUT", "POST", "PATCH", "DELETE"):
        assert client.request(method, "/v2/library/debian/manifests/12").status_code == 501


def test_registry_serves_new_digest_immediately_after_tag_is_updated(client, store):
    store.set_tag("library/debian", "12", CHILD)
    head = client.head("/v2/library/debian/manifests/12", headers=ACCEPT)
    assert head.headers["Docker-Content-Digest"] == CHILD.digest


def test_registry_records_served_requests_in_order(client, registry):
    client.get("/v2/")
    client.head("/v2/library/debian/manifests/none")
    assert registry.served_requests == (
        ServedRequest("GET", "/v2/", 200),
        ServedRequest("HEAD", "/v2/library/debian/manifests/none", 404),
    )


def test_hundred_requests_on_one_connection_are_fast(client):
    times = []
    for _ in range(100):
        before = time.monotonic()
        client.get("/v2/library/debian/manifests/12")
        times.append(time.monotonic() - before)
    assert median(times) < 0.04, "forty milliseconds is a delayed acknowledgement"


def test_registry_serves_eight_clients_in_parallel(registry):
    def ask(_):
        return requests.get(f"http://{registry.host}/v2/library/debian/manifests/12", headers=ACCEPT, timeout=5).content

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(32))) == {BOTH.content}


def test_open_connection_is_closed_when_registry_stops(store):
    with requests.Session() as session:
        session.trust_env = False
        with LoopbackRegistry(store) as registry:
            host = registry.host
            assert session.get(f"http://{host}/v2/", timeout=5).ok
        with pytest.raises(requests.ConnectionError):
            session.get(f"http://{host}/v2/", timeout=5)


def test_registry_prints_no_output(client, capfd):
    client.get("/v2/")
    client.get("/nowhere")
    assert capfd.readouterr() == ("", "")
