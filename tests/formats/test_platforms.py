"""Platforms as files spell them, and as builders interpret them."""

from __future__ import annotations

import pytest

from bot.core.choice.platforms import is_same_platform
from bot.formats import compose, dockerfile
from bot.formats._syntax.platforms import read_platform
from bot.model.source import FilePath, SourceFile

READ = {
    "linux/amd64": "linux/amd64",
    "arm64": "linux/arm64",
    "amd64": "linux/amd64",
    "aarch64": "linux/arm64",
    "x86_64": "linux/amd64",
    "x86-64": "linux/amd64",
    "i386": "linux/386",
    "386": "linux/386",
    "arm": "linux/arm",
    "armhf": "linux/arm",
    "armel": "linux/arm/v6",
    "s390x": "linux/s390x",
    "riscv64": "linux/riscv64",
    "Linux/AMD64": "linux/amd64",
    "linux/aarch64": "linux/arm64",
    "linux/armhf": "linux/arm",
    "linux/armel": "linux/arm/v6",
    "linux/arm/7": "linux/arm/v7",
    "linux/arm/v7": "linux/arm/v7",
    "linux/arm/6": "linux/arm/v6",
    "linux/armhf/v5": "linux/arm/v7",
    "linux/i386/v2": "linux/386",
    "linux/amd64/v1": "linux/amd64",
    "linux/amd64/v3": "linux/amd64/v3",
    "linux/x86_64/v2": "linux/amd64/v2",
    "macos/arm64": "darwin/arm64",
    "windows/amd64": "windows/amd64",
}
UNREAD = [
    "",
    "linux",
    "windows",
    "local",
    "all",
    "linux/",
    "/arm64",
    "linux//v8",
    "a/b/c/d",
    "$BUILDPLATFORM",
    "linux/$A",
]


@pytest.mark.parametrize(("written", "meant"), READ.items())
def test_platforms_are_normalised_as_builders_do(written, meant):
    assert read_platform(written) == meant
    assert read_platform(meant) == meant, "what is meant is meant by itself"


@pytest.mark.parametrize("written", ["linux/arm64/v8", "linux/arm64/8", "linux/aarch64/v8"])
def test_arm64_with_variant_v8_equals_arm64(written):
    assert read_platform(written) == "linux/arm64/v8"
    assert is_same_platform(read_platform(written), "linux/arm64")


@pytest.mark.parametrize("written", UNREAD)
def test_platform_text_without_known_architecture_is_not_read(written):
    assert read_platform(written) is None


def test_platform_without_system_is_linux_in_dockerfiles_and_compose():
    stage = SourceFile(FilePath("Dockerfile"), b"FROM --platform=arm64 python:3.12\n")
    service = SourceFile(FilePath("compose.yaml"), b"services: {web: {image: 'nginx:1', platform: x86_64}}\n")
    assert [found.platform for found in dockerfile.FORMAT.extract(stage)] == ["linux/arm64"]
    assert [found.platform for found in compose.FORMAT.extract(service)] == ["linux/amd64"]
