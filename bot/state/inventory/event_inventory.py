"""Answers the questions that events raise about the inventory, in a database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, union

from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey
from bot.model.vocabulary import ReferenceStatus
from bot.state.database import Database
from bot.state.tables import TAG_DESCRIPTORS, split_into_batches
from bot.state.tables.inventory import (
    BRANCH_KEY_COLUMNS,
    BRANCH_TAG_LISTS,
    BRANCH_TAGS,
    BRANCHES,
    DIGESTS,
    IMAGE_REFERENCES,
    NO_TAG,
    SETTLED_BRANCHES,
    TAGS,
)


class DatabaseEventInventory:
    """The part of the inventory that events need. Every method raises StateError.

    Several threads and processes can use the same database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def select_used_tags(self, tag_refs: Collection[TagRef]) -> frozenset[TagRef]:
        """Return those of the tags that a base branch uses.

        A new tag of a repository counts as used if the choice of a tag depends on the list of the repository's tags.
        """
        used: set[TagRef] = set()
        repositories = sorted({each.repository for each in tag_refs})
        with self._database.open_for_reading() as connection:
            for batch in split_into_batches(repositories):
                rows = connection.execute(
                    select(TAGS.c.repository, TAGS.c.tag).where(TAGS.c.repository.in_(batch), _IS_USED)
                ).all()
                used |= {TagRef(*row) for row in rows}
                listed = select(TAGS.c.repository).where(TAGS.c.repository.in_(batch), _IS_LISTED)
                listed_repositories = set(connection.execute(listed).scalars())
                used |= {each for each in tag_refs if each.repository in listed_repositories}
        return frozenset(used & set(tag_refs))

    def list_registries(self) -> Sequence[str]:
        """Return the registries with tags that base branches use."""
        with self._database.open_for_reading() as connection:
            repositories = connection.execute(select(TAGS.c.repository).distinct().where(_IS_LOOKED_UP)).scalars()
            return sorted({repository.partition("/")[0] for repository in repositories})

    def list_lookups(self, registry: str) -> Mapping[TagRef, datetime | None]:
        """Return the tags of a registry that base branches use, and when each was last looked up successfully."""
        is_tag = and_(TAG_DESCRIPTORS.c.repository == TAGS.c.repository, TAG_DESCRIPTORS.c.tag == TAGS.c.tag)
        query = select(TAGS.c.repository, TAGS.c.tag, TAG_DESCRIPTORS.c.looked_up_at).join(
            TAG_DESCRIPTORS, is_tag, isouter=True
        )
        is_of_registry = TAGS.c.repository.startswith(f"{registry}/", autoescape=True)
        with self._database.open_for_reading() as connection:
            rows = connection.execute(query.where(is_of_registry, _IS_LOOKED_UP)).all()
            return {
                tag_ref: row.looked_up_at
                for row in rows
                if (tag_ref := TagRef(row.repository, row.tag)).host == registry
            }

    def list_settled_digests(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, frozenset[Digest]]:
        """Return the digests of tags that the last visits of settled base branches took into account."""
        digests: dict[TagRef, set[Digest]] = {each: set() for each in tag_refs}
        pairs = select(BRANCH_TAGS.c.tag, BRANCH_TAGS.c.digest).distinct().subquery()
        query = (
            select(TAGS.c.repository, TAGS.c.tag, DIGESTS.c.digest)
            .join(pairs, pairs.c.tag == TAGS.c.id)
            .join(DIGESTS, DIGESTS.c.id == pairs.c.digest)
        )
        with self._database.open_for_reading() as connection:
            for row in connection.execute(query):
                if (tag_ref := TagRef(row.repository, row.tag)) in digests:
                    digests[tag_ref].add(Digest(row.digest))
        return {tag_ref: frozenset(each) for tag_ref, each in digests.items()}

    def list_stale_users(self, tag_ref: TagRef, digest: Digest) -> Sequence[BranchKey]:
        """Return the base branches that use a tag, and whose last visit did not take this digest into account.

        Branches whose choice of a tag depends on the list of the repository's tags are included.
        """
        tag = and_(TAGS.c.repository == tag_ref.repository, TAGS.c.tag == tag_ref.tag)
        is_settled = exists().where(SETTLED_BRANCHES.c.branch == BRANCHES.c.id)
        queries: list[Select[Any]] = [
            select(*BRANCH_KEY_COLUMNS)
            .join(BRANCH_TAGS, BRANCH_TAGS.c.branch == BRANCHES.c.id)
            .join(TAGS, TAGS.c.id == BRANCH_TAGS.c.tag)
            .join(DIGESTS, DIGESTS.c.id == BRANCH_TAGS.c.digest)
            .where(tag, DIGESTS.c.digest != digest),
            select(*BRANCH_KEY_COLUMNS)
            .join(IMAGE_REFERENCES, IMAGE_REFERENCES.c.branch == BRANCHES.c.id)
            .join(TAGS, TAGS.c.id == IMAGE_REFERENCES.c.tag)
            .where(tag, ~is_settled),
            select(*BRANCH_KEY_COLUMNS)
            .join(BRANCH_TAG_LISTS, BRANCH_TAG_LISTS.c.branch == BRANCHES.c.id)
            .join(TAGS, TAGS.c.id == BRANCH_TAG_LISTS.c.tag)
            .where(TAGS.c.repository == tag_ref.repository, TAGS.c.tag == NO_TAG),
        ]
        with self._database.open_for_reading() as connection:
            return sorted(BranchKey(*row) for row in connection.execute(union(*queries)))

    def list_base_branches(self, repository: str) -> Sequence[BranchKey]:
        """Return the stored base branches of the repositories with this name, on any forge."""
        with self._database.open_for_reading() as connection:
            query = select(*BRANCH_KEY_COLUMNS).where(BRANCHES.c.repository == repository)
            return sorted(BranchKey(*row) for row in connection.execute(query))

    def list_due_branches(self, at: datetime) -> Sequence[BranchKey]:
        """Return the settled base branches whose result may have changed, because a time was reached before `at`."""
        query = select(*BRANCH_KEY_COLUMNS).join(SETTLED_BRANCHES, SETTLED_BRANCHES.c.branch == BRANCHES.c.id)
        with self._database.open_for_reading() as connection:
            return sorted(BranchKey(*row) for row in connection.execute(query.where(SETTLED_BRANCHES.c.due_at <= at)))


def _build_used_condition() -> ColumnElement[bool]:
    return or_(exists().where(BRANCH_TAGS.c.tag == TAGS.c.id), exists().where(IMAGE_REFERENCES.c.tag == TAGS.c.id))


def _build_lookup_condition() -> ColumnElement[bool]:
    """Return the condition that is true for tags that runs look up. References that are skipped do not count."""
    settled_tags = select(BRANCH_TAGS.c.tag).distinct()
    is_tracked = and_(IMAGE_REFERENCES.c.tag == TAGS.c.id, IMAGE_REFERENCES.c.status != ReferenceStatus.SKIPPED.value)
    return and_(TAGS.c.tag != NO_TAG, or_(TAGS.c.id.in_(settled_tags), exists().where(is_tracked)))


_IS_USED = _build_used_condition()
_IS_LOOKED_UP = _build_lookup_condition()
_IS_LISTED = and_(TAGS.c.tag == NO_TAG, exists().where(BRANCH_TAG_LISTS.c.tag == TAGS.c.id))
