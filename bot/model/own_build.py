"""Builds of an organisation's own images, and the base images on which they were built."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from posixpath import normpath
from typing import Annotated

from bot.model.config_types.markers import Check, Example, ParseText
from bot.model.config_types.texts import Text, require_text
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import DOCKER_HUB, Digest, ImageName


class BaseEvidence(StrEnum):
    """The evidence that an image was built on a base image, strongest first."""

    LAYERS = "layers"
    """The layers of the base image are the first layers of the image."""
    PROVENANCE = "provenance"
    """A SLSA provenance attestation of the build lists the base image among its materials."""
    BUILD_TASK = "build-task"
    """The run of a build task of the registry lists the base image."""
    LABEL = "label"
    """The image states its base image in a label or an annotation."""


@dataclass(frozen=True, slots=True, order=True)
class BuiltOn:
    """A base image on which an image was built."""

    repository: str | None
    """The canonical name of the repository of the base image; None if it is not stated."""
    digest: Digest
    """The digest of an index, or of the manifest of one platform."""
    evidence: BaseEvidence


@dataclass(frozen=True, slots=True)
class OwnBuild:
    """A build of an own image. A digest never changes, so that a build is read only once."""

    repository: str
    """The canonical name of the repository of the own image."""
    digest: Digest
    built_at: datetime | None
    """None if the image does not state it, or if it is in 1970, as reproducible builds write."""
    source: str | None
    """The URL of the repository that it was built from, from a label or provenance; untrusted text."""
    revision: str | None
    """The commit that it was built from, from a label or provenance; untrusted text."""
    dockerfile: str | None = None
    """The path of its Dockerfile in the repository, which only provenance states; untrusted text."""
    branch: str | None = None
    """The branch of the repository that it was built from, which only provenance states; untrusted text."""
    is_attested: bool = False
    """True if `source`, `dockerfile` and `branch` are from provenance; False if `source` is from a label."""
    is_task_run: bool = False
    """True if `source`, `dockerfile` and `branch` are from a run of a build task of the registry."""
    bases: tuple[BuiltOn, ...] = ()
    children: frozenset[Digest] = frozenset()
    """The digests of the images in the index; empty if `digest` is a single image."""
    layers: tuple[Digest, ...] = ()
    """The digests of the uncompressed layers of one image, lowest first; empty if its config does not list them."""
    platform: str | None = None
    """The platform of the image whose layers are in `layers`; None if it is not known."""

    def has_digest(self, digest: Digest | None) -> bool:
        """Return True if a container that runs `digest` runs this build."""
        return digest is not None and (digest == self.digest or digest in self.children)


@dataclass(frozen=True, slots=True)
class StoredBuild:
    """A build of an own image as the state remembers it."""

    build: OwnBuild
    read_at: datetime
    """The time of the run that first read the build."""


def _parse_built_image(value: str) -> ImageName:
    """Parse an image. Raises ValueError if the image has a digest, or if its name does not begin with a host."""
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
    return image


def _validate_dockerfile(value: str) -> str:
    if value.startswith("/") or ".." in value.split("/") or normpath(require_text(value)) != value:
        raise ValueError("must be a path from the top of the repository, without `/` or `./` at the beginning")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredBuild:
    """The config entry that states which own image is built from a Dockerfile."""

    repository: Annotated[Text, Example("acme/web")]
    """The name of the git repository on its forge, such as `acme/web`."""
    dockerfile: Annotated[str, Check(_validate_dockerfile)] = "Dockerfile"
    """The path of the Dockerfile in the repository."""
    image: Annotated[ImageName, ParseText(_parse_built_image), Example("registry.example.com:5000/acme/web:main")]
    """The image that is built, with its registry. With a tag, the tag that every build moves. Without a tag, every
    build has a tag of its own.
    """
    base_branch: Annotated[Text | None, Example("main")] = None
    """The base branch from which the image is built. Default: the only base branch with this Dockerfile. If there are
    several, it is not known which of them is built.
    """
