"""The contents of an image: packages, start configuration, and the source that it was built from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.model.reference import Digest


@dataclass(frozen=True, slots=True, order=True)
class InstalledPackage:
    """A package that a scanner lists for an image."""

    type: str
    """The package type as in `Finding.package_type`."""
    name: str
    version: str
    source: str = ""
    """The source package, if findings name it instead of the binary package; empty if both names are equal."""

    @property
    def name_in_findings(self) -> str:
        """The name that findings use for this package."""
        return self.source or self.name


class PackageChangeKind(StrEnum):
    """How a package differs between two images."""

    ADDED = "added"
    REMOVED = "removed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    CHANGED = "changed"
    """The versions differ, and their order is unknown."""


@dataclass(frozen=True, slots=True)
class PackageChange:
    """The difference of one package between two images."""

    kind: PackageChangeKind
    type: str
    name: str
    old: tuple[str, ...]
    """Versions of the package, the latest last if they can be ordered; several if the image has it several times."""
    new: tuple[str, ...]
    source: str = ""
    """The source package, as in `InstalledPackage`."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The start configuration of an image; of environment variables only the names, because values may be secrets.

    https://github.com/opencontainers/image-spec/blob/main/config.md
    """

    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    folder: str = ""
    """The working directory in which the image starts."""
    environment: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""


@dataclass(frozen=True, slots=True)
class ImageContents:
    """An image for one platform, as its manifest and config describe it; all text is untrusted input."""

    digest: Digest
    """Digest of the manifest."""
    config: ImageConfig
    size: int
    """Bytes to pull: the sum of all compressed layers."""
    created: datetime | None = None
    """Build time; None if it is missing or 1970, which reproducible builds write."""
    source: str | None = None
    """URL of the source repository that the image was built from."""
    revision: str | None = None
    """Revision of the source repository."""
    version: str | None = None
    platforms: tuple[str, ...] = ()
    """Platforms of the index that contains the image; empty if it is not part of an index."""


@dataclass(frozen=True, slots=True)
class TransitionContents:
    """The contents of both images of a transition; None for an image whose contents could not be fetched."""

    old: ImageContents | None
    new: ImageContents | None
