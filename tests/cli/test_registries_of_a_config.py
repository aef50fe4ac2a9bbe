"""Entries of `registries` in a config, and the requests and credentials that they result in."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.clouds.aws import FakeAws
from support.listener import HttpListener, HttpReply, ReceivedRequest

from bot.demo import images
from bot.model.image_name import TagRef
from bot.registries.oci import OciRegistry
from bot.wiring import build_registry_for_host

IMAGE = images.build_image([images.build_layer({"a": b"b"})])
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
GAR = "europe-docker.pkg.dev"


def load_registry(folder: Path, text: str, host: str) -> OciRegistry:
    path = folder / "basebump.yaml"
    path.write_text(f"schema: 1\nregistries:\n{text}")
    found = build_registry_for_host(path, host)
    assert isinstance(found, OciRegistry)
    return found


def build_reply(received: ReceivedRequest) -> HttpReply:
    said = {"Content-Type": IMAGE.media_type, "Docker-Content-Digest": IMAGE.digest}
    return HttpReply(200, IMAGE.content, said)


def test_tag_is_looked_up_upstream_and_manifest_fetched_from_pull_through_cache(tmp_path):
    with HttpListener(build_reply) as cache, HttpListener(build_reply) as upstream:
        listed = (
            f"  - {{host: '{cache.host}/hub', upstream: '{upstream.host}/library'}}\n"
            f"  - {{host: '{cache.host}', insecure: true}}\n"
            f"  - {{host: '{upstream.host}', insecure: true}}\n"
        )
        oci = load_registry(tmp_path, listed, cache.host)
        nginx = TagRef(f"{cache.host}/hub/nginx", "1")
        oci.fetch_manifest(nginx, oci.fetch_descriptor(nginx).digest)
    assert upstream.asked == ["HEAD /v2/library/nginx/manifests/1"]
    assert cache.asked == [f"GET /v2/hub/nginx/manifests/{IMAGE.digest}"]


def test_other_images_of_a_registry_listed_as_pull_through_cache_can_be_read(tmp_path):
    oci = load_registry(tmp_path, "  - {host: acme.azurecr.io/hub, upstream: docker.io}\n", "acme.azurecr.io")
    assert oci.get_pull_address(TagRef("acme.azurecr.io/team/web", "1"), IMAGE.digest).username is None


def test_aws_login_is_used_only_for_the_listed_registry(tmp_path, monkeypatch):
    with FakeAws() as aws:
        aws.serve(monkeypatch)
        other = ECR.replace("1234", "9999")
        oci = load_registry(tmp_path, f"  - {{host: {ECR}, auth: ecr}}\n  - {{host: {other}}}\n", ECR)
        assert oci.get_pull_address(TagRef(f"{ECR}/a", "1"), IMAGE.digest).password == aws.password
        assert oci.get_pull_address(TagRef(f"{other}/a", "1"), IMAGE.digest).password is None


@pytest.mark.parametrize("auth", ["ecr", "gar"])
def test_docker_login_files_are_not_read_for_a_registry_with_cloud_login(auth, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", "{broken")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    host = {"ecr": ECR, "gar": GAR}[auth]
    oci = load_registry(tmp_path, f"  - {{host: {host}, auth: {auth}}}\n", host)
    with pytest.raises(Exception, match=f"`auth: {auth}`"):
        oci.get_pull_address(TagRef(f"{host}/a", "1"), IMAGE.digest)
