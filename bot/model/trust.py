"""Whom the operator trusts to sign which images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key that signs images."""

    name: str
    """As the config calls its file."""
    pem: bytes


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may sign some images; a signature of any one of them will do."""

    image: tuple[str, ...]
    """Globs over canonical repositories; one must match."""
    keys: tuple[TrustedKey, ...] = ()
