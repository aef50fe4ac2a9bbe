"""Facts about registries where nobody can be asked for any."""

from __future__ import annotations

from datetime import date

from bot.model.image import Recorded
from bot.model.reference import Digest, Line


class NoFacts:
    """Implements `bot.ports.RegistryFacts` without asking."""

    def recorded(self, line: Line, digest: Digest) -> Recorded | None:  # noqa: ARG002 - the signature of the port
        """Return None: nothing is recorded."""
        return None

    def end_of_life(self, line: Line, digest: Digest) -> date | None:  # noqa: ARG002 - the signature of the port
        """Return None: nobody announced anything."""
        return None
