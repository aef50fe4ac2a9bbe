"""A made-up fleet whose updates are in all stages, for tests of pages, metrics and documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from support.stages import (
    DAY,
    LINKS,
    MERGED_AT,
    SCOPE,
    build_cluster,
    build_facts,
    build_own,
    build_running,
    build_stored_use,
)
from support.values import digest
from support.visits import NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.stage_funnels import find_fleet_stages
from bot.model.build_link import BuildLink, LinkEvidence
from bot.model.fleet_history import BranchRequest, FleetHistory, HeldDigest
from bot.model.image_name import Digest
from bot.model.inventory import BranchKey
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild, StoredBuild
from bot.model.proposal import RequestState
from bot.model.update_stages import FailedCheck, StageScope, UnwantedReason, UseKind
from bot.model.workload import ClusterProblem, StoredCluster, UnreadCluster
from bot.reports.parts.stage_section import StageReport

NGINX = "docker.io/library/nginx"
INGRESS, CACHE = "registry.k8s.io/ingress-nginx/controller", "docker.io/library/memcached"
CHECK = FailedCheck("build and push", "https://github.com/acme/checkout/actions/runs/7")
SHOP, CHECKOUT, MAIL, DOCS = (
    BranchKey("github", "github.com", f"acme/{name}", "main") for name in ("shop", "checkout", "mail", "docs")
)
_IMAGES = {SHOP: "contoso.azurecr.io/apps/shop", CHECKOUT: "contoso.azurecr.io/apps/checkout"}


def build_scene(scope: StageScope = SCOPE) -> StageReport:
    """Return how far the updates of a fleet got.

    The update of `web` runs, that of `shop` was rebuilt and does not run, the build of `checkout` failed, the request
    of `mail` waits for a review, and `docs` is held. The manifest of `shop` was merged, and containers run the older
    image.
    """
    facts = build_facts(
        build_stored_use(),
        build_stored_use(key=SHOP),
        build_stored_use(key=CHECKOUT, path="services/checkout/Dockerfile"),
        build_stored_use(key=MAIL, digest=OLD, status="update", since=NOW - 200 * DAY),
        build_stored_use(key=DOCS, digest=OLD, status="held", since=NOW - 200 * DAY),
        build_stored_use(UseKind.OTHER, key=DOCS),
        build_stored_use(UseKind.WORKLOAD, key=SHOP, path="deploy/proxy.yaml", repository=NGINX, tag="1.27"),
        build_stored_use(
            key=MAIL, path="proxy/Dockerfile", repository=NGINX, tag="1.27", digest=None, status="skipped"
        ),
        scope=scope,
        history=FleetHistory(tuple(_list_held()), tuple(_list_requests())),
        links=LINKS | {(key, path): (BuildLink(_IMAGES[key], LinkEvidence.CONFIG),) for key, path in _FILES},
        builds=list(_list_builds()),
        clusters=_build_clusters() if scope.has_clusters else (),
        failed_checks={CHECKOUT: CHECK},
        unwanted={(CACHE, digest("memcached")): UnwantedReason.GONE, (NGINX, OLD): UnwantedReason.BLOCKED},
        listed_repositories=frozenset({PYTHON.repository, NGINX}),
    )
    return StageReport(find_fleet_stages(facts, NOW), NOW)


_FILES = ((SHOP, "Dockerfile"), (CHECKOUT, "services/checkout/Dockerfile"))


def _list_held() -> Iterator[HeldDigest]:
    for key, repository, tag in (
        *((key, PYTHON.repository, "3.12") for key in (WEB, SHOP, CHECKOUT)),
        (SHOP, NGINX, "1.27"),
    ):
        yield HeldDigest(key, repository, tag, OLD, NOW - 100 * DAY, is_since_first_visit=True, ended_at=MERGED_AT)
        yield HeldDigest(key, repository, tag, NEW, MERGED_AT, is_since_first_visit=False)


def _list_requests() -> Iterator[BranchRequest]:
    times = {"opened_at": MERGED_AT - 2 * DAY, "ended_at": MERGED_AT}
    for number, key in enumerate((WEB, SHOP, CHECKOUT), 1):
        yield BranchRequest(key, build_request(number, RequestState.MERGED, **times))
    yield BranchRequest(MAIL, build_request(4, opened_at=NOW - 20 * DAY))


def _list_builds() -> Iterator[StoredBuild]:
    yield build_own()
    yield _build(_IMAGES[SHOP], "shop 2", NEW, MERGED_AT + DAY)
    yield _build(_IMAGES[SHOP], "shop 1", OLD, MERGED_AT - 50 * DAY)
    yield _build(_IMAGES[CHECKOUT], "checkout 1", OLD, MERGED_AT - 50 * DAY)


def _build(image: str, word: str, base: Digest, built_at: datetime) -> StoredBuild:
    bases = (BuiltOn(PYTHON.repository, base, BaseEvidence.LAYERS),)
    return StoredBuild(OwnBuild(image, digest(word), built_at, None, None, bases=bases), NOW - DAY)


def _build_clusters() -> tuple[StoredCluster, ...]:
    prod = build_cluster(
        build_running(digest("own 2"), repository="contoso.azurecr.io/apps/web", tag="2"),
        build_running(digest("shop 1"), name="shop", repository=_IMAGES[SHOP], tag="41", pods=12),
        build_running(OLD, name="proxy", repository=NGINX, tag="1.27", pods=4),
        build_running(digest("ingress"), name="ingress", repository=INGRESS, tag="v1.11.3", pods=2),
        build_running(digest("memcached"), name="cache", repository=CACHE, tag="1.6", pods=1),
    )
    failure = UnreadCluster("edge", ClusterProblem.FORBIDDEN, "pods is forbidden")
    return prod, StoredCluster("edge", NOW - 30 * DAY, failure)
