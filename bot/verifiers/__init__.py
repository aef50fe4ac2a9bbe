"""Finding out who signed an image: one module for each kind of signature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from bot.model.trust import Trust
from bot.ports import Artifacts, Verifier


def verifiers_for(trusts: Sequence[Trust], artifacts: Artifacts, now: Callable[[], datetime]) -> tuple[Verifier, ...]:
    """Return who reads the kinds of signatures that are trusted; where there are none, nothing is imported.

    Raises UsageError where one of them cannot be read here.
    """
    found: list[Verifier] = []
    if any(trust.keys or trust.identities for trust in trusts):
        from bot.verifiers.cosign import CosignVerifier  # noqa: PLC0415 - only those wait for it who trust somebody

        found.append(CosignVerifier.for_all(trusts, artifacts))
    if any(trust.notation is not None for trust in trusts):
        from bot.verifiers.notation import NotationVerifier  # noqa: PLC0415 - the same

        found.append(NotationVerifier(artifacts, now))
    return tuple(found)
