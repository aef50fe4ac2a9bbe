"""Images that buildah builds and pushes: an own image begins with the layers of its base image."""

from __future__ import annotations

import pytest
from support.packaging.buildah import BuildahProgram
from support.registries.docker_registry import DockerRegistry

from bot.core.inventory.image_layers import LayeredImage, add_layer_bases
from bot.model.image_name import Digest, TagRef
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry

pytestmark = [pytest.mark.real("buildah"), pytest.mark.real("docker-registry")]


@pytest.fixture
def builder(tmp_path):
    (tmp_path / "buildah").mkdir()
    made = BuildahProgram(tmp_path / "buildah")
    yield made
    made.remove()


def test_image_rebuilt_by_buildah_begins_with_layers_of_the_new_base(builder, tmp_path):
    with DockerRegistry() as server:
        client = OciRegistry([RegistryEntry(server.host, is_insecure=True)], environment={})
        reader, base, web = client.create_builds(), f"{server.host}/base", f"{server.host}/web"

        def build(name: str, dockerfile: str, content: str) -> Digest:
            context = tmp_path / name.rpartition("/")[2]
            context.mkdir(exist_ok=True)
            (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
            (context / "content").write_text(content, encoding="utf-8")
            builder.build(context, f"{name}:1")
            builder.push(f"{name}:1", f"{name}:1")
            return client.fetch_descriptor(TagRef(name, "1")).digest

        builds: list[OwnBuild] = []
        bases: list[LayeredImage] = []
        for content in ("old", "new"):
            digest = build(base, "FROM scratch\nCOPY content /etc/\n", content)
            bases.append(LayeredImage(base, digest, reader.read_layers(base, digest)))
            dockerfile = f"FROM {base}:1\nLABEL org.opencontainers.image.revision={content}\nCOPY content /app\n"
            builds.append(reader.read_build(web, build(web, dockerfile, "app")))
        old, new = add_layer_bases(builds, bases)
        assert [each.bases[-1:] for each in (old, new)] == [
            (BuiltOn(base, each.digest, BaseEvidence.LAYERS),) for each in bases
        ]
        assert (old.revision, new.revision) == ("old", "new")
        # buildah also states the base, with the digest that the image had before it was compressed and pushed
        assert [each.evidence for each in new.bases] == [BaseEvidence.LABEL, BaseEvidence.LAYERS]
        assert new.built_at is not None
