"""Verifies image signatures, with one module for each kind of signature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from bot.model.trust import TrustEntry
from bot.ports import SignatureVerifier
from bot.registry_ports import ArtifactStore


def create_verifiers(
    trusts: Sequence[TrustEntry], artifacts: ArtifactStore, now: Callable[[], datetime]
) -> tuple[SignatureVerifier, ...]:
    """Return a verifier for each kind of signature that `trusts` accepts, such as cosign or Notation.

    Modules for other kinds are not imported. Raises UsageError if a required library is not installed.
    """
    verifiers: list[SignatureVerifier] = []
    if any(trust.keys or trust.identities for trust in trusts):
        from bot.verifiers.cosign import CosignVerifier  # noqa: PLC0415 - imported only if signers are trusted

        verifiers.append(CosignVerifier.create_for_trusts(trusts, artifacts))
    if any(trust.notation is not None for trust in trusts):
        from bot.verifiers.notation import NotationVerifier  # noqa: PLC0415 - the same

        verifiers.append(NotationVerifier(artifacts, now))
    return tuple(verifiers)
