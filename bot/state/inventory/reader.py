"""Answers questions about a fleet from the inventory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, true

from bot.model.fleet_history import FleetHistory
from bot.model.image_name import DEFAULT_TAG, Digest, ImageName, TagRef
from bot.model.inventory import BranchKey
from bot.model.proposal import DeclineScope, RequestState
from bot.model.usage import DeclinedRequest, ImageUsage, InventoryCoverage, RequestLink
from bot.model.vocabulary import UPDATABLE_STATUSES
from bot.state.database import Database
from bot.state.documents import parse_texts
from bot.state.inventory.history import read_image_history, read_patch_history, read_repository_history
from bot.state.inventory.rows import parse_decline_scope
from bot.state.tables import TAG_DESCRIPTORS, split_into_batches
from bot.state.tables.inventory import (
    BRANCHES,
    DIGESTS,
    HELD_DIGESTS,
    IMAGE_REFERENCES,
    NO_DIGEST,
    NO_TAG,
    REQUESTS,
    TAGS,
)

_ANY_TAG = "*"
"""The key of requests that change a tag, or that are about all tags. It is not a valid tag."""


@dataclass(slots=True)
class _TagRequests:
    """The pull requests that update a tag in a base branch."""

    open: list[RequestLink] = field(default_factory=list)
    declined: DeclinedRequest | None = None


_Requests = dict[tuple[int, str], _TagRequests]
"""Requests by the number of the branch and the tag that they update."""


class DatabaseInventoryReader:
    """Implements `bot.inventory_ports.InventoryReader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_usages(self, image: ImageName) -> Sequence[ImageUsage]:
        with self._database.open_for_reading() as connection:
            rows = list(connection.execute(_select_usages(image)))
            requests = _load_requests(connection, image)
        usages = [_build_usage(row, requests) for row in rows]
        return sorted(usages, key=_get_sort_key)

    def list_repositories(self, digest: Digest) -> Sequence[str]:
        query = (
            select(TAGS.c.repository)
            .distinct()
            .join(IMAGE_REFERENCES, IMAGE_REFERENCES.c.tag == TAGS.c.id)
            .join(DIGESTS, DIGESTS.c.id == IMAGE_REFERENCES.c.digest)
            .where(DIGESTS.c.digest == digest)
            .order_by(TAGS.c.repository)
        )
        with self._database.open_for_reading() as connection:
            return [row.repository for row in connection.execute(query)]

    def list_pointing_tags(self, digest: Digest) -> Mapping[TagRef, datetime]:
        columns = (TAG_DESCRIPTORS.c.repository, TAG_DESCRIPTORS.c.tag, TAG_DESCRIPTORS.c.looked_up_at)
        query = select(*columns).where(TAG_DESCRIPTORS.c.digest == digest).order_by(*columns[:2])
        with self._database.open_for_reading() as connection:
            return {TagRef(row.repository, row.tag): row.looked_up_at for row in connection.execute(query)}

    def load_coverage(self) -> InventoryCoverage:
        times = (BRANCHES.c.read_at, BRANCHES.c.first_read_at, BRANCHES.c.seen_at)
        unread = func.count().filter(BRANCHES.c.has_unread_files)
        earliest, latest = (func.min(each) for each in times), (func.max(each) for each in times)
        with self._database.open_for_reading() as connection:
            count, unread_count, *found = connection.execute(select(func.count(), unread, *earliest, *latest)).one()
        return InventoryCoverage(count, unread_count, *found[:2])

    def load_repository_history(self, repository: str) -> FleetHistory:
        with self._database.open_for_reading() as connection:
            return read_repository_history(connection, repository)

    def load_image_history(self, image: ImageName) -> FleetHistory:
        with self._database.open_for_reading() as connection:
            return read_image_history(connection, image)

    def load_patch_history(self, since: datetime) -> FleetHistory:
        """Return the history of base branches with pull requests that fix vulnerabilities and ended after `since`."""
        with self._database.open_for_reading() as connection:
            return read_patch_history(connection, since)


def _get_sort_key(usage: ImageUsage) -> tuple[str | int, ...]:
    """Return the position of a usage. Comparing texts is many times as fast as comparing keys of branches."""
    key = usage.key
    return key.forge, key.host, key.repository, key.base_branch, usage.path, usage.line_number


def _select_usages(image: ImageName) -> Select[Any]:
    is_held = and_(
        HELD_DIGESTS.c.branch == IMAGE_REFERENCES.c.branch,
        HELD_DIGESTS.c.tag == IMAGE_REFERENCES.c.tag,
        HELD_DIGESTS.c.digest == IMAGE_REFERENCES.c.digest,
        HELD_DIGESTS.c.ended_at.is_(None),
    )
    columns = (
        *(BRANCHES.c[name] for name in ("forge", "host", "repository", "base_branch")),
        *(BRANCHES.c[name] for name in ("first_read_at", "read_at", "seen_at")),
        *(IMAGE_REFERENCES.c[name] for name in ("path", "line_number", "format", "written", "status", "reason")),
        IMAGE_REFERENCES.c.branch,
        IMAGE_REFERENCES.c.owners,
        TAGS.c.tag,
        DIGESTS.c.digest,
        HELD_DIGESTS.c.first_seen,
    )
    return (
        select(*columns)
        .select_from(TAGS)
        .join(IMAGE_REFERENCES, IMAGE_REFERENCES.c.tag == TAGS.c.id)
        .join(DIGESTS, DIGESTS.c.id == IMAGE_REFERENCES.c.digest)
        .join(BRANCHES, BRANCHES.c.id == IMAGE_REFERENCES.c.branch)
        .outerjoin(HELD_DIGESTS, is_held)
        .where(TAGS.c.repository == image.repository, _is_tag(image.tag), _is_digest(image.digest))
    )


def _is_tag(tag: str | None) -> ColumnElement[bool]:
    if tag is None:
        return true()
    if tag != DEFAULT_TAG:
        return TAGS.c.tag == tag
    return or_(TAGS.c.tag == tag, and_(TAGS.c.tag == NO_TAG, DIGESTS.c.digest == NO_DIGEST))


def _is_digest(digest: Digest | None) -> ColumnElement[bool]:
    return true() if digest is None else DIGESTS.c.digest == digest


def _load_requests(connection: Connection, image: ImageName) -> _Requests:
    """Return the open and the declined pull requests that update an image, in the branches that use it with any tag.

    A request that writes a tag that the branch does not use yet changes another tag. It belongs to all tags for which
    there is no other request.
    """
    uses = (
        select(IMAGE_REFERENCES.c.branch, TAGS.c.tag)
        .join(TAGS, TAGS.c.id == IMAGE_REFERENCES.c.tag)
        .where(TAGS.c.repository == image.repository)
    )
    users = uses.with_only_columns(IMAGE_REFERENCES.c.branch)
    is_open = REQUESTS.c.state == RequestState.OPEN.value
    is_shown = (or_(is_open, REQUESTS.c.declines.is_not(None)), REQUESTS.c.branch.in_(users))
    names = ("branch", "targets", "number", "url", "opened_at", "ended_at", "state", "declines")
    requests: _Requests = defaultdict(_TagRequests)
    for row in connection.execute(select(*(REQUESTS.c[name] for name in names)).where(*is_shown)):
        for tag in _list_updated_tags(row, image):
            _add_request(requests[row.branch, tag], row)
    used_tags: dict[int, set[str]] = defaultdict(set)
    for batch in split_into_batches(sorted({branch for branch, _ in requests})):
        for branch, tag in connection.execute(uses.where(IMAGE_REFERENCES.c.branch.in_(batch))):
            used_tags[branch].add(tag)
    for branch, tag in list(requests):
        if tag not in used_tags[branch] and tag != _ANY_TAG:
            moved, others = requests.pop((branch, tag)), requests[branch, _ANY_TAG]
            others.open += moved.open
            others.declined = others.declined or moved.declined
    return requests


def _list_updated_tags(row: Row[Any], image: ImageName) -> set[str]:
    """Return the tags of an image that a request updates."""
    if parse_decline_scope(row.declines) is DeclineScope.REPOSITORY:
        return {_ANY_TAG}
    names = (target.rpartition("@")[0].rpartition(":") for target in parse_texts(row.targets))
    return {tag for repository, _, tag in names if repository == image.repository}


def _add_request(requests: _TagRequests, row: Row[Any]) -> None:
    link, scope = RequestLink(row.number, row.url, row.opened_at), parse_decline_scope(row.declines)
    if row.state == RequestState.OPEN.value:
        requests.open.append(link)
    elif scope is not None:
        requests.declined = DeclinedRequest(link, row.ended_at, scope)


def _build_usage(row: Row[Any], requests: _Requests) -> ImageUsage:
    since = row.first_seen or row.read_at
    exact, others = requests.get((row.branch, row.tag)), requests.get((row.branch, _ANY_TAG))
    found = [each for each in (exact, others) if each is not None]
    open_requests = next((each.open for each in found if each.open), ())
    is_declined = row.status in UPDATABLE_STATUSES and not open_requests
    return ImageUsage(
        key=BranchKey(row.forge, row.host, row.repository, row.base_branch),
        path=row.path,
        line_number=row.line_number,
        format=row.format,
        written=row.written,
        tag=row.tag or None,
        digest=Digest(row.digest) if row.digest else None,
        status=row.status,
        reason=row.reason,
        owners=tuple(row.owners.split()),
        since=since,
        is_since_first_visit=since <= row.first_read_at,
        read_at=row.read_at,
        seen_at=row.seen_at,
        requests=tuple(open_requests),
        declined=next((each.declined for each in found if each.declined), None) if is_declined else None,
    )
