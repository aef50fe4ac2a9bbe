"""Made-up images are accepted by registries, and always consist of the same bytes."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta, timezone

import pytest
from support.images import DOCKER_INDEX, DOCKER_MANIFEST, add_attestation, convert_to_docker
from support.registries.docker_registry import DockerRegistry

from bot.demo.images import (
    OCI_INDEX,
    OCI_MANIFEST,
    DemoPackage,
    ImageStore,
    PlatformImage,
    build_alpine_root,
    build_debian_root,
    build_image,
    build_index,
    build_layer,
    compute_digest,
)

PACKAGES = (DemoPackage("libssl3", "3.0.1-1", "openssl"), DemoPackage("bash", "5.2-1"))


def build_sample(platform: str = "linux/amd64", **options) -> PlatformImage:
    return build_image([build_layer(build_debian_root("12.11", PACKAGES))], platform=platform, **options)


def read_config(made: PlatformImage) -> dict:
    return json.loads(made.blobs[0])


def test_layer_archive_lists_files_and_parent_folders_sorted_by_path():
    packed = build_layer({"etc/os-release": b"ID=x\n", "a": b"1"})
    with tarfile.open(fileobj=io.BytesIO(packed.content)) as archive:
        assert [(member.name, member.isdir()) for member in archive] == [
            ("a", False),
            ("etc", True),
            ("etc/os-release", False),
        ]
        assert archive.extractfile("etc/os-release").read() == b"ID=x\n"


def test_images_and_layers_built_from_equal_content_are_equal():
    assert build_sample() == build_sample()
    assert build_layer({"a": b"1", "b": b"2"}) == build_layer({"b": b"2", "a": b"1"})


@pytest.mark.parametrize("docker", [False, True])
def test_manifest_lists_blobs_by_digest_and_size(docker):
    made = convert_to_docker(build_sample()) if docker else build_sample()
    manifest = json.loads(made.content)
    descriptors = [manifest["config"], *manifest["layers"]]
    assert [(item["digest"], item["size"]) for item in descriptors] == [
        (compute_digest(blob), len(blob)) for blob in made.blobs
    ]
    assert made.media_type == manifest["mediaType"] == (DOCKER_MANIFEST if docker else OCI_MANIFEST)
    assert read_config(made)["rootfs"]["diff_ids"] == [item["digest"] for item in manifest["layers"]]


def test_labels_and_annotations_are_in_config_and_manifest():
    east = datetime(2026, 2, 3, 5, tzinfo=timezone(timedelta(hours=1)))
    made = build_sample("linux/arm64/v8", labels={"version": "1"}, annotations={"source": "x"}, created=east)
    config = read_config(made)
    assert (config["os"], config["architecture"], config["variant"]) == ("linux", "arm64", "v8")
    assert config["config"]["Labels"] == {"version": "1"}
    assert config["created"] == "2026-02-03T04:00:00Z"
    assert json.loads(made.content)["annotations"] == {"source": "x"}


def test_image_without_build_time_has_no_created_field():
    assert "created" not in read_config(build_sample(created=None))


@pytest.mark.parametrize("docker", [False, True])
def test_index_lists_digest_and_platform_of_each_image(docker):
    children = [build_sample("linux/amd64"), build_sample("linux/arm64/v8")]
    made = convert_to_docker(build_index(children)) if docker else build_index(children)
    listed = json.loads(made.content)
    assert [item["digest"] for item in listed["manifests"]] == [child.digest for child in children]
    assert [item["platform"] for item in listed["manifests"]] == [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
    ]
    assert made.media_type == listed["mediaType"] == (DOCKER_INDEX if docker else OCI_INDEX)


def test_attestation_in_index_has_platform_unknown_and_names_subject():
    subject = build_sample()
    _, entry = json.loads(add_attestation(build_index([subject]), subject).content)["manifests"]
    assert entry["platform"] == {"os": "unknown", "architecture": "unknown"}
    assert entry["annotations"]["vnd.docker.reference.digest"] == subject.digest


def test_debian_and_alpine_roots_contain_release_and_package_database():
    debian, alpine = build_debian_root("12.11", PACKAGES), build_alpine_root("3.20.3", PACKAGES)
    assert b'VERSION_ID="12"' in debian["etc/os-release"]
    assert debian["etc/debian_version"] == b"12.11\n"
    first, second = debian["var/lib/dpkg/status"].decode().split("\n\n")
    assert {"Package: libssl3", "Version: 3.0.1-1", "Source: openssl"} <= set(first.splitlines())
    assert "Source" not in second
    assert b"VERSION_ID=3.20.3" in alpine["etc/os-release"]
    assert b"P:bash\nV:5.2-1\nA:x86_64\no:bash\n" in alpine["lib/apk/db/installed"]


class TestStore:
    def test_store_keeps_old_digest_after_tag_is_updated(self):
        store, old, new = ImageStore(), build_sample(), build_sample(created=datetime(2026, 2, 1, tzinfo=UTC))
        store.set_tag("library/debian", "12", old)
        assert store.set_tag("library/debian", "12", new) == new.digest
        assert store.find_manifest("library/debian", "12").digest == new.digest
        assert store.find_manifest("library/debian", old.digest).content == old.content

    def test_putting_an_index_stores_images_of_index_and_all_blobs(self):
        store, child = ImageStore(), build_sample()
        store.put("library/debian", build_index([child]))
        assert store.find_manifest("library/debian", child.digest).content == child.content
        assert all(store.find_blob("library/debian", compute_digest(blob)) == blob for blob in child.blobs)

    def test_removing_a_manifest_deletes_tags_only_in_same_repository(self):
        store, made = ImageStore(), build_sample()
        store.set_tag("library/debian", "12", made)
        store.set_tag("library/debian", "latest", made)
        store.set_tag("library/other", "12", made)
        store.remove("library/debian", made.digest)
        assert store.find_manifest("library/debian", "12") is None
        assert store.find_manifest("library/debian", made.digest) is None
        assert store.list_tags("library/debian") == {}
        assert store.list_tags("library/other") == {"12": made.digest}

    def test_image_is_not_found_in_another_repository(self):
        store, made = ImageStore(), build_sample()
        store.set_tag("library/debian", "12", made)
        assert store.find_manifest("library/other", "12") is None
        assert store.find_blob("library/other", compute_digest(made.blobs[0])) is None


@pytest.mark.real("docker-registry")
@pytest.mark.parametrize("docker", [False, True])
def test_docker_registry_keeps_digests_of_pushed_images_and_skips_known_blobs(docker):
    store = ImageStore()
    children = [build_sample(), build_sample("linux/arm64")]
    both = (
        convert_to_docker(build_index([convert_to_docker(each) for each in children]))
        if docker
        else build_index(children)
    )
    store.set_tag("library/debian", "12", both)
    store.set_tag("library/debian", "alone", both.children[0])
    with DockerRegistry() as registry:
        registry.push_store(store)
        registry.forget()
        assert registry.push(both, "library/debian", "12") == both.digest
        uploads = [request for request in registry.requests() if request.method == "POST"]
    assert uploads == [], "the blobs were there"
