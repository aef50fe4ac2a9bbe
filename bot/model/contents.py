"""What is in an image: its packages, how it starts, and what it was built from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.model.reference import Digest


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A package as a scanner lists it."""

    type: str
    """As in `Finding.package_type`."""
    name: str
    version: str
    source: str = ""
    """The source package that it was built from, where findings are about that; empty where it has the same name."""

    @property
    def found_as(self) -> str:
        """What findings call it."""
        return self.source or self.name


class Change(StrEnum):
    """What became of a package."""

    ADDED = "added"
    REMOVED = "removed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    CHANGED = "changed"
    """Its versions are others, and nobody can say which are later."""


@dataclass(frozen=True, slots=True)
class PackageChange:
    """One package that is not the same in two images."""

    change: Change
    type: str
    name: str
    old: tuple[str, ...]
    """Its versions, the latest last where they can be ordered; several where an image has it several times."""
    new: tuple[str, ...]
    source: str = ""
    """As in `Package`."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How an image starts. Of its environment only the names: values may be secrets.

    https://github.com/opencontainers/image-spec/blob/main/config.md
    """

    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    folder: str = ""
    """In which it starts."""
    environment: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""


@dataclass(frozen=True, slots=True)
class ImageContents:
    """One image of one platform, as its manifest and its config tell; every text comes from whoever built it."""

    digest: Digest
    """Of the manifest."""
    config: ImageConfig
    size: int
    """Bytes to pull: of all its layers, compressed."""
    created: datetime | None = None
    """None where it is missing or 1970."""
    source: str | None = None
    """Where what it was built from is kept."""
    revision: str | None = None
    """Which state of that."""
    version: str | None = None
    platforms: tuple[str, ...] = ()
    """Of the index that it is in; empty where it stands alone."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in the two images of a transition; None for one that could not be looked into."""

    old: ImageContents | None
    new: ImageContents | None
