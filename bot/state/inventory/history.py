"""Read from the inventory which digests base branches held, and which pull requests basebump opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, or_, select

from bot.model.due_date import DueClass, DueUntil
from bot.model.fleet_history import BranchRequest, FleetHistory, HeldDigest
from bot.model.history import TagObservation
from bot.model.image_name import Digest, ImageName, TagRef
from bot.model.inventory import BranchKey, StoredRequest
from bot.model.proposal import ClosedBy, RequestState
from bot.state.documents import parse_counts, parse_texts
from bot.state.inventory.rows import parse_ci, parse_decline_scope
from bot.state.tables import TAG_OBSERVATIONS, split_into_batches
from bot.state.tables.inventory import (
    BRANCH_KEY_COLUMNS,
    BRANCHES,
    DIGESTS,
    HELD_DIGESTS,
    IMAGE_REFERENCES,
    REQUESTS,
    TAGS,
)


def read_repository_history(connection: Connection, repository: str) -> FleetHistory:
    """Return the history of all base branches of the repositories with this name, on any forge."""
    is_repository = BRANCHES.c.repository == repository
    return read_fleet_history(connection, is_repository, is_repository)


def read_image_history(connection: Connection, image: ImageName) -> FleetHistory:
    """Return the history of an image in all base branches; only that of its tag if `image` has a tag."""
    is_image = TAGS.c.repository == image.repository
    spans = select(HELD_DIGESTS.c.branch).join(TAGS, TAGS.c.id == HELD_DIGESTS.c.tag).where(is_image)
    if image.tag is not None:
        is_image &= TAGS.c.tag == image.tag
    return read_fleet_history(connection, is_image, BRANCHES.c.id.in_(spans))


def read_patch_history(connection: Connection, since: datetime) -> FleetHistory:
    """Return the history of all base branches with a pull request that fixes vulnerabilities and ended after `since`.

    Open requests count, too. Spans that ended before are left out, as well as other requests.
    """
    is_recent = or_(REQUESTS.c.ended_at >= since, REQUESTS.c.state == RequestState.OPEN.value)
    is_fixing = REQUESTS.c.fixes.is_not(None) & is_recent
    branches = BRANCHES.c.id.in_(select(REQUESTS.c.branch).where(is_fixing))
    is_held = branches & or_(HELD_DIGESTS.c.ended_at.is_(None), HELD_DIGESTS.c.ended_at >= since)
    return read_fleet_history(connection, is_held, is_fixing, has_owners=True)


def read_image_requests(
    connection: Connection, repositories: Collection[str], since: datetime
) -> Iterator[BranchRequest]:
    """Yield the pull requests into all base branches that ever used one of these image repositories.

    Requests that were opened before `since` are left out.
    """
    columns = [column for column in REQUESTS.c if column is not REQUESTS.c.branch]
    for batch in split_into_batches(sorted(repositories)):
        users = (
            select(HELD_DIGESTS.c.branch)
            .join(TAGS, TAGS.c.id == HELD_DIGESTS.c.tag)
            .where(TAGS.c.repository.in_(batch))
        )
        is_recent = or_(REQUESTS.c.opened_at.is_(None), REQUESTS.c.opened_at >= since)
        yield from _read_requests(
            connection,
            select(*BRANCH_KEY_COLUMNS, *columns)
            .join(BRANCHES, BRANCHES.c.id == REQUESTS.c.branch)
            .where(REQUESTS.c.branch.in_(users), is_recent),
        )


def read_open_requests(connection: Connection, repositories: Collection[str]) -> Iterator[BranchRequest]:
    """Yield the open pull requests into all base branches that use one of these image repositories."""
    columns = [column for column in REQUESTS.c if column is not REQUESTS.c.branch]
    for batch in split_into_batches(sorted(repositories)):
        users = (
            select(IMAGE_REFERENCES.c.branch)
            .join(TAGS, TAGS.c.id == IMAGE_REFERENCES.c.tag)
            .where(TAGS.c.repository.in_(batch))
        )
        yield from _read_requests(
            connection,
            select(*BRANCH_KEY_COLUMNS, *columns)
            .join(BRANCHES, BRANCHES.c.id == REQUESTS.c.branch)
            .where(REQUESTS.c.state == RequestState.OPEN.value, REQUESTS.c.branch.in_(users)),
        )


def read_fleet_history(
    connection: Connection, spans: ColumnElement[bool], requests: ColumnElement[bool], *, has_owners: bool = False
) -> FleetHistory:
    """Return the spans and the pull requests for which the conditions hold, and the observations of their images."""
    span_rows = list(connection.execute(_select_spans(spans)))
    owners = _read_owners(connection, {row.branch for row in span_rows}) if has_owners else {}
    held = tuple(_build_held(row, owners) for row in span_rows)
    columns = (column for column in REQUESTS.c if column is not REQUESTS.c.branch)
    select_requests = (
        select(*BRANCH_KEY_COLUMNS, *columns)
        .join(BRANCHES, BRANCHES.c.id == REQUESTS.c.branch)
        .where(requests)
        .order_by(REQUESTS.c.branch, REQUESTS.c.number)
    )
    found = tuple(_read_requests(connection, select_requests))
    return FleetHistory(held, found, tuple(_read_observations(connection, {each.repository for each in held})))


def _select_spans(condition: ColumnElement[bool]) -> Select[Any]:
    columns = (
        TAGS.c.repository.label("image"),
        TAGS.c.tag,
        DIGESTS.c.digest,
        HELD_DIGESTS.c.first_seen,
        HELD_DIGESTS.c.ended_at,
    )
    return (
        select(
            *BRANCH_KEY_COLUMNS,
            BRANCHES.c.first_read_at,
            HELD_DIGESTS.c.branch,
            HELD_DIGESTS.c.tag.label("tag_id"),
            *columns,
        )
        .join(BRANCHES, BRANCHES.c.id == HELD_DIGESTS.c.branch)
        .join(TAGS, TAGS.c.id == HELD_DIGESTS.c.tag)
        .join(DIGESTS, DIGESTS.c.id == HELD_DIGESTS.c.digest)
        .where(condition)
    )


def _read_owners(connection: Connection, branches: Collection[int]) -> Mapping[tuple[int, int], set[str]]:
    """Return the owners of the files that contain a tag now, by the numbers of the branch and the tag."""
    owners: dict[tuple[int, int], set[str]] = defaultdict(set)
    columns = (IMAGE_REFERENCES.c.branch, IMAGE_REFERENCES.c.tag, IMAGE_REFERENCES.c.owners)
    for batch in split_into_batches(sorted(branches)):
        is_owned = (IMAGE_REFERENCES.c.branch.in_(batch), IMAGE_REFERENCES.c.owners != "")
        for branch, tag, text in connection.execute(select(*columns).where(*is_owned).distinct()):
            owners[branch, tag].update(text.split())
    return owners


def _read_observations(connection: Connection, repositories: Collection[str]) -> Iterator[TagObservation]:
    for batch in split_into_batches(sorted(repositories)):
        rows = connection.execute(
            select(TAG_OBSERVATIONS)
            .where(TAG_OBSERVATIONS.c.repository.in_(batch))
            .order_by(TAG_OBSERVATIONS.c.repository, TAG_OBSERVATIONS.c.tag, TAG_OBSERVATIONS.c.ordinal),
        )
        for row in rows:
            tag_ref = TagRef(row.repository, row.tag)
            yield TagObservation(tag_ref, Digest(row.digest), row.first_seen, row.last_seen)


def _build_held(row: Row[Any], owners: Mapping[tuple[int, int], set[str]]) -> HeldDigest:
    return HeldDigest(
        key=BranchKey(row.forge, row.host, row.repository, row.base_branch),
        repository=row.image,
        tag=row.tag or None,
        digest=Digest(row.digest) if row.digest else None,
        since=row.first_seen,
        is_since_first_visit=row.first_seen <= row.first_read_at,
        ended_at=row.ended_at,
        owners=tuple(sorted(owners.get((row.branch, row.tag_id), ()))),
    )


def _read_requests(connection: Connection, query: Select[Any]) -> Iterator[BranchRequest]:
    yield from map(build_request, connection.execute(query))


def build_request(row: Row[Any]) -> BranchRequest:
    request = StoredRequest(
        branch=row.head_branch,
        number=row.number,
        state=RequestState(row.state),
        targets=parse_texts(row.targets),
        url=row.url,
        opened_at=row.opened_at,
        ended_at=row.ended_at,
        closed_by=ClosedBy(row.closed_by) if row.closed_by in set(ClosedBy) else None,
        declines=parse_decline_scope(row.declines),
        fixes=parse_counts(row.fixes) if row.fixes is not None else None,
        head=row.head,
        ci=parse_ci(row.ci),
        base_ci=parse_ci(row.base_ci),
        due_at=row.due_at,
        due_for=DueClass(row.due_for) if row.due_for in set(DueClass) else None,
        due_until=DueUntil(row.due_until) if row.due_until in set(DueUntil) else DueUntil.MERGED,
        fix_published_at=row.fix_published_at,
    )
    return BranchRequest(BranchKey(row.forge, row.host, row.repository, row.base_branch), request)
