"""VEX statements, in which authors state whether vulnerabilities affect their images."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VexStatus(StrEnum):
    """The status of a vulnerability in a product.

    https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md#status-labels
    """

    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"

    @property
    def is_suppressing(self) -> bool:
        """True if the vulnerability needs no attention according to this status."""
        return self in (VexStatus.NOT_AFFECTED, VexStatus.FIXED)


@dataclass(frozen=True, slots=True)
class Purl:
    """A parsed package URL (https://github.com/package-url/purl-spec)."""

    type: str
    namespace: str
    """The namespace without leading and trailing slashes; empty if the purl has no namespace."""
    name: str
    version: str
    """The version; empty if the purl has no version."""
    qualifiers: tuple[tuple[str, str], ...] = ()
    """The qualifiers, sorted by name."""

    def get_qualifier(self, qualifier: str) -> str:
        """Return the value of a qualifier. Return an empty string if the purl does not have the qualifier."""
        return dict(self.qualifiers).get(qualifier, "")


@dataclass(frozen=True, slots=True)
class VexProduct:
    """The product that a statement is about: an image, or some packages in an image."""

    image: Purl
    packages: tuple[Purl, ...] | None = None
    """The packages; None if the statement is about the whole image."""


@dataclass(frozen=True, slots=True)
class VexStatement:
    """A statement by an author about one vulnerability in some products."""

    names: frozenset[str]
    """The names of the vulnerability: its CVE id and its aliases."""
    status: VexStatus
    justification: str
    """The author's justification in a few words; empty if the author gives none. It is untrusted input."""
    products: tuple[VexProduct, ...]
    author: str
    stated_at: datetime
    """The time of the statement. If there are several statements, the latest one applies."""


@dataclass(frozen=True, slots=True)
class VexStatements:
    """All statements by authors that the config accepts, and the documents that could not be read."""

    statements: tuple[VexStatement, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    """The documents that could not be read: for each, the config key that names it, and a sentence with the error."""
