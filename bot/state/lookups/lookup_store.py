"""The results of lookups in a database: observations of tags, and fetched manifests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, and_, delete, func, select

from bot.model.history import TagObservation
from bot.model.image import CachedManifest, TagDescriptor
from bot.model.image_name import Digest, TagRef
from bot.state.database import Database
from bot.state.documents import parse_document, serialise_document
from bot.state.exposure.pruning import prune_exposure
from bot.state.tables import (
    LONGEST_RUN,
    MANIFESTS,
    SUPERSEDED_TAGS,
    TAG_DESCRIPTORS,
    TAG_OBSERVATIONS,
    TAGS_KEPT,
    split_into_batches,
    write_rows,
)

MANIFESTS_KEPT = timedelta(days=90)
"""How long a manifest is kept. Fetching it again every few months costs less than keeping the manifests of images that
are no longer used."""

_MANIFEST_ADAPTER = TypeAdapter(CachedManifest)


class DatabaseLookupStore:
    """Implements `bot.ports.LookupStore`. Several threads and processes can use the same database."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def load_observations(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, tuple[TagObservation, ...]]:
        """Return the observations of each tag, oldest first. Tags without observations are left out."""
        requested_tags, observations = set(tag_refs), defaultdict[TagRef, list[TagObservation]](list)
        order = (TAG_OBSERVATIONS.c.repository, TAG_OBSERVATIONS.c.tag, TAG_OBSERVATIONS.c.ordinal)
        with self._database.open_for_reading() as connection:
            for repositories in split_into_batches(sorted({tag_ref.repository for tag_ref in requested_tags})):
                query = select(TAG_OBSERVATIONS).where(TAG_OBSERVATIONS.c.repository.in_(repositories)).order_by(*order)
                for row in connection.execute(query):
                    if (tag_ref := TagRef(row.repository, row.tag)) in requested_tags:
                        observations[tag_ref].append(_build_observation(row))
        return {tag_ref: tuple(found) for tag_ref, found in observations.items()}

    def load_descriptors(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, TagDescriptor]:
        """Return the last descriptor of each tag. Tags without a stored descriptor are left out."""
        descriptors: dict[TagRef, TagDescriptor] = {}
        with self._database.open_for_reading() as connection:
            for repositories in split_into_batches(sorted({tag_ref.repository for tag_ref in tag_refs})):
                for row in connection.execute(
                    select(TAG_DESCRIPTORS).where(TAG_DESCRIPTORS.c.repository.in_(repositories))
                ):
                    descriptors[TagRef(row.repository, row.tag)] = TagDescriptor(
                        Digest(row.digest), row.media_type, row.etag
                    )
        return {tag_ref: descriptors[tag_ref] for tag_ref in tag_refs if tag_ref in descriptors}

    def record_tags(self, descriptors: Mapping[TagRef, TagDescriptor], at: datetime) -> None:
        """Store the digests that tags pointed to at the time `at`, and delete data that is too old.

        A tag is left out if a parallel run already stored an observation later than `at`. If the older digest were
        stored after the newer one, it would look as if the publisher had rolled the tag back. If the stored observation
        is so much later that the clock of one of the runs must be wrong, the tag is not left out.
        """
        with self._database.open_for_writing() as connection:
            last_rows = _select_last_observations(connection, descriptors)
            new_tags = [
                tag_ref
                for tag_ref in sorted(descriptors)
                if tag_ref not in last_rows or not _is_later(last_rows[tag_ref].last_seen, at)
            ]
            rows = [
                _build_observation_row(tag_ref, descriptors[tag_ref].digest, last_rows.get(tag_ref), at)
                for tag_ref in new_tags
            ]
            write_rows(connection, TAG_OBSERVATIONS, rows)
            write_rows(
                connection,
                TAG_DESCRIPTORS,
                [_build_descriptor_row(tag_ref, descriptors[tag_ref], at) for tag_ref in new_tags],
            )
            _prune(connection, at)

    def load_manifests(self, digests: Collection[Digest]) -> Mapping[Digest, CachedManifest]:
        """Return the stored manifests with these digests. Digests without a stored manifest are left out."""
        manifests: dict[Digest, CachedManifest] = {}
        with self._database.open_for_reading() as connection:
            for batch in split_into_batches(sorted(set(digests))):
                for row in connection.execute(select(MANIFESTS).where(MANIFESTS.c.digest.in_(batch))):
                    manifest = parse_document(_MANIFEST_ADAPTER, row.document)
                    if manifest is not None:
                        manifests[Digest(row.digest)] = manifest
        return manifests

    def save_manifests(self, manifests: Iterable[CachedManifest]) -> None:
        """Store manifests whose digests were verified."""
        documents = {kept.manifest.digest: serialise_document(_MANIFEST_ADAPTER, kept) for kept in manifests}
        at = self._now()
        rows = [{"digest": key, "document": text, "stored_at": at} for key, text in documents.items() if text]
        with self._database.open_for_writing() as connection:
            write_rows(connection, MANIFESTS, rows)


def _build_observation(row: Row[Any]) -> TagObservation:
    return TagObservation(TagRef(row.repository, row.tag), Digest(row.digest), row.first_seen, row.last_seen)


def _select_last_observations(connection: Connection, tag_refs: Collection[TagRef]) -> dict[TagRef, Row[Any]]:
    newest = select(
        TAG_OBSERVATIONS.c.repository, TAG_OBSERVATIONS.c.tag, func.max(TAG_OBSERVATIONS.c.ordinal).label("ordinal")
    ).group_by(TAG_OBSERVATIONS.c.repository, TAG_OBSERVATIONS.c.tag)
    rows: dict[TagRef, Row[Any]] = {}
    for repositories in split_into_batches(sorted({tag_ref.repository for tag_ref in tag_refs})):
        last_ordinals = newest.where(TAG_OBSERVATIONS.c.repository.in_(repositories)).subquery()
        same = and_(*(TAG_OBSERVATIONS.c[name] == last_ordinals.c[name] for name in ("repository", "tag", "ordinal")))
        query = select(TAG_OBSERVATIONS).join(last_ordinals, same)
        for row in connection.execute(query):
            rows[TagRef(row.repository, row.tag)] = row
    return rows


def _is_later(last_seen: datetime, at: datetime) -> bool:
    """Return True if a parallel run that started after `at` stored an observation."""
    return at < last_seen <= at + LONGEST_RUN


def _build_observation_row(tag_ref: TagRef, digest: Digest, last: Row[Any] | None, at: datetime) -> dict[str, Any]:
    """Return the row that records that a tag pointed to `digest` at the time `at`.

    `last` is the row of the tag's last observation, or None if there is none. If `last` has the same digest, return
    this row with its end moved to `at`. Otherwise, return a new row.
    """
    row = {"repository": tag_ref.repository, "tag": tag_ref.tag, "digest": digest, "last_seen": at}
    if last is not None and last.digest == digest:
        return row | {"ordinal": last.ordinal, "first_seen": min(last.first_seen, at)}
    return row | {"ordinal": last.ordinal + 1 if last else 0, "first_seen": at}


def _build_descriptor_row(tag_ref: TagRef, descriptor: TagDescriptor, at: datetime) -> dict[str, Any]:
    return {
        "repository": tag_ref.repository,
        "tag": tag_ref.tag,
        "digest": descriptor.digest,
        "media_type": descriptor.media_type,
        "etag": descriptor.etag,
        "looked_up_at": at,
    }


def _prune(connection: Connection, at: datetime) -> None:
    later = TAG_OBSERVATIONS.alias()
    is_followed = select(later.c.ordinal).where(
        later.c.repository == TAG_OBSERVATIONS.c.repository,
        later.c.tag == TAG_OBSERVATIONS.c.tag,
        later.c.ordinal > TAG_OBSERVATIONS.c.ordinal,
    )
    is_old = TAG_OBSERVATIONS.c.last_seen < at - TAGS_KEPT
    connection.execute(delete(TAG_OBSERVATIONS).where(is_old, is_followed.exists()))
    connection.execute(delete(TAG_DESCRIPTORS).where(TAG_DESCRIPTORS.c.looked_up_at < at - TAGS_KEPT))
    connection.execute(delete(SUPERSEDED_TAGS).where(SUPERSEDED_TAGS.c.checked_at < at - TAGS_KEPT))
    connection.execute(delete(MANIFESTS).where(MANIFESTS.c.stored_at < at - MANIFESTS_KEPT))
    prune_exposure(connection, at)
