"""Read from the inventory which digests base branches contained for a tag."""

from __future__ import annotations

from sqlalchemy import func, select

from bot.model.image_name import Digest, TagRef
from bot.state.database import Database
from bot.state.tables.inventory import DIGESTS, HELD_DIGESTS, NO_DIGEST, TAGS

MAX_HELD = 20
"""Limit of the digests of one tag. A replacement for a blocked digest is rarely older than three months."""


class DatabaseHeldDigests:
    """Implements `bot.inventory_ports.HeldDigestStore`. Several threads and processes can use the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_held_digests(self, tag_ref: TagRef) -> tuple[Digest, ...]:
        """Return the digests that base branches contained for a tag, the most recently added digest first."""
        first_seen = func.max(HELD_DIGESTS.c.first_seen)
        query = (
            select(DIGESTS.c.digest)
            .join(HELD_DIGESTS, HELD_DIGESTS.c.digest == DIGESTS.c.id)
            .join(TAGS, TAGS.c.id == HELD_DIGESTS.c.tag)
            .where(TAGS.c.repository == tag_ref.repository, TAGS.c.tag == tag_ref.tag, DIGESTS.c.digest != NO_DIGEST)
            .group_by(DIGESTS.c.digest)
            .order_by(first_seen.desc(), DIGESTS.c.digest)
            .limit(MAX_HELD)
        )
        with self._database.open_for_reading() as connection:
            return tuple(Digest(row.digest) for row in connection.execute(query))
