"""The store of superseded tags, in a database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select

from bot.model.history import SupersededTag
from bot.model.image_name import Digest, TagRef
from bot.model.vocabulary import REASONS_BY_STATUS, Reason, ReferenceStatus
from bot.state.database import Database
from bot.state.tables import SUPERSEDED_TAGS, split_into_batches, write_rows

_REASONS = {reason.value: reason for reason in REASONS_BY_STATUS[ReferenceStatus.SUPERSEDED]}


class DatabaseSupersededStore:
    """Implements `bot.ports.SupersededStore`. Several threads and processes can use the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, SupersededTag]:
        """Return the superseded tags among `tag_refs`.

        Entries with a reason that this release does not know are left out.
        """
        with self._database.open_for_reading() as connection:
            rows = _select_rows(connection, tag_refs)
        return {
            tag_ref: _build_superseded_tag(row, _REASONS[row.reason])
            for tag_ref, row in rows.items()
            if row.reason in _REASONS
        }

    def record(self, superseded_tags: Mapping[TagRef, SupersededTag | None], at: datetime) -> None:
        """Store the results of checks that were made at the time `at`; None for a tag that is not superseded.

        If a parallel run already stored a result for a tag that was checked later than `at`, the stored result is kept.
        """
        if not superseded_tags:
            return
        with self._database.open_for_writing() as connection:
            later_tags = {
                tag_ref for tag_ref, row in _select_rows(connection, superseded_tags).items() if row.checked_at > at
            }
            new_results = {
                tag_ref: superseded_tags[tag_ref] for tag_ref in sorted(superseded_tags) if tag_ref not in later_tags
            }
            write_rows(
                connection,
                SUPERSEDED_TAGS,
                [_build_row(tag_ref, each, at) for tag_ref, each in new_results.items() if each is not None],
            )
            no_longer_superseded = [
                {"of": tag_ref.repository, "at": tag_ref.tag} for tag_ref, each in new_results.items() if each is None
            ]
            if no_longer_superseded:
                is_same_tag = (
                    SUPERSEDED_TAGS.c.repository == bindparam("of"),
                    SUPERSEDED_TAGS.c.tag == bindparam("at"),
                )
                connection.execute(delete(SUPERSEDED_TAGS).where(*is_same_tag), no_longer_superseded)


def _select_rows(connection: Connection, tag_refs: Collection[TagRef]) -> dict[TagRef, Row[Any]]:
    requested_tags = set(tag_refs)
    rows: dict[TagRef, Row[Any]] = {}
    for repositories in split_into_batches(sorted({tag_ref.repository for tag_ref in requested_tags})):
        for row in connection.execute(select(SUPERSEDED_TAGS).where(SUPERSEDED_TAGS.c.repository.in_(repositories))):
            if (tag_ref := TagRef(row.repository, row.tag)) in requested_tags:
                rows[tag_ref] = row
    return rows


def _build_superseded_tag(row: Row[Any], reason: Reason) -> SupersededTag:
    return SupersededTag(Digest(row.digest), reason, row.detail, row.successor)


def _build_row(tag_ref: TagRef, superseded_tag: SupersededTag, at: datetime) -> dict[str, Any]:
    return {
        "repository": tag_ref.repository,
        "tag": tag_ref.tag,
        "digest": superseded_tag.digest,
        "reason": superseded_tag.reason.value,
        "detail": superseded_tag.detail,
        "successor": superseded_tag.successor,
        "checked_at": at,
    }
