"""The client against a real registry: updates, number of requests, and authentication."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import pytest
from support.images import annotate_descriptors, convert_to_docker
from support.registries.docker_registry import Certificate, DockerRegistry

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
def asked(registry):
    """Return the requests that the registry received since the test prepared it, without the host."""
    registry.forget()
    return lambda: [f"{request.method} {request.path} {request.status}" for request in registry.requests()]


def client(host: str, **entry) -> OciRegistry:
    entry.setdefault("is_insecure", True)
    return OciRegistry([RegistryEntry(host, **entry)], environment={}, sleep=lambda seconds: None)


def line(registry, repository: str, tag: str = "1") -> TagRef:
    return TagRef(f"{registry.host}/{repository}", tag)


def claim_of(item: images.PlatformImage | images.ImageIndex) -> TagDescriptor:
    """Return the descriptor that this registry returns; it derives its ETags from digests."""
    return TagDescriptor(item.digest, item.media_type, f'"{item.digest}"')


def test_it_is_a_registry_as_the_pipeline_knows_it(registry):
    asked: Registry = client(registry.host)
    assert asked


def test_a_tag_that_moves_is_seen_at_once(registry):
    oci = client(registry.host)
    moving = line(registry, "moving")
    registry.push(OLD, "moving", "1")
    assert oci.fetch_descriptor(moving) == claim_of(OLD)
    registry.push(NEW, "moving", "1")
    assert oci.fetch_descriptor(moving) == claim_of(NEW)
    assert oci.fetch_manifest(moving, OLD.digest).digest == OLD.digest, "what a tag left stays there by its digest"


@pytest.mark.parametrize("docker", [False, True])
@pytest.mark.parametrize("index", [False, True])
def test_the_digest_is_that_of_what_was_pushed_whatever_its_type(registry, docker, index):
    """With fewer accepted types, this registry answers 404, converts to schema 1, or chooses linux/amd64."""
    convert = convert_to_docker if docker else lambda item: item
    item = convert(images.build_image([images.build_layer({"a": b"b"})]))
    pushed = convert(images.build_index([item, ARM])) if index else item
    repository = f"types/{docker}/{index}".lower()
    registry.push(pushed, repository, "1")
    oci = client(registry.host)
    claim = oci.fetch_descriptor(line(registry, repository))
    assert claim == claim_of(pushed)
    manifest = oci.fetch_manifest(line(registry, repository), claim.digest)
    assert (manifest.kind, manifest.media_type) == (
        ManifestKind.INDEX if index else ManifestKind.MANIFEST,
        pushed.media_type,
    )
    assert manifest.platforms == (("linux/amd64", "linux/arm64") if index else ())


def test_one_head_for_a_line_and_one_get_when_it_moved(registry, asked):
    for number in range(20):
        registry.push(OLD, f"cheap/{number}", "1")
    registry.forget()
    oci = client(registry.host)
    for number in range(20):
        oci.fetch_descriptor(line(registry, f"cheap/{number}"))
    assert asked() == [f"HEAD /v2/cheap/{number}/manifests/1 200" for number in range(20)]
    registry.forget()
    for number in range(20):
        oci.fetch_manifest(
            line(registry, f"cheap/{number}"), oci.fetch_descriptor(line(registry, f"cheap/{number}")).digest
        )
    assert len(asked()) == 40


def test_an_answer_that_still_holds_is_not_given_again(registry, asked):
    registry.push(OLD, "remembered", "1")
    remembered = line(registry, "remembered")
    claim = client(registry.host).fetch_descriptor(remembered)
    registry.forget()
    assert client(registry.host).fetch_descriptor(remembered, claim) is claim
    registry.push(NEW, "remembered", "1")
    assert client(registry.host).fetch_descriptor(remembered, claim) == claim_of(NEW)
    assert [each for each in asked() if each.startswith("HEAD /v2/remembered/manifests/1")] == [
        "HEAD /v2/remembered/manifests/1 304",
        "HEAD /v2/remembered/manifests/1 200",
    ]


def test_an_answer_that_still_holds_is_no_way_around_a_login(private):
    oci = client(private.host, username="user", password="right")
    claim = oci.fetch_descriptor(line(private, "private"))
    assert (
        client(private.host, username="user", password="right").fetch_descriptor(line(private, "private"), claim)
        is claim
    )
    with pytest.raises(RegistryError):
        client(private.host).fetch_descriptor(line(private, "private"), claim)


def test_what_is_not_there_is_a_finding_and_no_failure(registry, asked):
    registry.push(OLD, "there", "1")
    oci = client(registry.host)
    for missing in (line(registry, "there", "2"), line(registry, "nowhere")):
        with pytest.raises(RegistryError, match=r"answered 404") as caught:
            oci.fetch_descriptor(missing)
        assert (caught.value.reason, caught.value.is_failure) == (Reason.NOT_FOUND_OR_DENIED, False)
        assert caught.value.host == registry.host
    with pytest.raises(RegistryError, match="MANIFEST_UNKNOWN: manifest unknown"):
        oci.fetch_manifest(line(registry, "there"), NEW.digest)


def test_a_digest_that_was_deleted_is_not_found(registry):
    registry.push(OLD, "deleted", "1")
    registry.delete("deleted", OLD.digest)
    with pytest.raises(RegistryError) as caught:
        client(registry.host).fetch_manifest(line(registry, "deleted"), OLD.digest)
    assert caught.value.reason is Reason.NOT_FOUND_OR_DENIED


def test_a_chart_is_no_image(registry):
    chart = images.build_artifact("application/vnd.cncf.helm.config.v1+json", [images.build_layer({"Chart.yaml": b""})])
    registry.push(chart, "chart", "1")
    with pytest.raises(RegistryError, match="not an image") as caught:
        client(registry.host).fetch_manifest(line(registry, "chart"), chart.digest)
    assert (caught.value.reason, caught.value.is_failure) == (Reason.REGISTRY_ERROR, False)


# Image metadata


def test_an_index_speaks_through_its_image_for_linux_amd64(registry, asked):
    labels = {f"{PREFIX}version": "1.2", f"{PREFIX}source": "https://label.example", f"{PREFIX}revision": "abc"}
    annotations = {f"{PREFIX}source": "https://manifest.example"}
    spoken = images.build_image([images.build_layer({"a": b"s"})], labels=labels, annotations=annotations)
    silent = images.build_image(
        [images.build_layer({"a": b"t"})], platform="linux/arm64", labels={f"{PREFIX}version": "no"}
    )
    index = images.build_index([silent, spoken], annotations={f"{PREFIX}base.name": "debian:12"})
    registry.push(index, "described", "1")
    oci = client(registry.host)
    manifest = oci.fetch_manifest(line(registry, "described"), index.digest)
    registry.forget()
    found = oci.describe_image(line(registry, "described"), manifest)
    assert (found.digest, found.kind, found.platforms) == (
        index.digest,
        ManifestKind.INDEX,
        ("linux/arm64", "linux/amd64"),
    )
    assert found.created == images.DEFAULT_CREATED
    assert (found.source, found.version, found.revision) == ("https://manifest.example", "1.2", "abc")
    assert found.base == BaseImage("debian:12", None)
    config = images.compute_digest(spoken.blobs[0])
    assert asked() == [
        f"GET /v2/described/manifests/{spoken.digest} 200",
        f"GET /v2/described/blobs/{config} 200",
    ], "the index was fetched a moment ago and is not fetched again"


def test_an_index_without_linux_amd64_speaks_through_its_first_image(registry):
    first = images.build_image([images.build_layer({})], platform="linux/s390x", labels={f"{PREFIX}version": "first"})
    index = images.build_index([first, ARM])
    registry.push(index, "without", "1")
    oci = client(registry.host)
    assert (
        oci.describe_image(
            line(registry, "without"), oci.fetch_manifest(line(registry, "without"), index.digest)
        ).version
        == "first"
    )


def test_an_index_that_says_all_itself_costs_no_further_pull(registry, asked):
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
    manifest = oci.fetch_manifest(line(registry, "official"), index.digest)
    registry.forget()
    found = oci.describe_image(line(registry, "official"), manifest)
    assert asked() == []
    assert found.created == datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)
    assert (found.version, found.base) == ("3.12", BaseImage("debian:bookworm-slim", OLD.digest))


def test_a_manifest_speaks_for_itself_and_has_its_own_platform(registry):
    image = convert_to_docker(
        images.build_image([images.build_layer({})], platform="linux/arm/v7", labels={f"{PREFIX}version": "7"})
    )
    registry.push(image, "single", "1")
    oci = client(registry.host)
    found = oci.describe_image(line(registry, "single"), oci.fetch_manifest(line(registry, "single"), image.digest))
    assert (found.kind, found.platforms, found.version) == (ManifestKind.MANIFEST, ("linux/arm/v7",), "7")
    assert found.base is None


def test_an_image_of_1970_has_no_age(registry):
    image = images.build_image([images.build_layer({})], created=datetime(1970, 1, 1, tzinfo=UTC))
    registry.push(image, "epoch", "1")
    oci = client(registry.host)
    assert (
        oci.describe_image(line(registry, "epoch"), oci.fetch_manifest(line(registry, "epoch"), image.digest)).created
        is None
    )


def test_a_manifest_of_an_earlier_run_can_be_described(registry):
    registry.push(NEW, "earlier", "1")
    manifest = client(registry.host).fetch_manifest(line(registry, "earlier"), NEW.digest)
    found = client(registry.host).describe_image(line(registry, "earlier"), manifest)
    assert found.created == datetime(2026, 11, 1, tzinfo=UTC)


# Authentication


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    with DockerRegistry(htpasswd=USERS, folder=tmp_path_factory.mktemp("private")) as running:
        running.push(OLD, "private", "1")
        running.push(OLD, "other", "1")
        yield running


def test_a_password_opens_a_registry_and_is_asked_for_once(private):
    private.forget()
    oci = client(private.host, username="user", password="right")
    assert oci.fetch_descriptor(line(private, "private")).digest == OLD.digest
    assert oci.fetch_manifest(line(private, "private"), OLD.digest).digest == OLD.digest
    assert oci.fetch_descriptor(line(private, "other")).digest == OLD.digest
    statuses = [(request.method, request.status) for request in private.requests()]
    assert statuses == [("HEAD", 401), ("HEAD", 200), ("GET", 200), ("HEAD", 200)]


def test_a_wrong_password_is_a_failure_that_says_which(private):
    with pytest.raises(RegistryError, match=f"configured for {private.host}") as caught:
        client(private.host, username="user", password="wrong").fetch_descriptor(line(private, "private"))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.DENIED, True)
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("entry", [{}, {"is_anonymous": True}])
def test_without_a_credential_a_closed_door_is_a_finding(private, entry):
    with pytest.raises(RegistryError, match="needs a credential") as caught:
        client(private.host, **entry).fetch_descriptor(line(private, "private"))
    assert (caught.value.reason, caught.value.is_failure) == (Reason.NOT_FOUND_OR_DENIED, False)


def test_a_docker_login_opens_it_too(private, tmp_path):
    auths = {private.host: {"username": "user", "password": "right"}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    entries = [RegistryEntry(private.host, is_insecure=True)]
    oci = OciRegistry(entries, environment={"DOCKER_CONFIG": str(tmp_path)})
    assert oci.fetch_descriptor(line(private, "private")).digest == OLD.digest


def test_netrc_is_never_used(private, a_home_of_its_own):
    (a_home_of_its_own / ".netrc").write_text("machine 127.0.0.1 login user password right\n")
    with pytest.raises(RegistryError):
        client(private.host).fetch_descriptor(line(private, "private"))


# Endpoints


def test_a_host_that_nobody_listed_is_not_contacted(registry, asked):
    with pytest.raises(RegistryError, match="`registries:`") as caught:
        OciRegistry(environment={}).fetch_descriptor(line(registry, "there"))
    assert caught.value.reason is Reason.UNREACHABLE
    assert asked() == []


def test_a_mirror_is_asked_for_what_the_file_calls_docker_hub(registry, asked):
    registry.push(NEW, "hub/library/nginx", "1")
    registry.forget()
    entry = RegistryEntry("docker.io", mirror=f"{registry.host}/hub", is_insecure=True)
    oci = OciRegistry([entry], environment={})
    nginx = TagRef("docker.io/library/nginx", "1")
    assert oci.fetch_descriptor(nginx).digest == NEW.digest
    assert oci.fetch_manifest(nginx, NEW.digest).digest == NEW.digest
    assert {path.split()[1].rpartition("/")[0] for path in asked()} == {"/v2/hub/library/nginx/manifests"}
    assert oci.get_pull_address(nginx, NEW.digest) == PullAddress(
        f"{registry.host}/hub/library/nginx@{NEW.digest}", is_insecure=True
    )


def test_https_is_spoken_with_the_operators_own_ca(tmp_path):
    certificate = Certificate.make(tmp_path)
    with DockerRegistry(tls=certificate) as secure:
        secure.push(OLD, "secure", "1")
        oci = client(secure.host, is_insecure=False, ca=str(certificate.path))
        assert oci.fetch_descriptor(line(secure, "secure")).digest == OLD.digest
        assert oci.get_pull_address(line(secure, "secure"), OLD.digest).ca == str(certificate.path)
        with pytest.raises(RegistryError, match="certificate") as caught:
            client(secure.host, is_insecure=False).fetch_descriptor(line(secure, "secure"))
        assert (caught.value.reason, caught.value.is_failure) == (Reason.UNREACHABLE, True)


def test_another_program_pulls_from_where_we_ask():
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


def test_one_client_serves_many_threads(registry):
    items = {f"threads/{n}": images.build_image([images.build_layer({"n": str(n).encode()})]) for n in range(24)}
    for repository, item in items.items():
        registry.push(item, repository, "1")
    oci = client(registry.host)
    found: dict[str, Digest] = {}

    def ask(repository: str) -> None:
        claim = oci.fetch_descriptor(line(registry, repository))
        found[repository] = oci.fetch_manifest(line(registry, repository), claim.digest).digest

    threads = [threading.Thread(target=ask, args=(repository,)) for repository in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {repository: item.digest for repository, item in items.items()}


def test_a_closed_registry_is_met_by_one_thread_not_by_all(private):
    private.forget()
    oci = client(private.host, username="user", password="right")
    threads = [threading.Thread(target=oci.fetch_descriptor, args=(line(private, "private"),)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(request.status for request in private.requests()) == [200] * 12 + [401]


def test_tools_know_an_image_by_three_digests_and_each_is_asked_for_once(registry, asked):
    both = images.build_index([NEW, ARM])
    registry.push(both, "names/index", "1")
    oci, at = client(registry.host), line(registry, "names/index")
    new, arm = (json.loads(item.content)["config"]["digest"] for item in (NEW, ARM))
    registry.forget()
    assert oci.list_digests(at, both.digest, "linux/amd64") == {both.digest, NEW.digest, new}
    assert oci.list_digests(at, both.digest, "linux/arm64") == {both.digest, ARM.digest, arm}
    assert oci.list_digests(at, ARM.digest, "linux/arm64") == {ARM.digest, arm}
    assert oci.list_digests(at, both.digest, "linux/s390x") == {both.digest}
    assert len(asked()) == 3
