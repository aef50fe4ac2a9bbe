"""Links between own images and the Dockerfiles from which they are built."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LinkEvidence(StrEnum):
    """The evidence that an own image is built from a Dockerfile, strongest first."""

    CONFIG = "config"
    """An entry of `builds` in the config names the image and the Dockerfile."""
    BUILD_TASK = "build-task"
    """A build task of the registry builds the image from the Dockerfile."""
    PROVENANCE = "provenance"
    """A SLSA provenance attestation of a build names the repository and the Dockerfile."""
    SOURCE = "source"
    """A label of the image names the repository, which has a single Dockerfile."""


@dataclass(frozen=True, slots=True, order=True)
class BuildLink:
    """An own image that is built from a Dockerfile of a base branch."""

    image: str
    """The canonical name of the repository of the own image, such as `contoso.azurecr.io/apps/web`."""
    evidence: LinkEvidence
