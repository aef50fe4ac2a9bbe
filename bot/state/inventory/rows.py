"""Find the rows of base branches, and the numbers of tags and digests."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from bot.model.ci import CiOutcome
from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey
from bot.model.proposal import DeclineScope
from bot.state.tables import is_storable, split_into_batches
from bot.state.tables.inventory import BRANCHES, DIGESTS, TAGS


def find_branches(connection: Connection, keys: Collection[BranchKey]) -> dict[BranchKey, Row[Any]]:
    """Return the rows of base branches. Branches that no run read are left out."""
    requested_keys = set(keys)
    rows: dict[BranchKey, Row[Any]] = {}
    names = sorted({key.repository for key in requested_keys if is_storable(key.repository)})
    for batch in split_into_batches(names):
        for row in connection.execute(select(BRANCHES).where(BRANCHES.c.repository.in_(batch))):
            if (key := BranchKey(*row[1:5])) in requested_keys:
                rows[key] = row
    return rows


class RowNumbers:
    """The numbers of tags and digests. Each of them is looked up once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tag_ids: dict[TagRef, int] = {}
        self._digest_ids: dict[Digest, int] = {}

    def add_tags(self, tag_refs: Iterable[TagRef]) -> None:
        """Find the numbers of tags. Tags that have none get one."""
        new_tags = {each for each in tag_refs if each not in self._tag_ids}
        self._find_tags(new_tags)
        missing = sorted(new_tags - self._tag_ids.keys())
        if missing:
            rows = [{"repository": each.repository, "tag": each.tag} for each in missing]
            self._connection.execute(insert(TAGS), rows)
            self._find_tags(set(missing))

    def add_digests(self, digests: Iterable[Digest]) -> None:
        """Find the numbers of digests. Digests that have none get one."""
        new_digests = {each for each in digests if each not in self._digest_ids}
        self._find_digests(new_digests)
        missing = sorted(new_digests - self._digest_ids.keys())
        if missing:
            self._connection.execute(insert(DIGESTS), [{"digest": each} for each in missing])
            self._find_digests(set(missing))

    def get_tag_id(self, tag_ref: TagRef) -> int:
        return self._tag_ids[tag_ref]

    def get_digest_id(self, digest: Digest) -> int:
        return self._digest_ids[digest]

    def _find_tags(self, tag_refs: set[TagRef]) -> None:
        for batch in split_into_batches(sorted({each.repository for each in tag_refs})):
            for row in self._connection.execute(select(TAGS).where(TAGS.c.repository.in_(batch))):
                if (tag_ref := TagRef(row.repository, row.tag)) in tag_refs:
                    self._tag_ids[tag_ref] = row.id

    def _find_digests(self, digests: set[Digest]) -> None:
        for batch in split_into_batches(sorted(digests)):
            for row in self._connection.execute(select(DIGESTS).where(DIGESTS.c.digest.in_(batch))):
                self._digest_ids[Digest(row.digest)] = row.id


def parse_ci(word: str | None) -> CiOutcome:
    """Return the outcome of CI in a row. NULL, and the words of later releases, stand for an unknown outcome."""
    return CiOutcome(word) if word in set(CiOutcome) else CiOutcome.UNKNOWN


def parse_decline_scope(word: str | None) -> DeclineScope | None:
    """Return what a closed pull request declines. Words of later releases stand for its digests."""
    if word is None:
        return None
    return DeclineScope(word) if word in set(DeclineScope) else DeclineScope.DIGEST
