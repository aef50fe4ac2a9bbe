"""The entries of `builds`: the own images that are built from Dockerfiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any

from bot.model.config_types import texts
from bot.model.config_types.markers import Check
from bot.model.errors import ConfigProblem, InvalidReferenceError
from bot.model.hosts import PUBLIC_HOSTS
from bot.model.image_name import DOCKER_HUB, ImageName
from bot.model.own_build import ConfiguredBuild

MAX_BUILDS = 2000
"""The maximum number of entries. The limit on the size of a config file allows about as many."""


def _validate_image(value: str) -> str:
    """Return the image unchanged. Raises ValueError if it has a digest, or if its name does not begin with its host."""
    try:
        image = ImageName.parse(value)
    except InvalidReferenceError as error:
        raise ValueError(str(error)) from None
    if image.digest is not None:
        raise ValueError("must not have a digest, because every build has another one; hint: remove the digest")
    if not image.has_registry_host:
        raise ValueError(
            f"must begin with the host of its registry; hint: write `registry.example.com/{value}`, "
            f"or `{DOCKER_HUB}/{value}` for Docker Hub"
        )
    return value


def _validate_dockerfile(value: str) -> str:
    path = PurePosixPath(texts.require_text(value))
    if path.is_absolute() or ".." in path.parts or str(path) != value:
        raise ValueError("must be a path from the top of the repository, without `/` or `./` at the beginning")
    return value


BuiltImage = Annotated[str, Check(_validate_image)]
DockerfilePath = Annotated[str, Check(_validate_dockerfile)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildEntry:
    """The config entry that states which own image is built from a Dockerfile."""

    repository: texts.Text
    """The name of the git repository on its forge, such as `acme/web`."""
    dockerfile: DockerfilePath = "Dockerfile"
    """The path of the Dockerfile in the repository."""
    image: BuiltImage
    """The image that is built, with its registry. With a tag, the tag that every build moves. Without a tag, every
    build has a tag of its own.
    """
    base_branch: texts.Text | None = None
    """The base branch from which the image is built. Default: the only base branch with this Dockerfile. If there are
    several, it is not known which of them is built.
    """

    def to_build(self) -> ConfiguredBuild:
        """Return the entry with the canonical name of the image."""
        image = ImageName.parse(self.image)
        return ConfiguredBuild(
            self.repository, self.dockerfile, image.repository, image.tag, base_branch=self.base_branch
        )


def check_builds(document: dict[str, Any], listed_hosts: frozenset[str]) -> Iterator[ConfigProblem]:
    """Yield a problem for each image whose registry is not contacted, and for each entry that is listed twice."""
    entries = document.get("builds")
    if entries and "state" not in document:
        yield ConfigProblem("builds", "requires `state`, because a build is compared with earlier runs; hint: add it")
    first_entries: dict[tuple[str, ...], str] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        where = f"builds[{index}]"
        if isinstance(entry, dict):
            yield from _check_registry(where, entry, listed_hosts)
            key = tuple(str(entry.get(name)) for name in ("repository", "dockerfile", "image", "base_branch"))
            first = first_entries.setdefault(key, where)
            if first != where:
                yield ConfigProblem(where, f"is the same as {first}; hint: remove one of the entries")


def _check_registry(where: str, entry: dict[str, Any], listed_hosts: frozenset[str]) -> Iterator[ConfigProblem]:
    try:
        host = ImageName.parse(str(entry.get("image"))).host
    except InvalidReferenceError:
        return  # the value itself has a problem
    if host not in PUBLIC_HOSTS and host not in listed_hosts:
        yield ConfigProblem(
            f"{where}.image", f"is in the registry `{host}`, which is not contacted; hint: list it under `registries`"
        )
