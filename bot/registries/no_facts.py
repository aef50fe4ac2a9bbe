"""Registry metadata for runs without registries."""

from __future__ import annotations

from datetime import date

from bot.model.image import RegistryRecord
from bot.model.reference import Digest, TagRef


class NoFacts:
    """Implements `bot.ports.RegistryFacts` without any request."""

    def fetch_record(self, tag_ref: TagRef, digest: Digest) -> RegistryRecord | None:  # noqa: ARG002 - the signature of the port
        """Return None: nothing is recorded."""
        return None

    def fetch_end_of_life(self, tag_ref: TagRef, digest: Digest) -> date | None:  # noqa: ARG002 - the signature of the port
        """Return None: no end of life is announced."""
        return None
