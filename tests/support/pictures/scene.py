"""The images, the vulnerability database and the repositories of the pictures.

Every image is made of Debian's packages as they were on two days, so what its update fixes is what Debian fixed between
these days. The names of the images are those of Docker Hub, but nothing of the images there is in them. The size of an
image is that of its packages' .deb files.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from support.git import DiskRepository
from support.parts import find_trivy
from support.pictures.debian import DebianRecord, load_record
from support.scanners.advisories import kev

from bot.demo.images import ImageIndex, ImageLayer, ImageStore, build_debian_root, build_image, build_index, build_layer
from bot.demo.trivy_database import TAG as DATABASE_TAG
from bot.model.image_name import Digest

DATABASE = "trivy-db"
"""The repository of the vulnerability database, which the same registry serves."""
KNOWN_EXPLOITED = {"CVE-2023-4911": date(2023, 11, 21), "CVE-2023-44487": date(2023, 10, 10)}
"""CVE ids that the update of `BUILDPACK_DEPS` fixes, and the day on which CISA added them to its list of exploited
vulnerabilities, as stated by the list of `KEV_RELEASED`. EPSS scores are not recorded, so pictures have none."""
KEV_RELEASED = "2025-02-05T15:00:00.0000Z"
KEV_FILE = "known-exploited.json"
PLATFORMS = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True, slots=True)
class PictureImage:
    """A tag of the registry: the packages in it, and the days on which its old and its new image were built."""

    name: str
    tag: str
    kind: str
    """`slim` has about 100 packages, `full` has about 400."""
    old: date
    new: date
    new_content: date | None = None
    """The day whose packages the new image has, if that is not the day on which it was built."""
    new_platforms: tuple[str, ...] = PLATFORMS
    is_old_gone: bool = False
    """The registry has deleted the old image."""
    new_kind: str | None = None
    """The kind of the new image, if the publisher added or removed packages."""
    source: str = ""
    """The source repository that the labels of the images state, each with a revision of its own."""

    @property
    def repository(self) -> str:
        return f"library/{self.name}"

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.tag}"


PYTHON = PictureImage("python", "3.12-slim", "slim", date(2026, 9, 10), date(2026, 10, 25))
REVIEWED = PictureImage(
    "python",
    "3.11-slim",
    "slim",
    date(2023, 9, 20),
    date(2026, 10, 25),
    source="https://github.com/docker-library/python",
)
"""The image of the proposal in the README. Its update fixes one of `KNOWN_EXPLOITED`."""
NODE = PictureImage("node", "22", "full", date(2026, 8, 20), date(2026, 11, 10))
BUILDPACK_DEPS = PictureImage("buildpack-deps", "bookworm", "full", date(2023, 9, 20), date(2026, 11, 10))
GROUP = (
    PictureImage("nginx", "1.27", "slim", date(2026, 6, 1), date(2026, 10, 28)),
    PictureImage("httpd", "2.4", "slim", date(2026, 10, 1), date(2026, 10, 28)),
    PictureImage("memcached", "1.6", "slim", date(2026, 5, 10), date(2026, 10, 24)),
    PictureImage("haproxy", "3.0", "slim", date(2026, 9, 25), date(2026, 10, 24)),
    PictureImage("postgres", "16", "slim", date(2026, 10, 5), date(2026, 11, 4)),
    PictureImage("redis", "7.4", "slim", date(2026, 7, 18), date(2026, 10, 26)),
    PictureImage("ruby", "3.3-slim", "slim", date(2026, 4, 2), date(2026, 10, 22)),
    PictureImage("perl", "5.40-slim", "slim", date(2026, 10, 6), date(2026, 10, 22)),
    PictureImage("golang", "1.23", "full", date(2026, 10, 2), date(2026, 11, 10)),
    PictureImage("php", "8.3-cli", "full", date(2026, 3, 1), date(2026, 11, 10)),
)
"""Ten images for one proposal."""
WORSE = PictureImage("wildfly", "36", "slim", date(2026, 10, 6), date(2026, 10, 12), new_kind="full")
SIGNED = PictureImage("traefik", "3.2", "slim", date(2026, 9, 12), date(2026, 10, 26))
ROLLED_BACK = PictureImage("jetty", "12", "slim", date(2026, 9, 30), date(2026, 11, 2), date(2026, 9, 1))
WITHOUT_ARM = PictureImage("sonarqube", "10", "slim", date(2026, 9, 20), date(2026, 11, 2), None, ("linux/amd64",))
GONE = PictureImage("mariadb", "11.4", "slim", date(2025, 9, 5), date(2026, 11, 2), is_old_gone=True)
IMAGES = (PYTHON, NODE, BUILDPACK_DEPS, *GROUP, ROLLED_BACK, WITHOUT_ARM, GONE)
"""The images of the fleet."""


@dataclass(slots=True)
class PictureRegistry:
    """The content of the registry, and the digests of the old and the new image of each tag."""

    store: ImageStore
    record: DebianRecord
    digests: dict[str, tuple[Digest, Digest]] = field(default_factory=dict)

    def pin_old(self, item: PictureImage) -> str:
        """Return the reference of an image, pinned to the old digest."""
        return f"{item.reference}@{self.digests[item.reference][0]}"

    def pin_new(self, item: PictureImage) -> str:
        """Return the reference of an image, pinned to the new digest."""
        return f"{item.reference}@{self.digests[item.reference][1]}"


def build_registry(images: Iterable[PictureImage] = IMAGES, *, is_full_size: bool = True) -> PictureRegistry:
    """Build the images and the vulnerability database.

    Args:
        images: The images to build; the last tag of each is its new image.
        is_full_size: Whether each image has the size of its packages; small images are enough for tests.
    """
    built = PictureRegistry(ImageStore(), load_record())
    for item in images:
        both = build_images(built.record, item, is_full_size=is_full_size)
        digests = tuple(built.store.set_tag(item.repository, item.tag, each) for each in both)
        built.digests[item.reference] = (digests[0], digests[1])
        if item.is_old_gone:
            built.store.remove(item.repository, digests[0])
    database = built.record.build_database(datetime.now(UTC) - timedelta(hours=5))
    built.store.set_tag(DATABASE, DATABASE_TAG, database.build_database_artifact())
    return built


def build_images(record: DebianRecord, item: PictureImage, *, is_full_size: bool) -> tuple[ImageIndex, ImageIndex]:
    """Build the old and the new image of a tag."""
    old = _build(record, item, item.kind, item.old, item.old, PLATFORMS, is_full_size)
    kind, content = item.new_kind or item.kind, item.new_content or item.new
    return old, _build(record, item, kind, content, item.new, item.new_platforms, is_full_size)


def _build(
    record: DebianRecord,
    item: PictureImage,
    kind: str,
    content: date,
    built: date,
    platforms: Iterable[str],
    is_full_size: bool,
) -> ImageIndex:
    """Build an image with the packages of the day `content`."""
    filler = [_build_filler(record.sum_sizes(kind))] if is_full_size else []
    created = datetime(built.year, built.month, built.day, 6, 30, tzinfo=UTC)
    packages = record.list_packages(kind, content)
    name = {"etc/image": item.reference.encode()}  # so that no two images are the same
    labels = _build_labels(item, built)
    return build_index(
        [
            build_image(
                [
                    build_layer(
                        build_debian_root(record.version, packages, architecture=platform.partition("/")[2]) | name
                    ),
                    *filler,
                ],
                platform=platform,
                labels=labels,
                created=created,
            )
            for platform in platforms
        ]
    )


def _build_labels(item: PictureImage, built: date) -> dict[str, str]:
    """Return the labels that state the source of an image; its revision is made up."""
    if not item.source:
        return {}
    prefix, revision = "org.opencontainers.image", hashlib.sha256(built.isoformat().encode()).hexdigest()[:40]
    return {f"{prefix}.source": item.source, f"{prefix}.revision": revision}


@functools.cache
def _build_filler(size: int) -> ImageLayer:
    """Build a layer of some size, which stands for the files of the packages; all images of a kind share it."""
    return build_layer({"usr/lib/filler": bytes(size)})


def write_repositories(folder: Path, repositories: Mapping[str, Mapping[str, str]]) -> None:
    """Create git repositories in a folder."""
    for name, files in repositories.items():
        DiskRepository.create(folder / name, files, bare=False)


def write_config(folder: Path, host: str, *extra: str) -> Path:
    """Write the config for repositories in `folder` and a registry at `host`; return its path."""
    lines = [
        "schema: 1",
        "forges: [{kind: local, url: repositories}]",
        f'registries: [{{host: docker.io, mirror: "{host}", insecure: true}}]',
        'own: ["registry.acme.dev/**"]',
        f'scanners: [{{kind: trivy, binary: "{find_trivy()}", database: "{host}/{DATABASE}:{DATABASE_TAG}"}}]',
        *extra,
    ]
    path = folder / "basebump.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_known_exploited(folder: Path) -> str:
    """Write an excerpt of CISA's list into a folder; return the line of a config that reads it."""
    (folder / KEV_FILE).write_bytes(kev(*KNOWN_EXPLOITED, released=KEV_RELEASED))
    return f"enrichment: {{kev: {KEV_FILE}}}"


def list_small_fleet(built: PictureRegistry) -> dict[str, dict[str, str]]:
    """List the files of two repositories: an API and a web front end."""
    python, node = built.pin_old(PYTHON), built.pin_old(NODE)
    return {
        "api": {
            "Dockerfile": f"# The API.\nFROM {python} AS wheels\nRUN pip wheel -w /wheels .\n\nFROM {python}\n",
            "deploy/api.yaml": _write_pod("registry.acme.dev/api:1.4", "redis:7.4"),
        },
        "web": {"Dockerfile": f"FROM {node} AS build\nRUN npm ci && npm run build\n\nFROM {built.pin_new(GROUP[0])}\n"},
    }


def list_fleet(built: PictureRegistry) -> dict[str, dict[str, str]]:
    """List the files of fourteen repositories; `platform` uses all images of the group."""
    old, new = built.pin_old, built.pin_new
    nginx, httpd, memcached, haproxy, postgres, redis, ruby, perl, golang, php = GROUP
    own = "registry.acme.dev/shop:2.8"
    return {
        **list_small_fleet(built),
        "platform": {"deploy/all.yaml": _write_pod(*map(old, GROUP))},
        "billing": {"Dockerfile": _write_stages(old(PYTHON)), "compose.yaml": _write_compose(postgres=old(postgres))},
        "search": {"Dockerfile": _write_stages(old(golang), new(PYTHON)), "deploy/search.yaml": _write_pod(old(redis))},
        "shop": {"Dockerfile": _write_stages(old(php), old(nginx)), "deploy/shop.yaml": _write_pod(own, new(redis))},
        "identity": {
            "Dockerfile": _write_stages(old(NODE)),
            "deploy/identity.yaml": _write_pod(old(haproxy), "redis:7.4"),
        },
        "reports": {"Dockerfile": _write_stages(old(perl)), "jetty/Dockerfile": _write_stages(old(ROLLED_BACK))},
        "native-addons": {"Dockerfile": _write_stages(old(BUILDPACK_DEPS), old(NODE))},
        "quality": {"compose.yaml": _write_compose(sonarqube=old(WITHOUT_ARM), db=new(postgres))},
        "crm": {
            "compose.yaml": _write_compose(db=old(GONE), cache=old(memcached)),
            "Dockerfile": _write_stages(old(ruby)),
        },
        "mobile-api": {"Dockerfile": _write_stages(old(PYTHON)), "deploy/mobile.yaml": _write_pod(own, new(nginx))},
        "batch": {"Dockerfile": _write_stages(new(golang), "python:3.12-slim")},
        "edge": {"deploy/edge.yaml": _write_pod(old(haproxy), new(httpd), old(nginx))},
    }


def _write_stages(*references: str) -> str:
    return "\n".join(f"FROM {reference}\nCOPY . /src{number}\n" for number, reference in enumerate(references))


def _write_compose(**references: str) -> str:
    services = "".join(f"  {name}:\n    image: {reference}\n" for name, reference in references.items())
    return f"services:\n{services}"


def _write_pod(*references: str) -> str:
    containers = "".join(f"  - {{name: c{number}, image: '{each}'}}\n" for number, each in enumerate(references))
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: app}}\nspec:\n  containers:\n{containers}"
