"""Lists and searches the inventory for the pages and the API of the service."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, assert_never

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select, true

from bot.model.fleet_overview import (
    BranchSummary,
    ImageOrder,
    ImageSummary,
    ListedEntries,
    ListSection,
    RequestFigures,
    RequestFilter,
    RequestSummary,
)
from bot.model.inventory import BranchKey
from bot.model.patch_times import FixSeverity
from bot.model.proposal import RequestState
from bot.model.vocabulary import UPDATABLE_STATUSES, ReferenceStatus
from bot.state.database import Database
from bot.state.documents import parse_counts, parse_texts
from bot.state.inventory.history import build_request
from bot.state.tables import split_into_batches
from bot.state.tables.inventory import (
    BRANCH_KEY_COLUMNS,
    BRANCHES,
    DIGESTS,
    IMAGE_REFERENCES,
    NO_DIGEST,
    REQUESTS,
    SETTLED_BRANCHES,
    TAGS,
)

_IS_OPEN = REQUESTS.c.state == RequestState.OPEN.value
_IS_OUTDATED = IMAGE_REFERENCES.c.status.in_(sorted(each.value for each in UPDATABLE_STATUSES))
_NO_DIGEST_ID = select(DIGESTS.c.id).where(DIGESTS.c.digest == NO_DIGEST).scalar_subquery()
_COUNTS = (
    func.count().label("reference_count"),
    func.count().filter(_IS_OUTDATED).label("outdated_count"),
    func.count().filter(IMAGE_REFERENCES.c.digest == _NO_DIGEST_ID).label("unpinned_count"),
)
_BLOCKED_COUNT = func.count().filter(IMAGE_REFERENCES.c.status == ReferenceStatus.BLOCKED.value).label("blocked_count")
_NEVER = datetime.max.replace(tzinfo=UTC)
_IN_FLEET = REQUESTS.join(BRANCHES, BRANCHES.c.id == REQUESTS.c.branch).outerjoin(
    SETTLED_BRANCHES, SETTLED_BRANCHES.c.branch == BRANCHES.c.id
)


class DatabaseFleetReader:
    """Lists and searches the inventory. Every method raises StateError.

    Several threads and processes can use the same database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_images(
        self, words: str, section: ListSection, order: ImageOrder = ImageOrder.USE
    ) -> ListedEntries[ImageSummary]:
        """Return the tags whose name contains `words` in any case."""
        name = TAGS.c.repository + ":" + TAGS.c.tag
        is_match = name.icontains(words, autoescape=True) if words else true()
        branches = func.count(IMAGE_REFERENCES.c.branch.distinct()).label("branch_count")
        query = (
            select(TAGS.c.repository, TAGS.c.tag, branches, *_COUNTS, _BLOCKED_COUNT)
            .join(IMAGE_REFERENCES, IMAGE_REFERENCES.c.tag == TAGS.c.id)
            .where(is_match)
            .group_by(TAGS.c.id, TAGS.c.repository, TAGS.c.tag)
        )
        by_name = (TAGS.c.repository, TAGS.c.tag)
        columns = by_name if order is ImageOrder.NAME else (_BLOCKED_COUNT.desc(), branches.desc(), *by_name)
        part = slice(section.offset, section.offset + section.limit)
        with self._database.open_for_reading() as connection:
            fixes = _load_image_fixes(connection)
            if order is ImageOrder.RISK:
                rows = connection.execute(query.order_by(*columns)).all()
                found = sorted((_build_image(row, fixes) for row in rows), key=_get_risk_order)
                return ListedEntries(tuple(found[part]), len(found))
            total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            page = connection.execute(query.order_by(*columns).offset(section.offset).limit(section.limit))
            return ListedEntries(tuple(_build_image(row, fixes) for row in page), total)

    def find_branches(self, words: str, section: ListSection) -> ListedEntries[BranchSummary]:
        """Return the base branches of the repositories whose name contains `words` in any case, sorted by name."""
        is_match = BRANCHES.c.repository.icontains(words, autoescape=True) if words else true()
        order = (BRANCHES.c.repository, BRANCHES.c.base_branch, BRANCHES.c.host, BRANCHES.c.forge)
        ids = select(BRANCHES.c.id).where(is_match).order_by(*order).offset(section.offset).limit(section.limit)
        with self._database.open_for_reading() as connection:
            total = connection.execute(select(func.count()).select_from(BRANCHES).where(is_match)).scalar_one()
            found = _load_branches(connection, connection.execute(ids).scalars().all())
        return ListedEntries(found, total)

    def list_repository_branches(self, forge: str, path: str) -> Sequence[BranchSummary]:
        """Return the base branches of a repository. `path` consists of the host, `/` and the name of the repository."""
        parts = path.split("/")
        names = ["/".join(parts[index:]) for index in range(1, len(parts))]
        is_named = (BRANCHES.c.forge == forge, BRANCHES.c.repository.in_(names))
        is_path = BRANCHES.c.host + "/" + BRANCHES.c.repository == path
        with self._database.open_for_reading() as connection:
            ids = connection.execute(select(BRANCHES.c.id).where(*is_named, is_path)).scalars().all()
            return _load_branches(connection, ids)

    def select_public(self, keys: Collection[BranchKey]) -> frozenset[BranchKey]:
        """Return those of the base branches of which it is known that everyone can read their repositories."""
        public: set[BranchKey] = set()
        is_settled = SETTLED_BRANCHES.c.branch == BRANCHES.c.id
        query = select(*BRANCH_KEY_COLUMNS).join(SETTLED_BRANCHES, is_settled).where(SETTLED_BRANCHES.c.is_public)
        with self._database.open_for_reading() as connection:
            for batch in split_into_batches(sorted({key.repository for key in keys})):
                rows = connection.execute(query.where(BRANCHES.c.repository.in_(batch)))
                public |= {BranchKey(*row) for row in rows}
        return frozenset(public & set(keys))

    def list_requests(
        self, request_filter: RequestFilter, now: datetime, section: ListSection
    ) -> ListedEntries[RequestSummary]:
        """Return pull requests of basebump. The filter determines the order, such as by due date for open ones."""
        columns = [column for column in REQUESTS.c if column is not REQUESTS.c.branch]
        is_listed = _build_condition(request_filter, now)
        query: Select[Any] = select(*BRANCH_KEY_COLUMNS, SETTLED_BRANCHES.c.is_public, *columns)
        query = query.select_from(_IN_FLEET).where(is_listed)
        count = select(func.count()).select_from(REQUESTS).where(is_listed)
        part = slice(section.offset, section.offset + section.limit)
        with self._database.open_for_reading() as connection:
            if request_filter is RequestFilter.FIXES:
                rows = sorted(connection.execute(query).all(), key=_get_fix_order)
                return ListedEntries(_build_listed_requests(rows[part]), len(rows))
            total = connection.execute(count).scalar_one()
            ordered = query.order_by(*_list_order(request_filter)).offset(section.offset).limit(section.limit)
            return ListedEntries(_build_listed_requests(connection.execute(ordered)), total)

    def count_requests(self, now: datetime, since: datetime) -> RequestFigures:
        """Return the numbers of pull requests. `since` is the time from which merged pull requests count."""
        is_merged = and_(REQUESTS.c.state == RequestState.MERGED.value, REQUESTS.c.ended_at >= since)
        with self._database.open_for_reading() as connection:
            merged = connection.execute(select(func.count()).select_from(REQUESTS).where(is_merged)).scalar_one()
            rows = connection.execute(select(REQUESTS.c.due_at, REQUESTS.c.fixes).where(_IS_OPEN)).all()
            severities = [_find_severity(row.fixes) for row in rows]
        due = [row.due_at for row in rows if row.due_at is not None]
        return RequestFigures(
            open=len(rows),
            with_due_date=len(due),
            overdue=sum(each <= now for each in due),
            exploited=severities.count(FixSeverity.EXPLOITED),
            critical=severities.count(FixSeverity.CRITICAL),
            unknown_fixes=sum(row.fixes is None for row in rows),
            merged=merged,
        )


_FixesByImage = Mapping[tuple[str, str], Mapping[str, int] | None]
"""The vulnerabilities that open proposals fix, by the repository and the tag of the image."""


def _load_image_fixes(connection: Connection) -> _FixesByImage:
    """Return the highest numbers of vulnerabilities that open proposals for an image fix; None if they are unknown."""
    fixes: dict[tuple[str, str], Counter[str] | None] = {}
    for targets, counts in connection.execute(select(REQUESTS.c.targets, REQUESTS.c.fixes).where(_IS_OPEN)):
        for target in parse_texts(targets):
            repository, _, tag = target.partition("@")[0].rpartition(":")
            known = fixes.setdefault((repository, tag), None)
            if counts is not None:
                found: Counter[str] = Counter(parse_counts(counts))
                fixes[repository, tag] = found | (known or Counter())
    return fixes


def _build_image(row: Row[Any], fixes: _FixesByImage) -> ImageSummary:
    key = (row.repository, row.tag)
    return ImageSummary(
        row.repository,
        row.tag or None,
        row.branch_count,
        row.reference_count,
        row.outdated_count,
        row.unpinned_count,
        row.blocked_count,
        has_proposals=key in fixes,
        fixes=fixes.get(key),
    )


def _get_risk_order(image: ImageSummary) -> tuple[int, ...]:
    """Return the key that sorts images by blocked references, and then by the severity of waiting fixes."""
    fixes = image.fixes or {}
    return -image.blocked, *(-fixes.get(each.value, 0) for each in FixSeverity)


def _build_condition(request_filter: RequestFilter, now: datetime) -> ColumnElement[bool]:
    match request_filter:
        case RequestFilter.OPEN:
            return _IS_OPEN
        case RequestFilter.OVERDUE:
            return and_(_IS_OPEN, REQUESTS.c.due_at <= now)
        case RequestFilter.FIXES:
            return and_(_IS_OPEN, REQUESTS.c.fixes.is_not(None), REQUESTS.c.fixes != "{}")
        case RequestFilter.MERGED:
            return REQUESTS.c.state == RequestState.MERGED.value
        case RequestFilter.CLOSED:
            return REQUESTS.c.state == RequestState.CLOSED.value
        case _:
            assert_never(request_filter)


def _list_order(request_filter: RequestFilter) -> tuple[ColumnElement[Any], ...]:
    key = (BRANCHES.c.repository, REQUESTS.c.number)
    if request_filter in {RequestFilter.MERGED, RequestFilter.CLOSED}:
        return (REQUESTS.c.ended_at.desc().nulls_last(), *key)
    return (REQUESTS.c.due_at.asc().nulls_last(), REQUESTS.c.opened_at.asc().nulls_last(), *key)


def _find_severity(fixes: str | None) -> FixSeverity | None:
    """Return the highest severity among the fixed vulnerabilities; None if nothing is fixed, or if it is unknown."""
    counts = parse_counts(fixes) if fixes is not None else {}
    return next((each for each in FixSeverity if counts.get(each.value, 0) > 0), None)


def _get_fix_order(row: Row[Any]) -> tuple[Any, ...]:
    """Return the key that sorts pull requests by the severity of the vulnerabilities that they fix, highest first."""
    counts = parse_counts(row.fixes)
    return *(-counts.get(each.value, 0) for each in FixSeverity), row.opened_at or _NEVER, row.repository, row.number


def _build_listed_requests(rows: Iterable[Row[Any]]) -> tuple[RequestSummary, ...]:
    built = ((build_request(row), bool(row.is_public)) for row in rows)
    return tuple(RequestSummary(each.key, each.request, is_public) for each, is_public in built)


def _load_branches(connection: Connection, ids: Collection[int]) -> tuple[BranchSummary, ...]:
    """Return the summaries of base branches in the order of their names."""
    settled = SETTLED_BRANCHES.c
    is_settled = settled.branch.is_not(None).label("is_settled")
    times = (BRANCHES.c.read_at, BRANCHES.c.seen_at, BRANCHES.c.has_unread_files)
    query = (
        select(BRANCHES.c.id, *BRANCH_KEY_COLUMNS, *times, is_settled, settled.is_public, settled.due_at)
        .select_from(BRANCHES.outerjoin(SETTLED_BRANCHES, settled.branch == BRANCHES.c.id))
        .where(BRANCHES.c.id.in_(ids))
        .order_by(BRANCHES.c.repository, BRANCHES.c.base_branch, BRANCHES.c.host, BRANCHES.c.forge)
    )
    branch = IMAGE_REFERENCES.c.branch
    references = select(branch, *_COUNTS).where(branch.in_(ids)).group_by(branch)
    requests = select(REQUESTS.c.branch, func.count().label("open_count")).where(REQUESTS.c.branch.in_(ids), _IS_OPEN)
    owners = select(branch, IMAGE_REFERENCES.c.owners).where(branch.in_(ids), IMAGE_REFERENCES.c.owners != "")
    owners_by_branch: dict[int, set[str]] = defaultdict(set)
    for number, names in connection.execute(owners.distinct()):
        owners_by_branch[number].update(names.split())
    counts = {row.branch: row for row in connection.execute(references)}
    open_counts = {row.branch: row for row in connection.execute(requests.group_by(REQUESTS.c.branch))}
    return tuple(
        BranchSummary(
            BranchKey(row.forge, row.host, row.repository, row.base_branch),
            references=counts[row.id].reference_count if row.id in counts else 0,
            outdated=counts[row.id].outdated_count if row.id in counts else 0,
            unpinned=counts[row.id].unpinned_count if row.id in counts else 0,
            open_requests=open_counts[row.id].open_count if row.id in open_counts else 0,
            read_at=row.read_at,
            seen_at=row.seen_at,
            has_unread_files=row.has_unread_files,
            is_settled=bool(row.is_settled),
            is_public=bool(row.is_public),
            owners=tuple(sorted(owners_by_branch[row.id])),
            due_at=row.due_at,
        )
        for row in connection.execute(query)
    )
