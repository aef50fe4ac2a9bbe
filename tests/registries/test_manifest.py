"""Parsing of manifests: images, and documents that only resemble images."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.images import DOCKER_INDEX, DOCKER_MANIFEST, add_attestation, convert_to_docker

from bot.demo import images
from bot.model.image import ChildManifest, Manifest, ManifestKind
from bot.registries.manifest import ACCEPT, MAX_CHILDREN, NotAnImageError, parse_document, parse_media_type

AMD64 = images.build_image([images.build_layer({"a": b"amd64"})])
ARM = images.build_image([images.build_layer({"a": b"arm"})], platform="linux/arm/v7")


def parse_item(item, content_type: str | None = None):
    return parse_document(item.digest, item.content, item.media_type if content_type is None else content_type)


def change_content(item, **changes) -> bytes:
    """Return the content of `item` with some keys set, or removed if their value is None."""
    document = json.loads(item.content) | changes
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def test_accept_header_lists_oci_and_docker_manifests_and_indexes():
    types = {images.OCI_INDEX, DOCKER_INDEX, images.OCI_MANIFEST, DOCKER_MANIFEST}
    assert set(ACCEPT.split(", ")) == types


@pytest.mark.parametrize("docker", [False, True])
def test_single_manifest_is_parsed_with_config_and_annotations(docker):
    image = images.build_image([images.build_layer({"a": b"b"})], annotations={"a": "b"})
    image = convert_to_docker(image) if docker else image
    document = parse_item(image)
    assert document.manifest == Manifest(image.digest, ManifestKind.MANIFEST, image.media_type, (), (("a", "b"),))
    assert document.config_digest == images.compute_digest(image.blobs[0])


@pytest.mark.parametrize("docker", [False, True])
def test_index_is_parsed_with_children_in_order_and_without_attestations(docker):
    index = add_attestation(images.build_index([ARM, AMD64], annotations={"a": "b"}), AMD64)
    index = convert_to_docker(index) if docker else index
    assert parse_item(index).manifest == Manifest(
        index.digest,
        ManifestKind.INDEX,
        index.media_type,
        (ChildManifest(ARM.digest, "linux/arm/v7"), ChildManifest(AMD64.digest, "linux/amd64")),
        (("a", "b"),),
    )


def test_index_with_too_many_children_is_not_an_image():
    platform = {"os": "linux", "architecture": "amd64"}
    for count in (MAX_CHILDREN, MAX_CHILDREN + 1):
        body = json.dumps({"manifests": [{"digest": AMD64.digest, "platform": platform}] * count}).encode()
        with contextlib.nullcontext() if count == MAX_CHILDREN else pytest.raises(NotAnImageError, match="lists 201"):
            assert len(parse_document(images.compute_digest(body), body, "").manifest.children) == MAX_CHILDREN


@pytest.mark.parametrize("sign", ["annotation", "platform"])
def test_index_child_with_attestation_annotation_or_platform_is_left_out(sign):
    platform = {"os": "unknown", "architecture": "unknown"} if sign == "platform" else {"os": "linux"}
    annotations = {"vnd.docker.reference.type": "attestation-manifest"} if sign == "annotation" else {}
    children = [{"digest": AMD64.digest, "platform": platform, "annotations": annotations}]
    body = json.dumps({"manifests": children}).encode()
    assert parse_document(AMD64.digest, body, images.OCI_INDEX).manifest.children == ()


def test_index_child_without_platform_is_kept():
    body = json.dumps({"manifests": [{"digest": AMD64.digest}]}).encode()
    manifest = parse_document(AMD64.digest, body, images.OCI_INDEX).manifest
    assert (manifest.children, manifest.platforms) == ((ChildManifest(AMD64.digest, None),), ())
    assert manifest.has_child(AMD64.digest)
    assert not manifest.has_child(ARM.digest)


@pytest.mark.parametrize("os", ["linux`@everyone", "", "a" * 65, 7, None, ["linux"]])
def test_invalid_platform_of_index_child_is_ignored(os):
    body = json.dumps({"manifests": [{"digest": AMD64.digest, "platform": {"os": os, "architecture": "amd64"}}]})
    assert parse_document(AMD64.digest, body.encode(), images.OCI_INDEX).manifest.platforms == ()


@pytest.mark.parametrize("content_type", ["", "application/json", "application/octet-stream", "text/plain"])
@pytest.mark.parametrize(
    ("item", "kind"), [(AMD64, ManifestKind.MANIFEST), (images.build_index([AMD64]), ManifestKind.INDEX)]
)
def test_manifest_without_media_type_is_recognised_by_keys(content_type, item, kind):
    document = parse_document(item.digest, change_content(item, mediaType=None), content_type)
    assert (document.manifest.kind, document.manifest.media_type) == (kind, item.media_type)


def test_content_type_of_manifest_ignores_parameters_and_case():
    assert parse_media_type("Application/JSON; charset=utf-8") == "application/json"
    assert parse_item(AMD64, f"{images.OCI_MANIFEST.upper()}; charset=utf-8").manifest.media_type == images.OCI_MANIFEST


INDEX = images.build_index([AMD64])
REFUSED = {
    "no JSON": (b"<html>", "text/html", "not JSON"),
    "too deep": (b"[" * 100_000, "", "not JSON"),
    "a list": (b"[]", "", "not a JSON object"),
    "a page": (AMD64.content, "text/html", "type text/html"),
    "schema 1 by header": (
        b'{"fsLayers": []}',
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "obsolete schema 1",
    ),
    "schema 1 by body": (b'{"schemaVersion": 1, "fsLayers": []}', "application/json", "obsolete schema 1"),
    "schema 1 by both, in disguise": (change_content(AMD64, schemaVersion=1), images.OCI_MANIFEST, "obsolete schema 1"),
    "a contradiction": (AMD64.content, DOCKER_MANIFEST, "contradict"),
    "an index called a manifest": (
        change_content(INDEX, mediaType=None),
        images.OCI_MANIFEST,
        "not have the structure of this type",
    ),
    "a manifest called an index": (
        change_content(AMD64, mediaType=None),
        images.OCI_INDEX,
        "not have the structure of this type",
    ),
    "two in one": (change_content(AMD64, manifests=[]), images.OCI_MANIFEST, "both an index and a manifest"),
    "neither": (b"{}", "", "neither"),
    "an unknown type inside": (change_content(AMD64, mediaType="a/b"), images.OCI_MANIFEST, "type a/b"),
    "a type that is no text": (
        change_content(AMD64, mediaType=["a/b"]),
        images.OCI_MANIFEST,
        "`mediaType` of the manifest is not a string",
    ),
    "a list that is none": (change_content(INDEX, manifests={}), images.OCI_INDEX, "not a list"),
    "a descriptor that is none": (change_content(INDEX, manifests=["a"]), images.OCI_INDEX, "not an object"),
    "a child without a digest": (change_content(INDEX, manifests=[{}]), images.OCI_INDEX, "no sha256 digest"),
    "a digest that is a path": (
        change_content(INDEX, manifests=[{"digest": "sha256:../../x"}]),
        images.OCI_INDEX,
        "no sha256 digest",
    ),
    "no config": (change_content(AMD64, config=None), images.OCI_MANIFEST, "no `config`"),
    "a chart": (
        images.build_artifact("application/vnd.cncf.helm.config.v1+json", []).content,
        images.OCI_MANIFEST,
        r"helm\.config\.v1.*not the type of an image's config",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_documents_resembling_manifests_are_not_images(case):
    body, content_type, said = REFUSED[case]
    with pytest.raises(NotAnImageError, match=said):
        parse_document(images.compute_digest(body), body, content_type)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests", "annotations"])


@given(st.dictionaries(KEYS, JSON, max_size=5), st.sampled_from(["", images.OCI_INDEX, images.OCI_MANIFEST, "x"]))
def test_arbitrary_json_is_parsed_as_manifest_or_refused_as_not_an_image(document, content_type):
    body = json.dumps(document).encode()
    with contextlib.suppress(NotAnImageError):
        assert parse_document(images.compute_digest(body), body, content_type).manifest.kind in ManifestKind
