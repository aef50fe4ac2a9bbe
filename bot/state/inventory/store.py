"""The store of the inventory, in a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from bot.model.decision import Transition
from bot.model.evidence import Evidence
from bot.model.fleet_history import BranchRequest
from bot.model.image_name import Digest, ImageName, TagRef
from bot.model.inventory import BranchConditions, BranchKey, BranchVisit, SettledBranch, StoredBranch
from bot.model.proposal import RequestState
from bot.model.report import RepositoryReport
from bot.state.database import Database
from bot.state.inventory.documents import parse_evidence, parse_report, serialise_transition
from bot.state.inventory.history import read_image_requests
from bot.state.inventory.rows import find_branches
from bot.state.inventory.writer import VisitWriter, delete_unneeded_evidence
from bot.state.tables import TAGS_KEPT, split_into_batches
from bot.state.tables.inventory import (
    BRANCH_DETAILS,
    BRANCH_TAG_LISTS,
    BRANCH_TAGS,
    BRANCHES,
    DIGESTS,
    EVIDENCE,
    HELD_DIGESTS,
    IMAGE_REFERENCES,
    REPORTS,
    REQUESTS,
    SETTLED_BRANCHES,
    TAGS,
)

VISITS_PER_TRANSACTION = 2000
"""The maximum number of visits that are written in one transaction. Other processes wait for it about a second."""


class DatabaseInventoryStore:
    """Implements `bot.inventory_ports.InventoryStore`. Several threads and processes can use the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_branches(self, keys: Collection[BranchKey]) -> Mapping[BranchKey, StoredBranch]:
        stored: dict[BranchKey, StoredBranch] = {}
        with self._database.open_for_reading() as connection:
            rows_by_key = find_branches(connection, keys)
            texts = _IdTexts(connection)
            for batch in split_into_batches(list(rows_by_key.items())):
                stored.update(_load_batch(connection, dict(batch), texts))
        return stored

    def load_reports(self, keys: Collection[BranchKey]) -> Mapping[BranchKey, RepositoryReport]:
        reports: dict[BranchKey, RepositoryReport] = {}
        with self._database.open_for_reading() as connection:
            keys_by_id = {row.id: key for key, row in find_branches(connection, keys).items()}
            for batch in split_into_batches(list(keys_by_id)):
                for row in connection.execute(select(REPORTS).where(REPORTS.c.branch.in_(batch))):
                    if (report := parse_report(row.document)) is not None:
                        reports[keys_by_id[row.branch]] = report
        return reports

    def load_evidence(self, transitions: Collection[Transition]) -> Mapping[Transition, Evidence]:
        transitions_by_text = {serialise_transition(transition): transition for transition in transitions}
        evidence: dict[Transition, Evidence] = {}
        stored_text = EVIDENCE.c.transition
        with self._database.open_for_reading() as connection:
            for batch in split_into_batches(list(transitions_by_text)):
                for row in connection.execute(select(EVIDENCE).where(stored_text.in_(batch))):
                    if (parsed := parse_evidence(row.document)) is not None:
                        evidence[transitions_by_text[row.transition]] = parsed
        return evidence

    def list_users(self, image: ImageName) -> frozenset[BranchKey]:
        columns = (BRANCHES.c.forge, BRANCHES.c.host, BRANCHES.c.repository, BRANCHES.c.base_branch)
        users = (
            select(*columns)
            .join(IMAGE_REFERENCES, IMAGE_REFERENCES.c.branch == BRANCHES.c.id)
            .join(TAGS, TAGS.c.id == IMAGE_REFERENCES.c.tag)
            .where(TAGS.c.repository == image.repository, *([TAGS.c.tag == image.tag] if image.tag else []))
            .distinct()
        )
        with self._database.open_for_reading() as connection:
            return frozenset(BranchKey(*row) for row in connection.execute(users))

    def load_requests(self, repositories: Collection[str], since: datetime) -> Sequence[BranchRequest]:
        with self._database.open_for_reading() as connection:
            return tuple(read_image_requests(connection, repositories, since))

    def record_visits(
        self, visits: Sequence[BranchVisit], evidence: Mapping[Transition, Evidence], at: datetime
    ) -> None:
        """Store the visits of a run that started at the time `at`.

        `evidence` is that of the whole run. It is stored for the transitions of settled branches. A visit is left out
        if a parallel run already stored a visit of the same branch that started later.
        """
        for start in range(0, len(visits), VISITS_PER_TRANSACTION):
            with self._database.open_for_writing() as connection:
                VisitWriter(connection, evidence, at).write(visits[start : start + VISITS_PER_TRANSACTION])
                delete_unneeded_evidence(connection)

    def record_seen(self, keys: Collection[BranchKey], at: datetime) -> None:
        if not keys:
            return
        with self._database.open_for_writing() as connection:
            for batch in split_into_batches([row.id for row in find_branches(connection, keys).values()]):
                is_later = (BRANCHES.c.id.in_(batch), BRANCHES.c.seen_at < at)
                connection.execute(update(BRANCHES).where(*is_later).values(seen_at=at))
            _prune(connection, at)


class _IdTexts:
    """The tags and digests with their numbers, which are read only once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.tags: dict[int, TagRef] = {}
        self.digests: dict[int, Digest] = {}

    def add(self, tag_ids: Collection[int], digest_ids: Collection[int]) -> None:
        """Read the tags and digests with these numbers, unless they were read before."""
        for batch in split_into_batches([each for each in tag_ids if each not in self.tags]):
            for row in self._connection.execute(select(TAGS).where(TAGS.c.id.in_(batch))):
                self.tags[row.id] = TagRef(row.repository, row.tag)
        new_digest_ids = [each for each in digest_ids if each not in self.digests]
        for batch in split_into_batches(new_digest_ids):
            for row in self._connection.execute(select(DIGESTS).where(DIGESTS.c.id.in_(batch))):
                self.digests[row.id] = Digest(row.digest)


def _load_batch(
    connection: Connection, rows_by_key: Mapping[BranchKey, Row[Any]], texts: _IdTexts
) -> dict[BranchKey, StoredBranch]:
    """Return the stored data of some branches, whose rows are given."""
    ids = [row.id for row in rows_by_key.values()]
    settled_rows = {
        row.branch: row
        for row in connection.execute(select(SETTLED_BRANCHES).where(SETTLED_BRANCHES.c.branch.in_(ids)))
    }
    tag_rows = connection.execute(select(BRANCH_TAGS).where(BRANCH_TAGS.c.branch.in_(ids))).all()
    list_rows = connection.execute(select(BRANCH_TAG_LISTS).where(BRANCH_TAG_LISTS.c.branch.in_(ids))).all()
    texts.add({tag for _, tag, _ in (*tag_rows, *list_rows)}, {digest for _, _, digest in tag_rows})
    tags, tag_lists = defaultdict[int, dict[TagRef, Digest]](dict), defaultdict[int, dict[str, str]](dict)
    for branch, tag, digest in tag_rows:
        tags[branch][texts.tags[tag]] = texts.digests[digest]
    for branch, tag, fingerprint in list_rows:
        tag_lists[branch][texts.tags[tag].repository] = fingerprint
    is_open = (REQUESTS.c.branch.in_(ids), REQUESTS.c.state == RequestState.OPEN.value)
    open_heads = defaultdict[int, dict[str, str | None]](dict)
    columns = (REQUESTS.c.branch, REQUESTS.c.head_branch, REQUESTS.c.head)
    for branch, head_branch, head in connection.execute(select(*columns).where(*is_open)):
        open_heads[branch][head_branch] = head
    return {
        key: StoredBranch(
            head=row.head,
            reader=row.reader,
            read_at=row.read_at,
            has_unread_files=row.has_unread_files,
            settled=_build_settled_branch(row, settled_rows.get(row.id), tags, tag_lists),
            open_request_heads=open_heads.get(row.id, {}),
        )
        for key, row in rows_by_key.items()
    }


def _build_settled_branch(
    row: Row[Any],
    settled_row: Sequence[Any] | None,
    tags: Mapping[int, Mapping[TagRef, Digest]],
    tag_lists: Mapping[int, Mapping[str, str]],
) -> SettledBranch | None:
    if settled_row is None:
        return None
    branch, tree, activity, is_public, rules, evidence, due_at = settled_row
    conditions = BranchConditions(row.head, tree, activity, is_public, row.reader, rules, evidence)
    return SettledBranch(conditions, tags.get(branch, {}), tag_lists.get(branch, {}), due_at)


def _prune(connection: Connection, at: datetime) -> None:
    """Delete branches that no run listed for a long time, and old history of the others."""
    too_old = at - TAGS_KEPT
    unseen = connection.execute(select(BRANCHES.c.id).where(BRANCHES.c.seen_at < too_old)).scalars().all()
    for batch in split_into_batches(unseen):
        for table in BRANCH_DETAILS:
            connection.execute(delete(table).where(table.c.branch.in_(batch)))
        connection.execute(delete(BRANCHES).where(BRANCHES.c.id.in_(batch)))
    connection.execute(delete(HELD_DIGESTS).where(HELD_DIGESTS.c.ended_at < too_old))
    connection.execute(delete(REQUESTS).where(REQUESTS.c.ended_at < too_old))
    delete_unneeded_evidence(connection)
