"""Registry metadata for runs without registries."""

from __future__ import annotations

from datetime import date

from bot.model.image import Recorded
from bot.model.reference import Digest, Line


class NoFacts:
    """Implements `bot.ports.RegistryFacts` without any request."""

    def recorded(self, line: Line, digest: Digest) -> Recorded | None:  # noqa: ARG002 - the signature of the port
        """Return None: nothing is recorded."""
        return None

    def end_of_life(self, line: Line, digest: Digest) -> date | None:  # noqa: ARG002 - the signature of the port
        """Return None: no end of life is announced."""
        return None
