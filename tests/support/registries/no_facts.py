"""Registry metadata for runs that need none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from bot.model.image import RegistryRecord
from bot.model.image_name import Digest, TagRef


class NoFacts:
    """Implements `bot.registry_ports.RegistryFacts` without any request."""

    def fetch_record(self, tag_ref: TagRef, digest: Digest) -> RegistryRecord | None:
        """Return None: nothing is recorded."""
        return None

    def fetch_earlier_records(self, tag_ref: TagRef) -> Mapping[Digest, RegistryRecord]:
        """Return nothing: no earlier digest is recorded."""
        return {}

    def list_newest_digests(self, repository: str) -> Sequence[Digest]:
        """Return nothing: no push is recorded."""
        return ()

    def fetch_end_of_life(self, tag_ref: TagRef, digest: Digest) -> date | None:
        """Return None: no end of life is announced."""
        return None
