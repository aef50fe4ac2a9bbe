"""Delete images that are no longer used, packages that no image has, and old history."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, select

from bot.state.tables import TAGS_KEPT, UtcDateTime, split_into_batches
from bot.state.tables.after_merge import RUNNING_IMAGES
from bot.state.tables.exposure import (
    FINDINGS,
    IMAGE_PACKAGES,
    KNOWN_IMAGES,
    PACKAGE_SCOPES,
    PACKAGES,
    SUPPRESSED_FINDINGS,
    VULNERABILITIES,
)
from bot.state.tables.inventory import HELD_DIGESTS, IMAGE_REFERENCES

UNUSED_IMAGES_KEPT = timedelta(days=30)
"""How long an image is kept that no base branch and no cluster uses or used. Scanning it again every month costs less
than keeping the newest image of every tag that was ever proposed."""


def prune_exposure(connection: Connection, at: datetime) -> None:
    """Delete images that are no longer used with their packages, and findings that ended long ago.

    An image that a base branch held or a cluster ran is kept as long as the history of that use.
    """
    last_attempt = func.coalesce(KNOWN_IMAGES.c.matched_at, KNOWN_IMAGES.c.unscanned_at)
    unmatched = last_attempt < bindparam("before", at - UNUSED_IMAGES_KEPT, UtcDateTime)
    old_images = dict(connection.execute(select(KNOWN_IMAGES.c.id, KNOWN_IMAGES.c.digest).where(unmatched)).all())
    if old_images:
        used = _find_used_digests(connection, set(old_images.values()))
        _delete_images(connection, [image for image, digest in old_images.items() if digest not in used])
    ended = delete(FINDINGS).where(FINDINGS.c.ended_at < at - TAGS_KEPT)
    if connection.execute(ended).rowcount:
        _delete_unused_vulnerabilities(connection)


def delete_unlinked_packages(connection: Connection, packages: Collection[int]) -> None:
    """Delete those of the packages that no image has, with their findings."""
    for batch in split_into_batches(sorted(packages)):
        linked = select(IMAGE_PACKAGES.c.package).where(IMAGE_PACKAGES.c.package.in_(batch)).distinct()
        unlinked = sorted(set(batch) - set(connection.execute(linked).scalars()))
        if unlinked:
            connection.execute(delete(FINDINGS).where(FINDINGS.c.package.in_(unlinked)))
            connection.execute(delete(PACKAGES).where(PACKAGES.c.id.in_(unlinked)))


def _find_used_digests(connection: Connection, digests: Collection[int]) -> set[int]:
    """Return the numbers of those digests that base branches hold or held, or that clusters ran."""
    used: set[int] = set()
    for batch in split_into_batches(sorted(digests)):
        for column in (HELD_DIGESTS.c.digest, IMAGE_REFERENCES.c.digest, RUNNING_IMAGES.c.digest):
            used.update(connection.execute(select(column).where(column.in_(batch)).distinct()).scalars())
    return used


def _delete_images(connection: Connection, images: Collection[int]) -> None:
    for batch in split_into_batches(sorted(images)):
        is_linked = IMAGE_PACKAGES.c.image.in_(batch)
        packages = connection.execute(select(IMAGE_PACKAGES.c.package).where(is_linked).distinct()).scalars().all()
        connection.execute(delete(IMAGE_PACKAGES).where(is_linked))
        delete_unlinked_packages(connection, packages)
        connection.execute(delete(SUPPRESSED_FINDINGS).where(SUPPRESSED_FINDINGS.c.image.in_(batch)))
        connection.execute(delete(PACKAGE_SCOPES).where(PACKAGE_SCOPES.c.image.in_(batch)))
        connection.execute(delete(KNOWN_IMAGES).where(KNOWN_IMAGES.c.id.in_(batch)))
    if images:
        _delete_unused_vulnerabilities(connection)


def _delete_unused_vulnerabilities(connection: Connection) -> None:
    is_found = select(FINDINGS.c.package).where(FINDINGS.c.vulnerability == VULNERABILITIES.c.id).exists()
    is_suppressed = (
        select(SUPPRESSED_FINDINGS.c.image).where(SUPPRESSED_FINDINGS.c.vulnerability == VULNERABILITIES.c.id).exists()
    )
    connection.execute(delete(VULNERABILITIES).where(~is_found, ~is_suppressed))
