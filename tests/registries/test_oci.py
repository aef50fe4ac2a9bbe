"""The client against a real registry: updates, number of requests, and authentication."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import pytest
from support.images import annotate_descriptors, convert_to_docker
from support.registries.docker_registry import DockerRegistry, SelfSignedCertificate

from bot.demo import images
from bot.model.errors import RegistryError
from bot.model.image import BaseImage, ManifestKind, PullAddress, TagDescriptor
from bot.model.image_name import Digest, TagRef
from bot.model.vocabulary import Reason
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry
from bot.registry_ports import Registry

pytestmark = pytest.mark.real("docker-registry")

USERS = {"user": "right"}
PREFIX = "org.opencontainers.image."
OLD = images.build_image([images.build_layer({"a": b"old"})])
NEW = images.build_image([images.build_layer({"a": b"new"})], created=datetime(2026, 11, 1, tzinfo=UTC))
ARM = images.build_image([images.build_layer({"a": b"arm"})], platform="linux/arm64")


@pytest.fixture(scope="module")
def registry():
    with DockerRegistry() as running:
        yield running


@pytest.fixture
def list_requests(registry):
    """Return the requests that the registry received since the test prepared it, without the host."""
    registry.forget()
    return lambda: [f"{request.method} {request.path} {request.status}" for request in registry.requests()]


def client(host: str, **entry) -> OciRegistry:
    entry.setdefault("is_insecure", True)
    return OciRegistry([RegistryEntry(host, **entry)], environment={}, sleep=lambda seconds: None)


def build_tag_ref(registry, repository: str, tag: str = "1") -> TagRef:
    return TagRef(f"{registry.host}/{repository}", tag)


def build_descriptor(item: images.PlatformImage | images.ImageIndex) -> TagDescriptor:
    """Return the descriptor that this registry returns; it derives its ETags from digests."""
    return TagDescriptor(item.digest, item.media_type, f'"{item.digest}"')


def test_oci_client_implements_registry_protocol(registry):
    asked: Registry = client(registry.host)
    assert asked


def test_moved_tag_is_resolved_to_new_digest_by_the_same_client(registry):
    oci = client(registry.host)
    moving = build_tag_ref(registry, "moving")
    registry.push(OLD, "moving", "1")
    assert oci.fetch_descriptor(moving) == build_descriptor(OLD)
    registry.push(NEW, "moving", "1")
    assert oci.fetch_descriptor(moving) == build_descriptor(NEW)
    assert oci.fetch_manifest(moving, OLD.digest).digest == OLD.digest, "what a tag left stays there by its digest"


@pytest.mark.parametrize("docker", [False, True])
@pytest.mark.parametrize("index", [False, True])
def test_fetched_digest_equals_pushed_digest_for_all_manifest_types(registry, docker, index):
    """With fewer accepted types, this registry answers 404, converts to schema 1, or chooses linux/amd64."""
    convert = convert_to_docker if docker else lambda item: item
    item = convert(images.build_image([images.build_layer({"a": b"b"})]))
    pushed = convert(images.build_index([item, ARM])) if index else item
    repository = f"types/{docker}/{index}".lower()
    registry.push(pushed, repository, "1")
    oci = client(registry.host)
    claim = oci.fetch_descriptor(build_tag_ref(registry, repository))
    assert claim == build_descriptor(pushed)
    manifest = oci.fetch_manifest(build_tag_ref(registry, repository), claim.digest)
    assert (manifest.kind, manifest.media_type) == (
        ManifestKind.INDEX if index else ManifestKind.MANIFEST,
        pushed.media_type,
    )
    assert manifest.platforms == (("linux/amd64", "linux/arm64") if index else ())


def test_client_sends_one_head_per_tag_and_one_get_per_fetched_manifest(registry, list_requests):
    for number in range(20):
        registry.push(OLD, f"cheap/{number}", "1")
    registry.forget()
    oci = client(registry.host)
    for number in range(20):
        oci.fetch_descriptor(build_tag_ref(registry, f"cheap/{number}"))
    assert list_requests() == [f"HEAD /v2/cheap/{number}/manifests/1 200" for number in range(20)]
    registry.forget()
    for number in range(20):
        oci.fetch_manifest(
            build_tag_ref(registry, f"cheap/{number}"),
            oci.fetch_descriptor(build_tag_ref(registry, f"cheap/{number}")).digest,
        )
    assert len(list_requests()) == 40


def test_unchanged_tag_is_confirmed_by_etag(registry, list_requests):
    registry.push(OLD, "remembered", "1")
    remembered = build_tag_ref(registry, "remembered")
    claim = client(registry.host).fetch_descriptor(remembered)
    registry.forget()
    assert client(registry.host).fetch_descriptor(remembered, claim) is claim
    registry.push(NEW, "remembered", "1")
    assert client(registry.host).fetch_descriptor(remembered, claim) == build_descriptor(NEW)
    assert [each for each in list_requests() if each.startswith("HEAD /v2/remembered/manifests/1")] == [
        "HEAD /v2/remembered/manifests/1 304",
        "HEAD /v2/remembered/manifests/1 200",
    ]


def test_known_etag_does_not_replace_the_login_for_a_private_tag(private_registry):
    oci = client(private_registry.host, username="user", password="right")
    claim = oci.fetch_descriptor(build_tag_ref(private_registry, "private"))
    assert (
        client(private_registry.host, username="user", password="right").fetch_descriptor(
            build_tag_ref(private_registry, "private"), claim
        )
        is claim
    )
    with pytest.raises(RegistryError):
        client(private_registry.host).fetch_descriptor(build_tag_ref(private_registry, "private"), claim)


def test_missing_tag_or_repository_is_reported_as_not_found(registry, list_requests):
    registry.push(OLD, "there", "1")
    oci = client(registry.host)
    for missing in (build_tag_ref(registry, "there", "2"), build_tag_ref(registry, "nowhere")):
        with pytest.raises(RegistryError, match=r"answered 404") as caught:
            oci.fetch_descriptor(missing)
        assert (caught.value.reason, caught.value.is_failure) == (Reason.NOT_FOUND_OR_DENIED, False)
        assert caught.value.host == registry.host
    with pytest.raises(RegistryError, match="MANIFEST_UNKNOWN: manifest unknown"):
        oci.fetch_manifest(build_tag_ref(registry, "there"), NEW.digest)


def test_deleted_digest_is_reported_as_not_found(registry):
    registry.push(OLD, "deleted", "1")
    registry.delete("deleted", OLD.digest)
    with pytest.raises(RegistryError) as caught:
        client(registry.host).fetch_manifest(build_tag_ref(registry, "deleted"), OLD.digest)
    assert caught.value.reason is Reason.NOT_FOUND_OR_DENIED


def test_helm_chart_in_registry_is_reported_as_not_an_image(registry):
    chart = images.build_artifact("application/vnd.cncf.helm.config.v1+json", [images.build_layer({"Chart.yaml": b""})])
    registry.push(chart, "chart", "1")
    with pytest.raises(RegistryError, match="not an image") as caught:
        client(registry.host).fetch_manifest(build_tag_ref(registry, "chart"), chart.digest)
    assert (caught.value.reason, caught.value.is_failure) == (Reason.REGISTRY_ERROR, False)


# Image metadata


def test_description_of_index_is_read_from_linux_amd64_image(registry, list_requests):
    labels = {f"{PREFIX}version": "1.2", f"{PREFIX}source": "https://label.example", f"{PREFIX}revision": "abc"}
    annotations = {f"{PREFIX}source": "https://manifest.example"}
    spoken = images.build_image([images.build_layer({"a": b"s"})], labels=labels, annotations=annotations)
    silent = images.build_image(
        [images.build_layer({"a": b"t"})], platform="linux/arm64", labels={f"{PREFIX}version": "no"}
    )
    index = images.build_index([silent, spoken], annotations={f"{PREFIX}base.name": "debian:12"})
    registry.push(index, "described", "1")
    oci = client(registry.host)
    manifest = oci.fetch_manifest(build_tag_ref(registry, "described"), index.digest)
    registry.forget()
    found = oci.describe_image(build_tag_ref(registry, "described"), manifest)
    assert (found.digest, found.kind, found.platforms) == (
        index.digest,
        ManifestKind.INDEX,
        ("linux/arm64", "linux/amd64"),
    )
    assert found.created == images.DEFAULT_CREATED
    assert (found.source, found.version, found.revision) == ("https://manifest.example", "1.2", "abc")
    assert found.base == BaseImage("debian:12", None)
    config = images.compute_digest(spoken.blobs[0])
    assert list_requests() == [
        f"GET /v2/described/manifests/{spoken.digest} 200",
        f"GET /v2/described/blobs/{config} 200",
    ], "the index was fetched a moment ago and is not fetched again"


def test_description_of_index_without_linux_amd64_is_read_from_first_image(registry):
    first = images.build_image([images.build_layer({})], platform="linux/s390x", labels={f"{PREFIX}version": "first"})
    index = images.build_index([first, ARM])
    registry.push(index, "without", "1")
    oci = client(registry.host)
    assert (
        oci.describe_image(
            build_tag_ref(registry, "without"), oci.fetch_manifest(build_tag_ref(registry, "without"), index.digest)
        ).version
        == "first"
    )


def test_index_with_complete_annotations_is_described_without_further_requests(registry, list_requests):
    said = {
        f"{PREFIX}created": "2026-11-02T03:04:05Z",
        f"{PREFIX}source": "https://github.com/a/b.git#abc:12",
        f"{PREFIX}version": "3.12",
        f"{PREFIX}revision": "abc",
        f"{PREFIX}base.name": "debian:bookworm-slim",
        f"{PREFIX}base.digest": OLD.digest,
    }
    index = annotate_descriptors(images.build_index([NEW]), said)
    registry.push(index, "official", "1")
    oci = client(registry.host)
    manifest = oci.fetch_manifest(build_tag_ref(registry, "official"), index.digest)
    registry.forget()
    found = oci.describe_image(build_tag_ref(registry, "official"), manifest)
    assert list_requests() == []
    assert found.created == datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)
    assert (found.version, found.base) == ("3.12", BaseImage("debian:bookworm-slim", OLD.digest))


def test_manifest_without_index_is_described_with_platform_of_config(registry):
    image = convert_to_docker(
        images.build_image([images.build_layer({})], platform="linux/arm/v7", labels={f"{PREFIX}version": "7"})
    )
    registry.push(image, "single", "1")
    oci = client(registry.host)
    found = oci.describe_image(
        build_tag_ref(registry, "single"), oci.fetch_manifest(build_tag_ref(registry, "single"), image.digest)
    )
    assert (found.kind, found.platforms, found.version) == (ManifestKind.MANIFEST, ("linux/arm/v7",), "7")
    assert found.base is None


def test_image_with_epoch_time_has_no_creation_time(registry):
    image = images.build_image([images.build_layer({})], created=datetime(1970, 1, 1, tzinfo=UTC))
    registry.push(image, "epoch", "1")
    oci = client(registry.host)
    assert (
        oci.describe_image(
            build_tag_ref(registry, "epoch"), oci.fetch_manifest(build_tag_ref(registry, "epoch"), image.digest)
        ).created
        is None
    )


def test_manifest_fetched_by_another_client_can_be_described(registry):
    registry.push(NEW, "earlier", "1")
    manifest = client(registry.host).fetch_manifest(build_tag_ref(registry, "earlier"), NEW.digest)
    found = client(registry.host).describe_image(build_tag_ref(registry, "earlier"), manifest)
    assert found.created == datetime(2026, 11, 1, tzinfo=UTC)


# Authentication


@pytest.fixture(scope="module")
def private_registry(tmp_path_factory):
    with DockerRegistry(htpasswd=USERS, folder=tmp_path_factory.mktemp("private")) as running:
        running.push(OLD, "private", "1")
        running.push(OLD, "other", "1")
        yield running


def test_registry_challenges_client_with_password_only_once(private_registry):
    private_registry.forget()
    oci = client(private_registry.host, username="user", password="right")
    assert oci.fetch_descriptor(build_tag_ref(private_registry, "private")).digest == OLD.digest
    assert oci.fetch_manifest(build_tag_ref(private_registry, "private"), OLD.digest).digest == OLD.digest
    assert oci.fetch_descriptor(build_tag_ref(private_registry, "other")).digest == OLD.digest
    statuses = [(request.method, request.status) for request in private_registry.requests()]
    assert statuses == [("HEAD", 401), ("HEAD", 200), ("GET", 200), ("HEAD", 200)]


def test_wrong_password_is_reported_as_failure_naming_the_registry(private_registry):
    with pytest.raises(RegistryError, match=f"configured for {private_registry.host}") as caught:
        client(private_registry.host, username="user", password="wrong").fetch_descriptor(
            build_tag_ref(private_registry, "private")
        )
    assert (caught.value.reason, caught.value.is_failure) == (Reason.DENIED, True)
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("entry", [{}, {"is_anonymous": True}])
def test_private_repository_without_credential_is_reported_as_not_found(private_registry, entry):
    with pytest.raises(RegistryError, match="needs a credential") as caught:
        client(private_registry.host, **entry).fetch_descriptor(build_tag_ref(private_registry, "private"))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.NOT_FOUND_OR_DENIED, False)


def test_docker_login_allows_pull_from_private_registry(private_registry, tmp_path):
    auths = {private_registry.host: {"username": "user", "password": "right"}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    entries = [RegistryEntry(private_registry.host, is_insecure=True)]
    oci = OciRegistry(entries, environment={"DOCKER_CONFIG": str(tmp_path)})
    assert oci.fetch_descriptor(build_tag_ref(private_registry, "private")).digest == OLD.digest


def test_netrc_is_never_used_for_registries(private_registry, isolated_home):
    (isolated_home / ".netrc").write_text("machine 127.0.0.1 login user password right\n")
    with pytest.raises(RegistryError):
        client(private_registry.host).fetch_descriptor(build_tag_ref(private_registry, "private"))


# Endpoints


def test_registry_outside_config_gets_no_request(registry, list_requests):
    with pytest.raises(RegistryError, match="`registries:`") as caught:
        OciRegistry(environment={}).fetch_descriptor(build_tag_ref(registry, "there"))
    assert caught.value.reason is Reason.UNREACHABLE
    assert list_requests() == []


def test_docker_hub_image_is_fetched_from_mirror(registry, list_requests):
    registry.push(NEW, "hub/library/nginx", "1")
    registry.forget()
    entry = RegistryEntry("docker.io", mirror=f"{registry.host}/hub", is_insecure=True)
    oci = OciRegistry([entry], environment={})
    nginx = TagRef("docker.io/library/nginx", "1")
    assert oci.fetch_descriptor(nginx).digest == NEW.digest
    assert oci.fetch_manifest(nginx, NEW.digest).digest == NEW.digest
    assert {path.split()[1].rpartition("/")[0] for path in list_requests()} == {"/v2/hub/library/nginx/manifests"}
    assert oci.get_pull_address(nginx, NEW.digest) == PullAddress(
        f"{registry.host}/hub/library/nginx@{NEW.digest}", is_insecure=True
    )


def test_registry_certificate_is_verified_with_configured_ca(tmp_path):
    certificate = SelfSignedCertificate.make(tmp_path)
    with DockerRegistry(tls=certificate) as secure:
        secure.push(OLD, "secure", "1")
        oci = client(secure.host, is_insecure=False, ca=str(certificate.path))
        assert oci.fetch_descriptor(build_tag_ref(secure, "secure")).digest == OLD.digest
        assert oci.get_pull_address(build_tag_ref(secure, "secure"), OLD.digest).ca == str(certificate.path)
        with pytest.raises(RegistryError, match="certificate") as caught:
            client(secure.host, is_insecure=False).fetch_descriptor(build_tag_ref(secure, "secure"))
        assert (caught.value.reason, caught.value.is_failure) == (Reason.UNREACHABLE, True)


def test_pull_address_contains_host_login_and_tls_settings_of_registry():
    digest = Digest("sha256:" + "a" * 64)
    entries = [
        RegistryEntry("ghcr.io", username="user", password="word"),
        RegistryEntry("r.corp:5000", is_insecure=True, ca="/ca", is_anonymous=True),
    ]
    oci = OciRegistry(entries, environment={})
    assert oci.get_pull_address(TagRef("docker.io/library/nginx", "1"), digest) == PullAddress(
        f"docker.io/library/nginx@{digest}", is_insecure=False
    )
    assert oci.get_pull_address(TagRef("ghcr.io/a/b", "1"), digest) == PullAddress(
        f"ghcr.io/a/b@{digest}", is_insecure=False, username="user", password="word"
    )
    assert oci.get_pull_address(TagRef("r.corp:5000/a", "1"), digest) == PullAddress(
        f"r.corp:5000/a@{digest}", is_insecure=True, ca="/ca"
    )


# Threads


def test_many_threads_fetch_different_images_with_one_client(registry):
    items = {f"threads/{n}": images.build_image([images.build_layer({"n": str(n).encode()})]) for n in range(24)}
    for repository, item in items.items():
        registry.push(item, repository, "1")
    oci = client(registry.host)
    found: dict[str, Digest] = {}

    def ask(repository: str) -> None:
        claim = oci.fetch_descriptor(build_tag_ref(registry, repository))
        found[repository] = oci.fetch_manifest(build_tag_ref(registry, repository), claim.digest).digest

    threads = [threading.Thread(target=ask, args=(repository,)) for repository in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {repository: item.digest for repository, item in items.items()}


def test_concurrent_threads_share_one_challenge(private_registry):
    private_registry.forget()
    oci = client(private_registry.host, username="user", password="right")
    threads = [
        threading.Thread(target=oci.fetch_descriptor, args=(build_tag_ref(private_registry, "private"),))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(request.status for request in private_registry.requests()) == [200] * 12 + [401]


def test_digests_of_index_manifest_and_config_are_listed_for_a_platform(registry, list_requests):
    both = images.build_index([NEW, ARM])
    registry.push(both, "names/index", "1")
    oci, at = client(registry.host), build_tag_ref(registry, "names/index")
    new, arm = (json.loads(item.content)["config"]["digest"] for item in (NEW, ARM))
    registry.forget()
    assert oci.list_digests(at, both.digest, "linux/amd64") == {both.digest, NEW.digest, new}
    assert oci.list_digests(at, both.digest, "linux/arm64") == {both.digest, ARM.digest, arm}
    assert oci.list_digests(at, ARM.digest, "linux/arm64") == {ARM.digest, arm}
    assert oci.list_digests(at, both.digest, "linux/s390x") == {both.digest}
    assert len(list_requests()) == 3
