"""Contents of an image, from its manifest and its config."""

from __future__ import annotations

import pytest
from support.images import convert_to_docker
from support.registries.docker_registry import DockerRegistry

from bot.demo import images
from bot.model.contents import ImageConfig, ImageContents
from bot.model.image_name import TagRef
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry

pytestmark = pytest.mark.real("docker-registry")

PREFIX = "org.opencontainers.image."


@pytest.fixture(scope="module")
def registry():
    with DockerRegistry() as running:
        yield running


def client(registry) -> OciRegistry:
    return OciRegistry([RegistryEntry(registry.host, is_insecure=True)], environment={}, sleep=lambda _: None)


def test_image_contents_for_a_platform_are_read_from_child_manifest(registry):
    start = {"User": "1000", "Entrypoint": ["/app"], "ExposedPorts": {"80/tcp": {}}, "Env": ["TOKEN=secret", "TZ=UTC"]}
    layers = [images.build_layer({"a": b"s"}), images.build_layer({"b": b"t"})]
    wanted = images.build_image(layers, start_config=start, labels={f"{PREFIX}revision": "abc"})
    other = images.build_image([images.build_layer({})], platform="linux/arm64")
    index = images.build_index([other, wanted], annotations={f"{PREFIX}revision": "index"})
    registry.push(index, "inside", "1")
    registry.forget()
    found = client(registry).fetch_contents(TagRef(f"{registry.host}/inside", "1"), index.digest, "linux/amd64")
    assert found == ImageContents(
        digest=wanted.digest,
        config=ImageConfig("1000", ("/app",), environment=("TOKEN", "TZ"), ports=("80/tcp",)),
        size=sum(len(each.content) for each in layers),
        created=images.DEFAULT_CREATED,
        revision="abc",
        platforms=("linux/arm64", "linux/amd64"),
    )
    assert len(registry.requests()) == 3, "index, manifest and config"
    assert client(registry).fetch_contents(TagRef(f"{registry.host}/inside", "1"), index.digest, "linux/s390x") is None


def test_contents_of_image_without_index_are_read_from_manifest_and_config(registry):
    alone = convert_to_docker(images.build_image([images.build_layer({"a": b"s"})], start_config={"Cmd": ["sh"]}))
    registry.push(alone, "alone", "1")
    found = client(registry).fetch_contents(TagRef(f"{registry.host}/alone", "1"), alone.digest, "linux/amd64")
    assert (found.digest, found.config.command, found.platforms) == (alone.digest, ("sh",), ())
