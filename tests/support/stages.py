"""Facts about updates of images: uses in files, builds of own images, and containers in clusters."""

from __future__ import annotations

from datetime import timedelta

from support.values import digest
from support.visits import NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.stage_index import StageIndex
from bot.core.inventory.update_stages import find_progress
from bot.model.build_link import BuildLink, LinkEvidence
from bot.model.fleet_history import BranchRequest, FleetHistory, HeldDigest
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild, StoredBuild
from bot.model.proposal import RequestState
from bot.model.stage_facts import StageFacts, StoredUse
from bot.model.update_stages import ImageUse, StageScope, UpdateProgress, UpdateStage, UseKind, WaitReason
from bot.model.workload import RunningImage, StoredCluster, StoredRunningImage, Workload

DAY = timedelta(days=1)
OWN = "contoso.azurecr.io/apps/web"
SCOPE = StageScope(has_builds=True, has_clusters=True)
MERGED_AT = NOW - 10 * DAY


def build_use(kind: UseKind = UseKind.BUILD, **more) -> ImageUse:
    paths = {UseKind.BUILD: "Dockerfile", UseKind.WORKLOAD: "deploy/web.yaml", UseKind.OTHER: ".gitlab-ci.yml"}
    values = {
        "key": WEB,
        "path": paths[kind],
        "line_number": 1,
        "repository": PYTHON.repository,
        "tag": "3.12",
        "digest": NEW,
    }
    return ImageUse(kind=kind, **(values | more))


def build_stored_use(kind: UseKind = UseKind.BUILD, *, status: str = "up-to-date", **more) -> StoredUse:
    values = {name: more.pop(name) for name in ("since", "is_since_first_visit", "read_at") if name in more}
    defaults = {"since": MERGED_AT, "is_since_first_visit": False, "read_at": NOW}
    return StoredUse(build_use(kind, **more), status, **(defaults | values))


def build_history(*, key=WEB, has_request: bool = True, requests=()) -> FleetHistory:
    """Return the history of a base branch that was updated from OLD to NEW at MERGED_AT."""
    held = [
        HeldDigest(key, PYTHON.repository, "3.12", OLD, NOW - 100 * DAY, is_since_first_visit=True, ended_at=MERGED_AT),
        HeldDigest(key, PYTHON.repository, "3.12", NEW, MERGED_AT, is_since_first_visit=False),
    ]
    times = {"opened_at": MERGED_AT - 2 * DAY, "ended_at": MERGED_AT, "due_at": NOW}
    merged = [BranchRequest(key, build_request(1, RequestState.MERGED, **times))] if has_request else []
    return FleetHistory(tuple(held), (*merged, *requests))


def build_running(
    digest_=NEW, *, name: str = "web", cluster: str = "prod", first_seen_at=NOW - 5 * DAY, ended_at=None, **more
) -> StoredRunningImage:
    values = {"repository": PYTHON.repository, "tag": "3.12", "pods": 3, "since": None} | more
    workload = Workload(cluster, "payments", "Deployment", name)
    return StoredRunningImage(RunningImage(workload, "app", digest=digest_, **values), first_seen_at, ended_at)


def build_cluster(*images: StoredRunningImage, name: str = "prod", read_at=NOW) -> StoredCluster:
    return StoredCluster(name, read_at, None, images)


def build_own(
    word: str = "own 2", base=NEW, built_at=MERGED_AT + DAY, evidence: BaseEvidence = BaseEvidence.LAYERS, **more
) -> StoredBuild:
    bases = (BuiltOn(PYTHON.repository, base, evidence),) if base is not None else ()
    values = {"source": None, "revision": None, "bases": bases} | more
    return StoredBuild(OwnBuild(OWN, digest(word), built_at, **values), NOW - DAY)


LINKS = {(WEB, "Dockerfile"): (BuildLink(OWN, LinkEvidence.CONFIG),)}


def build_facts(*uses: StoredUse, **more) -> StageFacts:
    values = {"scope": SCOPE, "history": build_history(), "links": LINKS, "clusters": (build_cluster(),)}
    return StageFacts(uses=uses, **(values | more))


def follow(stored: StoredUse, **more) -> UpdateProgress:
    """Return how far the latest update of a use got."""
    return find_progress(stored, StageIndex(build_facts(stored, **more)))[-1]


def follow_all(stored: StoredUse, **more) -> tuple[UpdateProgress, ...]:
    return find_progress(stored, StageIndex(build_facts(stored, **more)))


def get_reason(progress: UpdateProgress) -> WaitReason | None:
    return progress.wait.reason if progress.wait is not None else None


def list_stages(progress: UpdateProgress) -> list[UpdateStage]:
    return [each.stage for each in progress.reached]
