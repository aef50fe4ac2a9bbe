"""Reads from the inventory which own images and base images the files of a fleet contain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, true

from bot.core.inventory.update_stages import BUILD_FORMATS
from bot.model.image_name import Digest, ImageName
from bot.model.inventory import BranchKey
from bot.model.stage_facts import DockerfileKey
from bot.state.database import Database
from bot.state.tables import split_into_batches
from bot.state.tables.inventory import (
    BRANCH_KEY_COLUMNS,
    BRANCHES,
    DIGESTS,
    HELD_DIGESTS,
    IMAGE_REFERENCES,
    NO_DIGEST,
    NO_TAG,
    TAGS,
)

MAX_HELD_PER_TAG = 10
"""Limit of the digests of one tag that may be bases of own images. An image that is built once a quarter is based on
one of the last ten digests of most tags."""

_REFERENCES = IMAGE_REFERENCES.join(BRANCHES, BRANCHES.c.id == IMAGE_REFERENCES.c.branch)
_IS_BUILD_FILE = IMAGE_REFERENCES.c.format.in_(sorted(BUILD_FORMATS))


class DatabaseBuildInventory:
    """Implements `bot.inventory_ports.BuildInventory`. Several threads and processes can use the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_references(
        self, is_wanted: Callable[[str], bool], repositories: Collection[str] = ()
    ) -> Sequence[ImageName]:
        with self._database.open_for_reading() as connection:
            rows = list(connection.execute(select(TAGS.c.id, TAGS.c.repository, TAGS.c.tag)))
            wanted = {row.id: (row.repository, row.tag) for row in rows if is_wanted(row.repository)}
            query = (
                select(IMAGE_REFERENCES.c.tag, DIGESTS.c.digest)
                .select_from(_REFERENCES.join(DIGESTS, DIGESTS.c.id == IMAGE_REFERENCES.c.digest))
                .distinct()
            )
            found = {
                (*wanted[row.tag], row.digest)
                for batch in split_into_batches(sorted(wanted))
                for row in _read_of_repositories(
                    connection, query.where(IMAGE_REFERENCES.c.tag.in_(batch)), repositories
                )
            }
        return [_build_reference(*each) for each in sorted(found)]

    def list_base_digests(self, repositories: Collection[str] = ()) -> Sequence[ImageName]:
        """Return the past and present digests of the tags in files from which images are built.

        Those that were added last come first. For each tag, at most `MAX_HELD_PER_TAG` digests are returned. If
        `repositories` is not empty, only the tags in these git repositories count.
        """
        first_seen = func.max(HELD_DIGESTS.c.first_seen)
        query = (
            select(HELD_DIGESTS.c.tag, TAGS.c.repository, TAGS.c.tag.label("name"), DIGESTS.c.digest)
            .join(DIGESTS, DIGESTS.c.id == HELD_DIGESTS.c.digest)
            .join(TAGS, TAGS.c.id == HELD_DIGESTS.c.tag)
            .where(DIGESTS.c.digest != NO_DIGEST)
            .group_by(HELD_DIGESTS.c.tag, TAGS.c.repository, TAGS.c.tag, DIGESTS.c.digest)
            .order_by(first_seen.desc(), TAGS.c.repository, TAGS.c.tag, DIGESTS.c.digest)
        )
        counts: dict[int, int] = defaultdict(int)
        found: list[ImageName] = []
        with self._database.open_for_reading() as connection:
            for batch in split_into_batches(_list_base_tags(connection, repositories)):
                for row in connection.execute(query.where(HELD_DIGESTS.c.tag.in_(batch))):
                    counts[row.tag] += 1
                    if counts[row.tag] <= MAX_HELD_PER_TAG:
                        found.append(_build_reference(row.repository, row.name, row.digest))
        return found

    def list_build_files(self, repositories: Collection[str] = ()) -> Mapping[DockerfileKey, Collection[str]]:
        with self._database.open_for_reading() as connection:
            return read_build_files(connection, repositories)


def read_build_files(
    connection: Connection, repositories: Collection[str] = ()
) -> Mapping[DockerfileKey, Collection[str]]:
    """Return the files from which images are built, as `DatabaseBuildInventory.list_build_files` does."""
    query = (
        select(*BRANCH_KEY_COLUMNS, IMAGE_REFERENCES.c.path, TAGS.c.repository.label("image"))
        .select_from(_REFERENCES.join(TAGS, TAGS.c.id == IMAGE_REFERENCES.c.tag))
        .where(_IS_BUILD_FILE)
        .distinct()
    )
    files: dict[DockerfileKey, set[str]] = defaultdict(set)
    for row in _read_of_repositories(connection, query, repositories):
        key = BranchKey(row.forge, row.host, row.repository, row.base_branch)
        files[key, row.path].add(row.image)
    return files


def _list_base_tags(connection: Connection, repositories: Collection[str]) -> list[int]:
    query = select(IMAGE_REFERENCES.c.tag).select_from(_REFERENCES).where(_IS_BUILD_FILE).distinct()
    return sorted({row.tag for row in _read_of_repositories(connection, query, repositories)})


def _read_of_repositories(
    connection: Connection, query: Select[Any], repositories: Collection[str]
) -> Iterator[Row[Any]]:
    """Yield the rows of a query on `BRANCHES` for some git repositories, or for all if `repositories` is empty."""
    conditions: list[ColumnElement[bool]] = [true()]
    if repositories:
        conditions = [BRANCHES.c.repository.in_(batch) for batch in split_into_batches(sorted(repositories))]
    for condition in conditions:
        yield from connection.execute(query.where(condition))


def _build_reference(repository: str, tag: str, digest: str) -> ImageName:
    return ImageName(repository, None if tag == NO_TAG else tag, None if digest == NO_DIGEST else Digest(digest))
