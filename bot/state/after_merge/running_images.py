"""The store of the images that run in clusters, in a database.

There is one row for each image that a container of a workload ran. It ends when a reading of the cluster no longer
finds the image, and continues if a later reading finds it again. The number of rows is therefore that of the images,
however often the pods of a CronJob come and go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from bot.model.image_name import Digest, TagRef, parse_sha256
from bot.model.workload import (
    ClusterOutcome,
    ClusterProblem,
    ClusterReading,
    RunningImage,
    StoredCluster,
    StoredRunningImage,
    UnreadCluster,
    Workload,
)
from bot.state.database import Database
from bot.state.inventory.rows import RowNumbers
from bot.state.tables import LONGEST_RUN, TAGS_KEPT, UtcDateTime, make_storable, write_rows
from bot.state.tables.after_merge import CLUSTERS, RUNNING_IMAGES
from bot.state.tables.inventory import DIGESTS, NO_DIGEST, NO_TAG, TAGS

_KEY = ("namespace", "workload_kind", "workload", "container", "tag", "digest")
"""The columns that identify an image of a container in a cluster."""


class DatabaseRunningImages:
    """Implements `bot.inventory_ports.RunningImageStore`. Several threads and processes can use the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_clusters(self, outcomes: Iterable[ClusterOutcome], at: datetime) -> None:
        """Store the outcomes of reading clusters at the time `at`. An outcome is left out if there is a later one."""
        by_name = {each.cluster: each for each in outcomes}
        if not by_name:
            return
        with self._database.open_for_writing() as connection:
            rows = _find_clusters(connection)
            current = [each for each in by_name.values() if not _is_later(rows.get(each.cluster), at)]
            write_rows(connection, CLUSTERS, [_build_row(each, rows, at) for each in current], ("name",))
            rows = _find_clusters(connection)
            numbers = RowNumbers(connection)
            for each in current:
                match each:
                    case ClusterReading():
                        _write_images(connection, numbers, rows[each.cluster].id, each, at)
                    case UnreadCluster():
                        pass
            _delete_old_rows(connection, at)

    def load_clusters(self) -> tuple[StoredCluster, ...]:
        with self._database.open_for_reading() as connection:
            clusters = _find_clusters(connection)
            names = {row.id: name for name, row in clusters.items()}
            images: Mapping[str, list[StoredRunningImage]] = defaultdict(list)
            for row in _read_images(connection):
                if (name := names.get(row.cluster)) is not None:
                    images[name].append(_parse_image(row, name))
        return tuple(
            StoredCluster(name, row.read_at, _parse_failure(row), tuple(sorted(images[name], key=_get_sort_key)))
            for name, row in sorted(clusters.items())
        )


def _find_clusters(connection: Connection) -> dict[str, Row[Any]]:
    return {row.name: row for row in connection.execute(select(CLUSTERS))}


def _is_later(row: Row[Any] | None, at: datetime) -> bool:
    """Return True if a run that started later has read the cluster, unless its clock must be wrong."""
    return row is not None and row.read_at is not None and at < row.read_at <= at + LONGEST_RUN


def _build_row(outcome: ClusterOutcome, rows: Mapping[str, Row[Any]], at: datetime) -> dict[str, Any]:
    match outcome:
        case ClusterReading(cluster):
            return {"name": cluster, "read_at": at, "problem": None, "detail": ""}
        case UnreadCluster(cluster, problem, detail):
            read_at = rows[cluster].read_at if cluster in rows else None
            return {"name": cluster, "read_at": read_at, "problem": problem.value, "detail": detail}


def _write_images(
    connection: Connection, numbers: RowNumbers, cluster: int, reading: ClusterReading, at: datetime
) -> None:
    """Write what a reading found: new rows, the rows that continue, and the end of those that it did not find."""
    numbers.add_tags({_get_tag_ref(each) for each in reading.images})
    numbers.add_digests({each.digest or Digest(NO_DIGEST) for each in reading.images})
    stored = _find_images(connection, cluster)
    new, continued = [], []
    for each in reading.images:
        key = _get_key(each, numbers)
        values = {"pods": each.pods, "since": each.since}
        if (row := stored.pop(key, None)) is not None:
            continued.append({"of": row.id, **{f"new_{name}": value for name, value in values.items()}})
        else:
            new.append({"cluster": cluster, **dict(zip(_KEY, key, strict=True)), **values, "first_seen_at": at})
    ended = [{"of": row.id, "at": at} for row in stored.values() if row.ended_at is None]
    is_same = RUNNING_IMAGES.c.id == bindparam("of")
    if new:
        connection.execute(insert(RUNNING_IMAGES), new)
    if continued:
        since = bindparam("new_since", type_=UtcDateTime)
        change = update(RUNNING_IMAGES).where(is_same).values(pods=bindparam("new_pods"), since=since, ended_at=None)
        connection.execute(change, continued)
    if ended:
        end = {"ended_at": bindparam("at", type_=UtcDateTime)}
        connection.execute(update(RUNNING_IMAGES).where(is_same).values(end), ended)


def _find_images(connection: Connection, cluster: int) -> dict[tuple[Any, ...], Row[Any]]:
    """Return the rows of a cluster by their keys."""
    rows = connection.execute(select(RUNNING_IMAGES).where(RUNNING_IMAGES.c.cluster == cluster))
    return {tuple(row._mapping[name] for name in _KEY): row for row in rows}  # noqa: SLF001 - the documented name


def _get_tag_ref(image: RunningImage) -> TagRef:
    return TagRef(image.repository, image.tag or NO_TAG)


def _get_key(image: RunningImage, numbers: RowNumbers) -> tuple[Any, ...]:
    workload = image.workload
    return (
        *map(make_storable, (workload.namespace, workload.kind, workload.name, image.container)),
        numbers.get_tag_id(_get_tag_ref(image)),
        numbers.get_digest_id(image.digest or Digest(NO_DIGEST)),
    )


def _read_images(connection: Connection) -> Iterator[Row[Any]]:
    query = (
        select(
            *(RUNNING_IMAGES.c[name] for name in ("cluster", "namespace", "workload_kind", "workload", "container")),
            *(TAGS.c.repository, TAGS.c.tag, DIGESTS.c.digest),
            *(RUNNING_IMAGES.c[name] for name in ("pods", "since", "first_seen_at", "ended_at")),
        )
        .join(TAGS, TAGS.c.id == RUNNING_IMAGES.c.tag)
        .join(DIGESTS, DIGESTS.c.id == RUNNING_IMAGES.c.digest)
    )
    return connection.execute(query)


def _parse_image(row: Row[Any], cluster: str) -> StoredRunningImage:
    workload = Workload(cluster, row.namespace, row.workload_kind, row.workload)
    digest = parse_sha256(row.digest)
    image = RunningImage(workload, row.container, row.repository, row.tag or None, digest, row.pods, row.since)
    return StoredRunningImage(image, row.first_seen_at, row.ended_at)


def _parse_failure(row: Row[Any]) -> UnreadCluster | None:
    """Return the failure in a row of a cluster. A word that this release does not know counts as `INVALID_ANSWER`."""
    if row.problem is None:
        return None
    known = set(ClusterProblem)
    problem = ClusterProblem(row.problem) if row.problem in known else ClusterProblem.INVALID_ANSWER
    return UnreadCluster(row.name, problem, row.detail)


def _get_sort_key(stored: StoredRunningImage) -> tuple[Any, ...]:
    image = stored.image
    return image.workload, image.container, image.repository, image.tag or "", image.digest or ""


def _delete_old_rows(connection: Connection, at: datetime) -> None:
    """Delete images that ended long ago, and clusters that were read long ago, with their images."""
    too_old = at - TAGS_KEPT
    connection.execute(delete(RUNNING_IMAGES).where(RUNNING_IMAGES.c.ended_at < too_old))
    old_clusters = select(CLUSTERS.c.id).where(CLUSTERS.c.read_at < too_old)
    connection.execute(delete(RUNNING_IMAGES).where(RUNNING_IMAGES.c.cluster.in_(old_clusters)))
    connection.execute(delete(CLUSTERS).where(CLUSTERS.c.read_at < too_old))
