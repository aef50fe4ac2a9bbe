"""Reads the facts about the updates of images from the state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select, true

from bot.core.choice.blocklist import find_listed_digest
from bot.core.inventory.build_links import BuildLinker
from bot.core.inventory.update_stages import get_use_kind
from bot.inventory_ports import OwnBuildStore, RunningImageStore
from bot.model.blocklist import Blocklist
from bot.model.build_link import BuildLink
from bot.model.due_date import DueUntil
from bot.model.fleet_history import FleetHistory
from bot.model.image_name import Digest, ImageName
from bot.model.inventory import BranchKey
from bot.model.own_build import ConfiguredBuild, StoredBuild
from bot.model.proposal import RequestState
from bot.model.stage_facts import DockerfileKey, StageFacts, StoredUse
from bot.model.update_stages import ImageUse, StageScope, UnwantedReason
from bot.model.workload import StoredCluster
from bot.state.after_merge.failed_checks import read_failed_checks
from bot.state.database import Database
from bot.state.inventory.build_inventory import read_build_files
from bot.state.inventory.history import read_fleet_history
from bot.state.inventory.unwanted_digests import read_unwanted
from bot.state.tables import BATCH_SIZE, MANIFESTS, split_into_batches
from bot.state.tables.inventory import (
    BRANCH_KEY_COLUMNS,
    BRANCHES,
    DIGESTS,
    HELD_DIGESTS,
    IMAGE_REFERENCES,
    REQUESTS,
    TAGS,
)

_USES = (
    IMAGE_REFERENCES.join(TAGS, TAGS.c.id == IMAGE_REFERENCES.c.tag)
    .join(DIGESTS, DIGESTS.c.id == IMAGE_REFERENCES.c.digest)
    .join(BRANCHES, BRANCHES.c.id == IMAGE_REFERENCES.c.branch)
)


@dataclass(frozen=True, slots=True)
class StageSources:
    """The parts of the config and of the state that show what happens after a merge."""

    clusters: RunningImageStore
    builds: OwnBuildStore
    cluster_names: Collection[str] = ()
    """The clusters in the config. Other clusters in the state are left out."""
    configured_builds: Sequence[ConfiguredBuild] = ()
    blocklist: Blocklist = field(default_factory=Blocklist)
    """The blocked digests in the files of the operator. Lists that must be downloaded are missing."""
    find_origin: Callable[[str], str] = str
    """Returns the repository upstream of a mirror or cache, or its argument. Clusters list images under this name."""


@dataclass(frozen=True, slots=True)
class _AfterMerge:
    """The facts about own images and clusters."""

    clusters: Sequence[StoredCluster]
    builds: Sequence[StoredBuild]
    scope: StageScope

    def list_repositories(self, origins: Mapping[str, str]) -> frozenset[str]:
        """Return the images for which it matters what a base branch contained before."""
        running = {stored.image.repository for cluster in self.clusters for stored in cluster.images}
        cached = {name for name, origin in origins.items() if origin in running}
        bases = {base.repository for stored in self.builds for base in stored.build.bases}
        return frozenset({*running, *cached, *(each for each in bases if each is not None)})

    def list_digests(self) -> frozenset[Digest]:
        """Return the digests that run, or on which own images were built."""
        running = {stored.image.digest for cluster in self.clusters for stored in cluster.images}
        bases = {base.digest for stored in self.builds for base in stored.build.bases}
        return frozenset({*bases, *(each for each in running if each is not None)})


class DatabaseStageReader:
    """Implements `bot.inventory_ports.StageReader`. Several threads and processes can use the same database."""

    def __init__(self, database: Database, sources: StageSources) -> None:
        self._database, self._sources = database, sources

    def load_scope(self) -> StageScope:
        sources = self._sources
        has_builds = bool(sources.configured_builds) or bool(sources.builds.load_builds())
        return StageScope(has_builds, bool(sources.cluster_names))

    def has_updates_to_run(self) -> bool:
        is_merged = (REQUESTS.c.state == RequestState.MERGED.value, REQUESTS.c.due_until == DueUntil.RUNNING.value)
        with self._database.open_for_reading() as connection:
            return connection.execute(select(REQUESTS.c.branch).where(*is_merged).limit(1)).first() is not None

    def load_image_facts(self, image: ImageName) -> StageFacts:
        """Return the facts about an image in all base branches."""
        is_image = TAGS.c.repository == image.repository
        users = select(HELD_DIGESTS.c.branch).join(TAGS, TAGS.c.id == HELD_DIGESTS.c.tag).where(is_image)
        return self._load(is_image, is_image, REQUESTS.c.branch.in_(users), is_whole_fleet=True)

    def load_repository_facts(self, *repositories: str) -> StageFacts:
        is_repository = BRANCHES.c.repository.in_(repositories)
        return self._load(is_repository, is_repository, is_repository)

    def load_fleet_facts(self) -> StageFacts:
        return self._load(true(), None, true(), is_whole_fleet=True)

    def _load(
        self,
        uses: ColumnElement[bool],
        spans: ColumnElement[bool] | None,
        requests: ColumnElement[bool],
        *,
        is_whole_fleet: bool = False,
    ) -> StageFacts:
        """Return the facts about some uses.

        If `spans` is None, spans that ended are left out for images that neither run nor are a known base.
        """
        after = self._load_after_merge()
        with self._database.open_for_reading() as connection:
            stored_uses, heads = _read_uses(connection, uses)
            origins = self._read_origins(connection)
            repositories = after.list_repositories(origins)
            condition = spans if spans is not None else _select_needed_spans(repositories)
            history = read_fleet_history(connection, condition, requests)
            indexes = _list_indexes(stored_uses, history, repositories) | after.list_digests()
            children = dict(_read_children(connection, indexes))
            return StageFacts(
                scope=after.scope,
                uses=stored_uses,
                history=history,
                clusters=after.clusters,
                origins=origins,
                builds=after.builds,
                links=self._read_links(connection, after),
                children=children,
                holders=_read_holders(connection, after, children, origins),
                own_uses=list(_read_own_uses(connection, {each.build.repository for each in after.builds})),
                heads=heads,
                failed_checks=read_failed_checks(connection),
                unwanted={**read_unwanted(connection), **_find_blocked(after, children, self._sources.blocklist)},
                listed_repositories=_read_listed(connection) if is_whole_fleet else None,
            )

    def _load_after_merge(self) -> _AfterMerge:
        sources = self._sources
        builds = sources.builds.load_builds()
        scope = StageScope(bool(builds or sources.configured_builds), bool(sources.cluster_names))
        stored = {each.cluster: each for each in sources.clusters.load_clusters()} if scope.has_clusters else {}
        names = sorted(sources.cluster_names)
        return _AfterMerge([stored.get(name, StoredCluster(name, None, None)) for name in names], builds, scope)

    def _read_origins(self, connection: Connection) -> Mapping[str, str]:
        """Return the names upstream of the repositories in mirrors and caches."""
        if self._sources.find_origin is str:
            return {}
        names = (row.repository for row in connection.execute(select(TAGS.c.repository).distinct()))
        return {name: origin for name in names if (origin := self._sources.find_origin(name)) != name}

    def _read_links(self, connection: Connection, after: _AfterMerge) -> Mapping[DockerfileKey, Sequence[BuildLink]]:
        """Return the own images that are built from the files of the whole fleet."""
        if not after.scope.has_builds:
            return {}
        linker = BuildLinker(read_build_files(connection))
        return linker.link_images(self._sources.configured_builds, [each.build for each in after.builds])


def _read_uses(
    connection: Connection, condition: ColumnElement[bool]
) -> tuple[Sequence[StoredUse], Mapping[BranchKey, str]]:
    """Return the references for which the condition holds, and the heads of their base branches."""
    is_held = and_(
        HELD_DIGESTS.c.branch == IMAGE_REFERENCES.c.branch,
        HELD_DIGESTS.c.tag == IMAGE_REFERENCES.c.tag,
        HELD_DIGESTS.c.digest == IMAGE_REFERENCES.c.digest,
        HELD_DIGESTS.c.ended_at.is_(None),
    )
    references = IMAGE_REFERENCES.c
    columns = (
        *BRANCH_KEY_COLUMNS,
        *(BRANCHES.c[name] for name in ("id", "head", "first_read_at", "read_at")),
        *(references[name] for name in ("path", "line_number", "format", "owners", "status")),
        TAGS.c.repository.label("image"),
        TAGS.c.tag,
        DIGESTS.c.digest,
        HELD_DIGESTS.c.first_seen,
    )
    query = select(*columns).select_from(_USES.outerjoin(HELD_DIGESTS, is_held)).where(condition)
    keys: dict[int, BranchKey] = {}
    heads: dict[BranchKey, str] = {}
    uses: list[StoredUse] = []
    for row in connection.execute(query):
        key = keys.get(row.id)
        if key is None:
            key = keys[row.id] = _build_key(row)
            heads[key] = row.head
        uses.append(_build_stored_use(row, key))
    return uses, heads


def _build_key(row: Row[Any]) -> BranchKey:
    return BranchKey(row.forge, row.host, row.repository, row.base_branch)


def _build_stored_use(row: Row[Any], key: BranchKey) -> StoredUse:
    since = row.first_seen or row.read_at
    return StoredUse(_build_use(row, key), row.status, since, since <= row.first_read_at, row.read_at)


def _build_use(row: Row[Any], key: BranchKey) -> ImageUse:
    return ImageUse(
        key=key,
        path=row.path,
        line_number=row.line_number,
        kind=get_use_kind(row.format),
        repository=row.image,
        tag=row.tag or None,
        digest=Digest(row.digest) if row.digest else None,
        owners=tuple(row.owners.split()),
    )


def _select_needed_spans(repositories: Collection[str]) -> ColumnElement[bool]:
    """Return the condition for the spans of a whole fleet that the stages depend on."""
    if len(repositories) > BATCH_SIZE:
        return true()
    return or_(HELD_DIGESTS.c.ended_at.is_(None), TAGS.c.repository.in_(sorted(repositories)))


def _list_indexes(uses: Iterable[StoredUse], history: FleetHistory, repositories: Collection[str]) -> frozenset[Digest]:
    """Return the digests of images that run, or are bases of own images. They may be indexes."""
    held = {each.digest for each in history.held if each.repository in repositories}
    used = {each.use.digest for each in uses if each.use.repository in repositories}
    return frozenset(each for each in held | used if each is not None)


def _read_children(connection: Connection, digests: Collection[Digest]) -> Iterator[tuple[Digest, frozenset[Digest]]]:
    """Yield the images of the stored indexes among some digests."""
    query = select(MANIFESTS.c.digest, MANIFESTS.c.document)
    for batch in split_into_batches(sorted(digests)):
        for row in connection.execute(query.where(MANIFESTS.c.digest.in_(batch))):
            if children := _parse_children(row.document):
                yield Digest(row.digest), children


def _parse_children(document: str) -> frozenset[Digest]:
    """Return the images in a stored manifest; none if it is not an index, or if another release stored it."""
    try:
        children = from_json(document)["manifest"]["children"]
        return frozenset(Digest(str(each["digest"])) for each in children)
    except (ValueError, KeyError, TypeError):
        return frozenset()


def _read_holders(
    connection: Connection,
    after: _AfterMerge,
    children: Mapping[Digest, frozenset[Digest]],
    origins: Mapping[str, str],
) -> Mapping[tuple[str, Digest], frozenset[BranchKey]]:
    """Return the base branches that contain a digest that runs, or on which own images were built."""
    found = after.list_digests()
    indexes = {index for index, images in children.items() if not images.isdisjoint(found)}
    holders: dict[tuple[str, Digest], set[BranchKey]] = defaultdict(set)
    query = (
        select(TAGS.c.repository.label("image"), DIGESTS.c.digest, *BRANCH_KEY_COLUMNS).select_from(_USES).distinct()
    )
    for batch in split_into_batches(sorted(found | indexes)):
        for row in connection.execute(query.where(DIGESTS.c.digest.in_(batch))):
            holders[origins.get(row.image, row.image), Digest(row.digest)].add(_build_key(row))
    return {image: frozenset(keys) for image, keys in holders.items()}


def _read_own_uses(connection: Connection, repositories: Collection[str]) -> Iterator[ImageUse]:
    """Yield the references to own images."""
    references = IMAGE_REFERENCES.c
    columns = (references.path, references.line_number, references.format, references.owners)
    names = (TAGS.c.repository.label("image"), TAGS.c.tag, DIGESTS.c.digest)
    query: Select[Any] = select(*BRANCH_KEY_COLUMNS, *columns, *names).select_from(_USES)
    for batch in split_into_batches(sorted(repositories)):
        for row in connection.execute(query.where(TAGS.c.repository.in_(batch))):
            yield _build_use(row, _build_key(row))


def _find_blocked(
    after: _AfterMerge, children: Mapping[Digest, frozenset[Digest]], blocklist: Blocklist
) -> Mapping[tuple[str, Digest], UnwantedReason]:
    """Return the running digests that the operator blocked, whether files contain them or not."""
    running = {(stored.image.repository, stored.image.digest) for each in after.clusters for stored in each.images}
    images = {(repository, digest) for repository, digest in running if digest is not None}
    indexes = {(name, index) for index, found in children.items() for name, digest in images if digest in found}
    return {
        (repository, digest): UnwantedReason.BLOCKED
        for repository, digest in images | indexes
        if find_listed_digest(blocklist, repository, digest) is not None
    }


def _read_listed(connection: Connection) -> frozenset[str]:
    """Return the repositories of all images that files of the fleet name."""
    is_used = select(IMAGE_REFERENCES.c.branch).where(IMAGE_REFERENCES.c.tag == TAGS.c.id).exists()
    return frozenset(row.repository for row in connection.execute(select(TAGS.c.repository).where(is_used).distinct()))
