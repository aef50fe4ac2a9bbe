"""A state in which updates of a fleet are in different stages, written by the stores that a run uses."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from support.stages import DAY
from support.values import digest
from support.visits import API, NEW, OLD, PYTHON, WEB, build_request, build_verdict, build_visit

from bot.model.due_date import DueClass, DueUntil
from bot.model.image_name import Digest
from bot.model.inventory import BranchKey
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild
from bot.model.proposal import RequestState
from bot.model.vocabulary import Role
from bot.model.workload import ClusterProblem, ClusterReading, RunningImage, UnreadCluster, Workload
from bot.state.after_merge.own_builds import DatabaseOwnBuilds
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.database import Database
from bot.state.inventory.store import DatabaseInventoryStore

WEB_IMAGE, API_IMAGE = "contoso.azurecr.io/apps/web", "contoso.azurecr.io/apps/api"
NGINX = "docker.io/library/nginx"
DEPLOY = BranchKey("github", "github.com", "acme/deploy", "main")
CONFIG = f"""\
state: sqlite:///state.db
registries:
  - host: contoso.azurecr.io
builds:
  - {{repository: acme/web, image: {WEB_IMAGE}}}
  - {{repository: acme/api, image: {API_IMAGE}}}
clusters:
  - name: prod
  - name: edge
    context: edge
"""
"""The end of the config that belongs to the state."""


def write_fleet(folder: Path, now: datetime) -> str:
    """Write a state and its config into a folder, and return the path of the config."""
    write_state(folder / "state.db", now)
    return write_config(folder, CONFIG)


def write_config(folder: Path, content: str) -> str:
    path = folder / "basebump.yaml"
    path.write_text(f"schema: 1\n{content}", encoding="utf-8")
    return str(path)


def write_state(path: Path, now: datetime) -> None:
    """Write a state with three base branches, builds of two own images, and running images in a cluster.

    The Dockerfiles of `web` and `api` were updated from OLD to NEW. A build of `web` runs, and `api` was not built. In
    `deploy`, the update of nginx was merged, and a Deployment still runs the older image.
    """
    database, start, merged_at = Database.sqlite(path), now - 60 * DAY, now - 5 * DAY
    inventory = DatabaseInventoryStore(database)
    inventory.record_visits([_visit(key, OLD) for key in (WEB, API, DEPLOY)], {}, start)
    merged = {"state": RequestState.MERGED, "opened_at": merged_at - 2 * DAY, "ended_at": merged_at}
    fixes = {"fixes": {"high": 2}, "due_at": now - DAY, "due_for": DueClass.HIGH, "due_until": DueUntil.RUNNING}
    visits = [
        _visit(key, NEW, build_request(number, targets=(target,), url=_link(key, number), **merged, **fixes))
        for number, (key, target) in enumerate(
            ((WEB, f"{PYTHON}@{NEW}"), (API, f"{PYTHON}@{NEW}"), (DEPLOY, f"{NGINX}:1.27@{NEW}")), 11
        )
    ]
    inventory.record_visits(visits, {}, merged_at + DAY)
    builds = [
        _build(WEB_IMAGE, "web 1", OLD, start),
        _build(WEB_IMAGE, "web 2", NEW, merged_at + DAY),
        _build(API_IMAGE, "api 1", OLD, start),
    ]
    DatabaseOwnBuilds(database).record_builds(builds, merged_at + DAY)
    clusters = DatabaseRunningImages(database)
    outcomes = [
        ClusterReading("prod", tuple(_list_running())),
        UnreadCluster("edge", ClusterProblem.FORBIDDEN, "pods is forbidden"),
    ]
    clusters.record_clusters([ClusterReading("edge", ())], now - 3 * DAY)
    clusters.record_clusters(outcomes, now - 2 * DAY)


def _visit(key: BranchKey, found: Digest, *requests):
    if key == DEPLOY:
        verdict = build_verdict(
            f"nginx:1.27@{found}", path="apps/proxy.yaml", line_number=21, format="kubernetes", role=Role.THIRD_PARTY
        )
    else:
        verdict = build_verdict(f"python:3.12@{found}", owners=(f"@{key.repository}",))
    return build_visit(verdict, key=key, requests=requests)


def _link(key: BranchKey, number: int) -> str:
    return f"https://github.com/{key.repository}/pull/{number}"


def _build(image: str, word: str, base: Digest, built_at: datetime) -> OwnBuild:
    bases = (BuiltOn(PYTHON.repository, base, BaseEvidence.LAYERS),)
    return OwnBuild(image, digest(word), built_at, None, None, bases=bases)


def _list_running():
    for name, image, tag, found, pods in (
        ("web", WEB_IMAGE, "2", digest("web 2"), 12),
        ("api", API_IMAGE, "1", digest("api 1"), 3),
        ("proxy", NGINX, "1.27", OLD, 4),
        ("debug", "docker.io/library/busybox", "1.36", digest("busybox"), 1),
    ):
        yield RunningImage(Workload("prod", "payments", "Deployment", name), "app", image, tag, found, pods, None)
