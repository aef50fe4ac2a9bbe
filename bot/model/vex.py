"""What authors say of vulnerabilities in images: that they do not affect them, or are fixed (VEX)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VexStatus(StrEnum):
    """What a statement says of a vulnerability in a product.

    https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md#status-labels
    """

    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"

    @property
    def sets_aside(self) -> bool:
        """Whether the author says that nobody need look at it."""
        return self in (VexStatus.NOT_AFFECTED, VexStatus.FIXED)


@dataclass(frozen=True, slots=True)
class Purl:
    """A package URL, taken apart (https://github.com/package-url/purl-spec)."""

    type: str
    namespace: str
    """Without a slash at either end; empty where there is none."""
    name: str
    version: str
    """Empty where there is none."""
    qualifiers: tuple[tuple[str, str], ...] = ()
    """In the order of their names."""

    def of(self, qualifier: str) -> str:
        """Return a qualifier, empty where it has none of that name."""
        return dict(self.qualifiers).get(qualifier, "")


@dataclass(frozen=True, slots=True)
class Product:
    """What a statement is about: an image, or some packages in it."""

    image: Purl
    packages: tuple[Purl, ...] | None = None
    """None where it is about all that is in the image."""


@dataclass(frozen=True, slots=True)
class VexStatement:
    """What somebody said of one vulnerability, once."""

    names: frozenset[str]
    """Of the vulnerability: its CVE, and whatever else it is called."""
    status: VexStatus
    why: str
    """The author's reason in a few words, from outside; empty where none is given."""
    products: tuple[Product, ...]
    author: str
    at: datetime
    """When it was said; of several the latest counts."""


@dataclass(frozen=True, slots=True)
class Vex:
    """All that accepted authors say."""

    statements: tuple[VexStatement, ...] = ()
    troubles: tuple[tuple[str, str], ...] = ()
    """What could not be read: the key of the config that names it, and why, in a sentence."""
