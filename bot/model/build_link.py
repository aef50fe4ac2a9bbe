"""Which own image is built from which Dockerfile."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LinkEvidence(StrEnum):
    """How it is known that an own image is built from a Dockerfile, the strongest evidence first."""

    CONFIG = "config"
    """An entry of `builds` in the config states it."""
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
