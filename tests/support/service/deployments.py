"""Own images and clusters of the made-up year: some updates run, and others are stuck on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

from support.service.year import NAMES, FleetYear, get_digest
from support.values import digest
from support.visits import build_verdict, build_visit

from bot.inventory_ports import StageReader
from bot.model.image_name import Digest, ImageName, TagRef
from bot.model.inventory import BranchKey
from bot.model.own_build import BaseEvidence, BuiltOn, ConfiguredBuild, OwnBuild
from bot.model.vocabulary import Reason, ReferenceStatus
from bot.model.workload import ClusterProblem, ClusterReading, RunningImage, UnreadCluster, Workload
from bot.state.after_merge.own_builds import DatabaseOwnBuilds
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.after_merge.stage_reader import DatabaseStageReader, StageSources
from bot.state.database import Database
from bot.state.inventory.store import DatabaseInventoryStore

APPS = "acmeregistry.azurecr.io/apps"
DEBIAN = TagRef("docker.io/library/debian", "11")
INGRESS = "registry.k8s.io/ingress-nginx/controller"
CLUSTERS = ("prod", "staging", "edge")
BUILDS = [
    ConfiguredBuild(
        repository=f"acme/{name}",
        dockerfile=f"services/{service}/Dockerfile",
        image=ImageName(f"{APPS}/{name}-{service}", None, None),
    )
    for name in NAMES
    for service in range(3)
]


def record_deployments(database: Database, year: FleetYear) -> None:
    """Store the builds and the running images at the end of a year.

    Most applications run on their current base images. A fifth was rebuilt and is not deployed, and a fifth was not
    rebuilt.
    """
    now = year.now
    gone = build_verdict(f"{DEBIAN}@{digest('gone')}", ReferenceStatus.GONE, reason=Reason.DIGEST_GONE)
    legacy = build_visit(gone, key=BranchKey("github", "github.com", "acme/legacy", "main"))
    DatabaseInventoryStore(database).record_visits([legacy], {}, now - timedelta(hours=4))
    DatabaseOwnBuilds(database).record_builds(_list_builds(year), now)
    images = tuple(_list_running(year))
    DatabaseRunningImages(database).record_clusters(
        [
            ClusterReading("prod", images),
            ClusterReading("staging", images[:3]),
            UnreadCluster("edge", ClusterProblem.UNREACHABLE, "no answer"),
        ],
        now - timedelta(minutes=12),
    )


def build_stage_reader(database: Database) -> StageReader:
    builds, clusters = DatabaseOwnBuilds(database), DatabaseRunningImages(database)
    return DatabaseStageReader(database, StageSources(clusters, builds, CLUSTERS, BUILDS))


def _list_applications(year: FleetYear) -> Iterator[tuple[int, str, TagRef, int]]:
    """Yield a number and the name of each application, with its base image and the version of it in the file."""
    numbers = count()
    for name, repository in zip(NAMES, year.repositories, strict=True):
        for service, tag in enumerate(repository.tags):
            yield next(numbers), f"{name}-{service}", tag, repository.held.get(tag, 0)


def _list_builds(year: FleetYear) -> Iterator[OwnBuild]:
    for index, name, tag, version in _list_applications(year):
        yield _build(name, tag, version - 1, year.now - timedelta(days=90))
        if index % 5 != 4:
            yield _build(name, tag, version, year.now - timedelta(days=2, hours=index % 9))


def _build(name: str, tag: TagRef, version: int, built_at: datetime) -> OwnBuild:
    base = BuiltOn(tag.repository, get_digest(tag, version), BaseEvidence.LAYERS)
    return OwnBuild(f"{APPS}/{name}", _get_own_digest(name, version), built_at, None, None, bases=(base,))


def _get_own_digest(name: str, version: int) -> Digest:
    return digest(f"{name} {version}")


def _list_running(year: FleetYear) -> Iterator[RunningImage]:
    for index, name, _, version in _list_applications(year):
        running = version if index % 5 < 3 else version - 1
        yield _run(name, f"{APPS}/{name}", _get_own_digest(name, running), 1 + index % 5)
    yield _run("legacy", DEBIAN.repository, digest("gone"), 2)
    yield _run("ingress-nginx", INGRESS, digest("ingress"), 3)


def _run(name: str, repository: str, digest_: Digest, pods: int) -> RunningImage:
    return RunningImage(Workload("prod", "shop", "Deployment", name), "app", repository, None, digest_, pods, None)
