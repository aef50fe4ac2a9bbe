"""The store of the builds of own images, in a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, Select, delete, select

from bot.model.image_name import Digest
from bot.model.own_build import OwnBuild, StoredBuild
from bot.state.database import Database
from bot.state.documents import parse_document, serialise_document
from bot.state.tables import split_into_batches, write_rows
from bot.state.tables.after_merge import OWN_BUILDS

BUILDS_KEPT = timedelta(days=400)
"""How long a build is kept after it was read. A build that is still used is then read again."""
MAX_KEPT = 50
"""Limit of the builds of one image. If there are more, those that were read first are deleted."""

_KEY = ("repository", "digest")
_ADAPTER = TypeAdapter(OwnBuild)


class DatabaseOwnBuilds:
    """Implements `bot.inventory_ports.OwnBuildStore`. Several threads and processes can use the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_builds(self, builds: Iterable[OwnBuild], at: datetime) -> None:
        """Store builds that were read at the time `at`, and delete those that were read long ago or are too many.

        A stored build keeps the time at which it was first read.
        """
        new_builds = {(each.repository, each.digest): each for each in builds}
        if not new_builds:
            return
        repositories = sorted({repository for repository, _ in new_builds})
        with self._database.open_for_writing() as connection:
            read_times = {
                (row.repository, Digest(row.digest)): row.read_at for row in _read_rows(connection, repositories)
            }
            documents = {key: serialise_document(_ADAPTER, build) for key, build in sorted(new_builds.items())}
            rows = [
                {
                    "repository": repository,
                    "digest": digest,
                    "built_at": new_builds[repository, digest].built_at,
                    "read_at": min(read_times.get((repository, digest), at), at),
                    "document": document,
                }
                for (repository, digest), document in documents.items()
                if document is not None
            ]
            write_rows(connection, OWN_BUILDS, rows, _KEY)
            connection.execute(delete(OWN_BUILDS).where(OWN_BUILDS.c.read_at < at - BUILDS_KEPT))
            superfluous = _find_superfluous(connection, repositories)
            for batch in split_into_batches(superfluous):
                connection.execute(delete(OWN_BUILDS).where(OWN_BUILDS.c.id.in_(batch)))

    def load_builds(self, images: Collection[str] | None = None) -> Sequence[StoredBuild]:
        """Return the stored builds of own images, sorted by image and digest; of all images if `images` is None.

        Builds that another release stored with other fields are left out, and are read again.
        """
        with self._database.open_for_reading() as connection:
            rows = list(_read_rows(connection, sorted(images) if images is not None else None))
        builds = [
            StoredBuild(build, row.read_at)
            for row in rows
            if (build := parse_document(_ADAPTER, row.document)) is not None
            and (build.repository, build.digest) == (row.repository, row.digest)
        ]
        return sorted(builds, key=lambda each: (each.build.repository, each.build.digest))


def _find_superfluous(connection: Connection, repositories: Sequence[str]) -> list[int]:
    """Return the numbers of the rows of some images that exceed `MAX_KEPT` for an image."""
    counts: dict[str, int] = defaultdict(int)
    superfluous: list[int] = []
    query = select(OWN_BUILDS.c.id, OWN_BUILDS.c.repository).order_by(OWN_BUILDS.c.read_at.desc(), OWN_BUILDS.c.id)
    for batch in split_into_batches(repositories):
        for row in connection.execute(query.where(OWN_BUILDS.c.repository.in_(batch))):
            counts[row.repository] += 1
            if counts[row.repository] > MAX_KEPT:
                superfluous.append(row.id)
    return superfluous


def _read_rows(connection: Connection, repositories: Sequence[str] | None) -> Iterator[Row[Any]]:
    """Yield the rows of own images; of all images if `repositories` is None."""
    columns = (OWN_BUILDS.c[name] for name in (*_KEY, "read_at", "document"))
    query: Select[Any] = select(*columns)
    if repositories is None:
        yield from connection.execute(query)
        return
    for batch in split_into_batches(repositories):
        yield from connection.execute(query.where(OWN_BUILDS.c.repository.in_(batch)))
