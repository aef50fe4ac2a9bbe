"""The contents of an image: its packages, its start configuration, and the source from which it was built."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.model.image_name import Digest
from bot.model.source_changes import SourceLookup


@dataclass(frozen=True, slots=True, order=True)
class InstalledPackage:
    """A package that a scanner found in an image."""

    type: str
    """The package type, with the same values as `Finding.package_type`."""
    name: str
    version: str
    source: str = ""
    """The source package, if scanners report vulnerabilities under its name; empty if they report them under `name`."""
    source_version: str = ""
    """The version of the source package, with its epoch and release; empty if it is the same as `version`."""
    architecture: str = ""
    module: str = ""
    """The modularity label of an RPM package."""

    @property
    def name_in_findings(self) -> str:
        """The name under which scanners report vulnerabilities of this package."""
        return self.source or self.name


class PackageChangeKind(StrEnum):
    """The way in which a package differs between two images."""

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
    """Versions of the package in the old image; several if the image contains the package several times.

    The latest version comes last if the versions can be ordered.
    """
    new: tuple[str, ...]
    """Versions of the package in the new image, in the same order."""
    source: str = ""
    """The source package, as in `InstalledPackage`."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The configuration with which a container of an image starts.

    Only the names of environment variables are stored, because their values may be secrets.

    https://github.com/opencontainers/image-spec/blob/main/config.md
    """

    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    folder: str = ""
    """The working directory in which the container starts."""
    environment: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""


@dataclass(frozen=True, slots=True)
class ImageContents:
    """The facts in the manifest and config of an image for one platform. All texts are untrusted input."""

    digest: Digest
    """Digest of the manifest."""
    config: ImageConfig
    size: int
    """Bytes to pull: the sum of all compressed layers."""
    created: datetime | None = None
    """Build time; None if it is missing, or if it is in 1970, as reproducible builds write."""
    source: str | None = None
    """URL of the source repository that the image was built from; None if the image does not state it."""
    revision: str | None = None
    """Revision of the source repository; None if the image does not state it."""
    version: str | None = None
    platforms: tuple[str, ...] = ()
    """Platforms of the index that contains the image; empty if the image is not part of an index."""


@dataclass(frozen=True, slots=True)
class TransitionContents:
    """The contents of the old and the new image of an update; None for an image whose contents could not be fetched."""

    old: ImageContents | None
    new: ImageContents | None
    source_changes: SourceLookup | None = None
    """The changes of the source; None if they are not looked up, for example because the revision is the same."""
