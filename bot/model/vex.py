"""VEX statements: what authors state about vulnerabilities in images, such as not being affected."""

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
        """True if the author states that the vulnerability needs no attention."""
        return self in (VexStatus.NOT_AFFECTED, VexStatus.FIXED)


@dataclass(frozen=True, slots=True)
class Purl:
    """A parsed package URL (https://github.com/package-url/purl-spec)."""

    type: str
    namespace: str
    """Without leading and trailing slashes; empty if there is none."""
    name: str
    version: str
    """Empty if there is none."""
    qualifiers: tuple[tuple[str, str], ...] = ()
    """Sorted by name."""

    def get_qualifier(self, qualifier: str) -> str:
        """Return the value of a qualifier; empty if the purl does not have it."""
        return dict(self.qualifiers).get(qualifier, "")


@dataclass(frozen=True, slots=True)
class VexProduct:
    """The subject of a statement: an image, or some packages in it."""

    image: Purl
    packages: tuple[Purl, ...] | None = None
    """None if the statement is about everything in the image."""


@dataclass(frozen=True, slots=True)
class VexStatement:
    """One statement about one vulnerability."""

    names: frozenset[str]
    """The names of the vulnerability: its CVE id and aliases."""
    status: VexStatus
    justification: str
    """The author's justification in a few words, untrusted input; empty if there is none."""
    products: tuple[VexProduct, ...]
    author: str
    stated_at: datetime
    """When the statement was made; the latest of several applies."""


@dataclass(frozen=True, slots=True)
class VexStatements:
    """All statements of accepted authors."""

    statements: tuple[VexStatement, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    """Documents that could not be read: the config key that names them, and a sentence with the error."""
