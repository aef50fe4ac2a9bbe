"""Remember which digests visits found to be gone or blocked, because containers may still run them.

A file no longer contains such a digest after it was replaced, so that the image references do not show it any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select

from bot.model.image_name import Digest
from bot.model.report import Verdict
from bot.model.update_stages import UnwantedReason
from bot.model.vocabulary import ReferenceStatus
from bot.state.tables import TAGS_KEPT, is_storable, write_rows
from bot.state.tables.inventory import UNWANTED_DIGESTS

_REASONS = {ReferenceStatus.GONE: UnwantedReason.GONE, ReferenceStatus.BLOCKED: UnwantedReason.BLOCKED}
_USABLE = frozenset(
    {
        ReferenceStatus.UP_TO_DATE,
        ReferenceStatus.UPDATE,
        ReferenceStatus.HELD,
        ReferenceStatus.REFUSED,
        ReferenceStatus.SUPERSEDED,
    }
)
"""The statuses of a digest that a visit found in the registry, and that is not blocked."""

_ImageDigest = tuple[str, Digest]


def record_unwanted(connection: Connection, verdicts: Iterable[Verdict], at: datetime) -> None:
    """Store the digests that are gone or blocked according to a visit at the time `at`, and delete those that are not.

    Digests that no visit found for a long time are deleted, too.
    """
    unwanted: dict[_ImageDigest, UnwantedReason] = {}
    usable: set[_ImageDigest] = set()
    for verdict in verdicts:
        reference = verdict.reference.image
        if reference.digest is None or not is_storable(reference.repository):
            continue
        image = (reference.repository, reference.digest)
        if verdict.status in _REASONS:
            unwanted[image] = _REASONS[verdict.status]
        elif verdict.status in _USABLE:
            usable.add(image)
    table = UNWANTED_DIGESTS.c
    for name, digest in sorted(usable & read_unwanted(connection).keys() - unwanted.keys()):
        connection.execute(delete(UNWANTED_DIGESTS).where(table.repository == name, table.digest == digest))
    rows = [
        {"repository": name, "digest": digest, "reason": reason.value, "seen_at": at}
        for (name, digest), reason in sorted(unwanted.items())
    ]
    write_rows(connection, UNWANTED_DIGESTS, rows)
    connection.execute(delete(UNWANTED_DIGESTS).where(table.seen_at < at - TAGS_KEPT))


def read_unwanted(connection: Connection) -> Mapping[_ImageDigest, UnwantedReason]:
    """Return the digests that were gone or blocked when a visit last found them."""
    known = set(UnwantedReason)
    table = UNWANTED_DIGESTS.c
    rows = connection.execute(select(table.repository, table.digest, table.reason))
    return {(row.repository, Digest(row.digest)): UnwantedReason(row.reason) for row in rows if row.reason in known}
