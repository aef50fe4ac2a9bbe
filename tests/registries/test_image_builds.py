"""Builds of own images, as a registry describes them: labels, provenance and layers."""

from __future__ import annotations

import json

import pytest
from support.own_builds import BUILT_AT, attach_provenance, make_image, make_layers, state_provenance
from support.values import digest

from bot.demo.images import ImageLayer, ImageStore, build_artifact, build_index
from bot.demo.loopback_registry import LoopbackRegistry
from bot.model.errors import RegistryError
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry

SOURCE, COMMIT = "https://github.com/acme/web", "c" * 40
LABELS = {
    "source": SOURCE,
    "revision": COMMIT,
    "base.name": "docker.io/library/python:3.12",
    "base.digest": digest("b"),
}
STATED = BuiltOn("docker.io/library/python", digest("b"), BaseEvidence.LABEL)


@pytest.fixture
def registry():
    with LoopbackRegistry(ImageStore()) as started:
        yield started


@pytest.fixture
def read(registry):
    """Return a function that stores an image and reads its build."""

    def read_build(item) -> OwnBuild:
        stored = registry._server.store.put("acme/web", item)
        client = OciRegistry([RegistryEntry(registry.host, is_insecure=True)], environment={})
        return client.create_builds().read_build(f"{registry.host}/acme/web", stored)

    return read_build


def test_own_build_without_index_is_read_from_labels_and_layers(registry, read):
    image = make_image("base", "app", labels=LABELS)
    assert read(image) == OwnBuild(
        f"{registry.host}/acme/web",
        image.digest,
        BUILT_AT,
        SOURCE,
        COMMIT,
        bases=(STATED,),
        layers=tuple(each.digest for each in make_layers("base", "app")),
        platform="linux/amd64",
    )


def test_own_build_of_an_index_is_read_from_linux_amd64_image(registry, read):
    arm64, amd64 = (make_image("base", each, labels=LABELS, platform=f"linux/{each}") for each in ("arm64", "amd64"))
    build = read(build_index([arm64, amd64]))
    assert build.children == {arm64.digest, amd64.digest}
    assert (build.platform, build.source) == ("linux/amd64", SOURCE)
    assert build.layers == tuple(each.digest for each in make_layers("base", "amd64"))


def test_provenance_in_index_has_precedence_over_labels_of_own_build(read):
    image = make_image("app", labels={"source": "https://github.com/acme/other"})
    statement = state_provenance(image.digest, f"{SOURCE}.git", "api/Dockerfile", [("python@3.12", digest("base"))])
    build = read(attach_provenance(image, statement))
    assert (build.source, build.revision, build.dockerfile, build.is_attested) == (
        f"{SOURCE}.git",
        COMMIT,
        "api/Dockerfile",
        True,
    )
    assert build.bases == (BuiltOn("docker.io/library/python", digest("base"), BaseEvidence.PROVENANCE),)
    assert build.children == {image.digest}


def test_provenance_of_another_image_is_ignored_for_own_build(read):
    image = make_image("app", labels={"source": SOURCE})
    build = read(attach_provenance(image, state_provenance(digest("other"), "https://github.com/acme/other", "D")))
    assert (build.source, build.dockerfile, build.is_attested, build.bases) == (SOURCE, None, False, ())


def test_provenance_attached_to_own_build_is_found_by_referrers_tag(registry, read):
    image = make_image("app")
    layer = ImageLayer(state_provenance(image.digest, SOURCE, "Dockerfile"), "application/vnd.in-toto+json")
    artifact = build_artifact("application/vnd.in-toto+json", [layer])
    entry = {
        "mediaType": artifact.media_type,
        "digest": artifact.digest,
        "size": len(artifact.content),
        "artifactType": "application/vnd.in-toto+json",
    }
    index = build_index([artifact])
    content = {**json.loads(index.content), "manifests": [entry]}
    listed = type(index)(json.dumps(content).encode(), index.media_type, (artifact,))
    registry._server.store.set_tag("acme/web", image.digest.replace(":", "-"), listed)
    build = read(image)
    assert (build.source, build.dockerfile, build.is_attested) == (SOURCE, "Dockerfile", True)


def test_own_build_is_read_from_labels_if_attestation_is_missing(registry, read):
    image = make_image("app", labels={"source": SOURCE})
    index = attach_provenance(image, state_provenance(image.digest, SOURCE, "Dockerfile"))
    whole = registry._server.store
    whole.put("acme/web", index)
    read(index)
    whole.remove("acme/web", index.children[1].digest)
    client = OciRegistry([RegistryEntry(registry.host, is_insecure=True)], environment={})
    build = client.create_builds().read_build(f"{registry.host}/acme/web", index.digest)
    assert (build.source, build.is_attested) == (SOURCE, False)


def test_reading_own_build_sends_fixed_number_of_requests(registry, read):
    image = make_image("app")
    expected = {image: 4, attach_provenance(image, state_provenance(image.digest, SOURCE, "Dockerfile")): 5}
    for item, count in expected.items():
        before = len(registry.served_requests)
        read(item)
        assert len(registry.served_requests) - before == count


def test_layers_of_an_image_are_read_in_order(registry):
    image = make_image("base", "tools")
    registry._server.store.put("base", image)
    builds = OciRegistry([RegistryEntry(registry.host, is_insecure=True)], environment={}).create_builds()
    expected = tuple(each.digest for each in make_layers("base", "tools"))
    assert builds.read_layers(f"{registry.host}/base", image.digest) == expected


def test_reading_own_build_of_missing_image_raises_error(registry):
    builds = OciRegistry([RegistryEntry(registry.host, is_insecure=True)], environment={}).create_builds()
    with pytest.raises(RegistryError):
        builds.read_build(f"{registry.host}/acme/web", digest("missing"))
