"""The images that base branches and containers use, according to the state."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Select, and_, func, select

from bot.model.evidence import ScannerIdentity
from bot.model.exposed_images import ExposureCoverage, ImageInUse, StoredScan
from bot.model.image import CachedManifest
from bot.model.image_name import DEFAULT_TAG, Digest, TagRef, parse_sha256
from bot.state.documents import parse_document
from bot.state.tables import MANIFESTS, TAG_DESCRIPTORS, split_into_batches
from bot.state.tables.after_merge import RUNNING_IMAGES
from bot.state.tables.exposure import KNOWN_IMAGES
from bot.state.tables.inventory import DIGESTS, IMAGE_REFERENCES, NO_DIGEST, TAGS

_MANIFEST_ADAPTER = TypeAdapter(CachedManifest)


def list_images_in_use(connection: Connection) -> list[ImageInUse]:
    """Return the images in use, sorted by digest, each under one of its tags, with its scans."""
    in_files = _find_pinned(connection) | _find_followed(connection)
    running = _find_running(connection)
    scans = _load_scans(connection)
    other_digests = running.keys() - in_files.keys()
    has_unknown = bool(other_digests - scans.keys())  # reading all manifests takes a second for 20,000 images
    parents = find_parents(connection, in_files) if has_unknown else {}
    images = {**{each: running[each] for each in other_digests if each not in parents}, **in_files}
    return [ImageInUse(images[each], each, tuple(scans.get(each, ()))) for each in sorted(images)]


def list_newest_images(connection: Connection) -> list[ImageInUse]:
    """Return the newest digest of each tag in files, sorted by digest, each under one of its tags, with its scans."""
    newest, scans = _find_newest(connection), _load_scans(connection)
    return [ImageInUse(newest[each], each, tuple(scans.get(each, ()))) for each in sorted(newest)]


def measure_coverage(images: Collection[ImageInUse]) -> ExposureCoverage:
    """Return how many of the images in use are known, and the reasons of failed scans of the others."""
    matched = [times for each in images if (times := [scan.matched_at for scan in each.scans if scan.matched_at])]
    unmatched = (each for each in images if not any(scan.matched_at for scan in each.scans))
    # If the platforms of an image have several reasons, one of them counts.
    reasons = (max((scan.reason for scan in each.scans if scan.reason), default=None) for each in unmatched)
    oldest = min((min(times) for times in matched), default=None)
    counts = Counter(reason for reason in reasons if reason is not None)
    return ExposureCoverage(len(images), len(matched), oldest, counts)


def _find_pinned(connection: Connection) -> dict[Digest, TagRef]:
    """Return the digests in files, each with one of its tags."""
    pinned = (
        select(IMAGE_REFERENCES.c.digest, func.min(IMAGE_REFERENCES.c.tag).label("tag"))
        .group_by(IMAGE_REFERENCES.c.digest)
        .subquery()
    )
    query = (
        select(DIGESTS.c.digest, TAGS.c.repository, TAGS.c.tag)
        .select_from(pinned)
        .join(DIGESTS, DIGESTS.c.id == pinned.c.digest)
        .join(TAGS, TAGS.c.id == pinned.c.tag)
        .where(DIGESTS.c.digest != NO_DIGEST)
    )
    return _read_tags(connection, query)


def _find_followed(connection: Connection) -> dict[Digest, TagRef]:
    """Return the digests to which the tags of references without a digest pointed at their last lookup."""
    return _read_tags(connection, _select_newest().where(DIGESTS.c.digest == NO_DIGEST))


def _find_newest(connection: Connection) -> dict[Digest, TagRef]:
    """Return the digests to which the tags of all references pointed at their last lookup."""
    return _read_tags(connection, _select_newest())


def _select_newest() -> Select[Any]:
    is_same = and_(TAGS.c.repository == TAG_DESCRIPTORS.c.repository, TAGS.c.tag == TAG_DESCRIPTORS.c.tag)
    return (
        select(TAG_DESCRIPTORS.c.digest, TAGS.c.repository, TAGS.c.tag)
        .distinct()
        .select_from(DIGESTS)
        .join(IMAGE_REFERENCES, IMAGE_REFERENCES.c.digest == DIGESTS.c.id)
        .join(TAGS, TAGS.c.id == IMAGE_REFERENCES.c.tag)
        .join(TAG_DESCRIPTORS, is_same)
        .order_by(TAGS.c.repository, TAGS.c.tag)
    )


def find_parents(connection: Connection, digests: Collection[Digest]) -> Mapping[Digest, Digest]:
    """Return each digest, and the digest of each image in an index among `digests`, with the digest itself as value."""
    found: dict[Digest, Digest] = {}
    for batch in split_into_batches(sorted(set(digests))):
        for row in connection.execute(select(MANIFESTS).where(MANIFESTS.c.digest.in_(batch))):
            if (cached := parse_document(_MANIFEST_ADAPTER, row.document)) is not None:
                found |= {child.digest: Digest(row.digest) for child in cached.manifest.children}
    return found | {digest: digest for digest in digests}


def _find_running(connection: Connection) -> dict[Digest, TagRef]:
    query = (
        select(DIGESTS.c.digest, TAGS.c.repository, TAGS.c.tag)
        .distinct()
        .select_from(RUNNING_IMAGES)
        .join(DIGESTS, DIGESTS.c.id == RUNNING_IMAGES.c.digest)
        .join(TAGS, TAGS.c.id == RUNNING_IMAGES.c.tag)
        .where(RUNNING_IMAGES.c.ended_at.is_(None), DIGESTS.c.digest != NO_DIGEST)
        .order_by(TAGS.c.repository, TAGS.c.tag)
    )
    return _read_tags(connection, query)


def _read_tags(connection: Connection, query: Select[Any]) -> dict[Digest, TagRef]:
    tags: dict[Digest, TagRef] = {}
    for row in connection.execute(query):
        if (digest := parse_sha256(row.digest)) is not None:  # another program may have damaged the state
            tags.setdefault(digest, TagRef(row.repository, row.tag or DEFAULT_TAG))
    return tags


def _load_scans(connection: Connection) -> Mapping[Digest, list[StoredScan]]:
    names = ("platform", "scanner", "scanner_version", "database_built", "is_private", "release", "matched_at")
    columns = (*(KNOWN_IMAGES.c[name] for name in names), KNOWN_IMAGES.c.reason, KNOWN_IMAGES.c.unscanned_at)
    query = (
        select(DIGESTS.c.digest, *columns)
        .join(DIGESTS, DIGESTS.c.id == KNOWN_IMAGES.c.digest)
        .order_by(KNOWN_IMAGES.c.platform, KNOWN_IMAGES.c.scanner, KNOWN_IMAGES.c.is_private)
    )
    scans: dict[Digest, list[StoredScan]] = defaultdict(list)
    for row in connection.execute(query):
        scanner = ScannerIdentity(row.scanner, row.scanner_version, row.database_built)
        failed_at = row.unscanned_at if row.reason is not None else None
        scans[Digest(row.digest)].append(
            StoredScan(row.platform, scanner, row.is_private, row.release, row.matched_at, failed_at, row.reason)
        )
    return scans
