"""The made-up images in the demo's registry. Each tag but one has an image from last month and a rebuilt one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.demo.images import (
    DemoPackage,
    ImageIndex,
    ImageStore,
    PlatformImage,
    build_alpine_root,
    build_debian_root,
    build_image,
    build_index,
    build_layer,
)
from bot.demo.trivy_database import PackageAdvisory, VulnerabilityDatabase, VulnerabilityDetails, make_fictional_id
from bot.model.evidence import Severity
from bot.model.image_name import Digest

DATABASE = ("trivy-db", "2")
"""The repository and the tag of the vulnerability database, which is in the registry of the images."""
_LAST_MONTH = timedelta(days=34)
_YESTERDAY = timedelta(days=1)

_Versions = Mapping[str, tuple[str, str]]
"""Source packages, each with its version in last month's image and in today's image."""

_DEBIAN: _Versions = {
    "openssl": ("3.0.15-1", "3.0.17-1"),
    "glibc": ("2.36-9", "2.36-10"),
    "zlib": ("1.2.13-1", "1.2.13-1"),
}
_NOT_REBUILT: _Versions = {"openssl": ("3.0.17-1", "3.0.17-1"), "pcre2": ("10.42-1", "10.42-1")}
"""The packages of an image that was not rebuilt since Debian fixed a vulnerability in one of them."""
_ALPINE: _Versions = {
    "openssl": ("3.3.2-r0", "3.3.5-r0"),
    "musl": ("1.2.5-r0", "1.2.5-r1"),
    "busybox": ("1.36.1-r29", "1.36.1-r29"),
}

_VULNERABILITIES = (
    VulnerabilityDetails(make_fictional_id(1), "openssl: a made-up overflow, for this demo", Severity.CRITICAL),
    VulnerabilityDetails(make_fictional_id(2), "glibc: a made-up race, for this demo", Severity.HIGH),
    VulnerabilityDetails(make_fictional_id(3), "musl: a made-up overread, for this demo", Severity.HIGH),
    VulnerabilityDetails(make_fictional_id(4), "openssl: a made-up timing leak, for this demo", Severity.MEDIUM),
    VulnerabilityDetails(make_fictional_id(5), "zlib: a made-up crash without a fix, for this demo", Severity.LOW),
    VulnerabilityDetails(
        make_fictional_id(6), "busybox: a made-up crash without a fix, for this demo", Severity.MEDIUM
    ),
    VulnerabilityDetails(make_fictional_id(7), "pcre2: a made-up overflow, for this demo", Severity.CRITICAL),
)
_ADVISORIES = (
    PackageAdvisory("debian 12", "openssl", make_fictional_id(1), "3.0.16-1"),
    PackageAdvisory("debian 12", "openssl", make_fictional_id(4), "3.0.17-1"),
    PackageAdvisory("debian 12", "glibc", make_fictional_id(2), "2.36-10"),
    PackageAdvisory("debian 12", "zlib", make_fictional_id(5)),
    PackageAdvisory("debian 12", "pcre2", make_fictional_id(7), "10.42-2"),
    PackageAdvisory("alpine 3.22", "openssl", make_fictional_id(1), "3.3.4-r0"),
    PackageAdvisory("alpine 3.22", "musl", make_fictional_id(3), "1.2.5-r1"),
    PackageAdvisory("alpine 3.22", "busybox", make_fictional_id(6)),
)


@dataclass(frozen=True, slots=True)
class RebuiltTag:
    """A tag, with the digest to which it pointed last month and the digest to which it points today."""

    repository: str
    """The repository on Docker Hub, such as `library/python`."""
    tag: str
    last_month: Digest
    today: Digest


@dataclass(frozen=True, slots=True)
class DemoImages:
    """The content of the demo's registry."""

    store: ImageStore
    python: RebuiltTag
    node: RebuiltTag
    nginx: RebuiltTag
    redis: RebuiltTag
    haproxy: RebuiltTag
    """A tag that still points to last month's digest."""


def build_demo_images(now: datetime) -> DemoImages:
    """Build last month's and today's images, and a database with the vulnerabilities that today's images fix.

    The image of one tag was not rebuilt, although the database knows a fix for it.
    """
    store = ImageStore()
    database = VulnerabilityDatabase(_VULNERABILITIES, _ADVISORIES, now - timedelta(hours=5))
    store.set_tag(*DATABASE, database.build_database_artifact())

    def build_rebuilt_tag(repository: str, tag: str, versions: _Versions) -> RebuiltTag:
        old = store.set_tag(repository, tag, _build_demo_index(tag, versions, 0, now - _LAST_MONTH))
        new = store.set_tag(repository, tag, _build_demo_index(tag, versions, 1, now - _YESTERDAY))
        return RebuiltTag(repository, tag, old, new)

    haproxy = store.set_tag("library/haproxy", "3.0", _build_demo_index("3.0", _NOT_REBUILT, 0, now - _LAST_MONTH))
    return DemoImages(
        store,
        python=build_rebuilt_tag("library/python", "3.12-slim", _DEBIAN),
        node=build_rebuilt_tag("library/node", "22-alpine", _ALPINE),
        nginx=build_rebuilt_tag("library/nginx", "1.27", _DEBIAN),
        redis=build_rebuilt_tag("library/redis", "7", _ALPINE),
        haproxy=RebuiltTag("library/haproxy", "3.0", haproxy, haproxy),
    )


def _build_demo_index(tag: str, versions: _Versions, age: int, created: datetime) -> ImageIndex:
    return build_index(
        [_build_demo_image(tag, versions, age, created, platform) for platform in ("linux/amd64", "linux/arm64")]
    )


def _build_demo_image(tag: str, versions: _Versions, age: int, created: datetime, platform: str) -> PlatformImage:
    packages = [DemoPackage(source, version[age]) for source, version in versions.items()]
    root = build_alpine_root("3.22.1", packages) if versions is _ALPINE else build_debian_root("12.7", packages)
    labels = {"org.opencontainers.image.version": tag}
    return build_image([build_layer(root)], platform=platform, labels=labels, created=created)
