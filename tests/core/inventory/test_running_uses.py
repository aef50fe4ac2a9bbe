"""Where the images of proposed updates run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from support.values import digest

from bot.core.inventory.running_uses import MAX_OWN_IMAGES, MAX_PLACES, RunningUseFinder
from bot.model.decision import Transition
from bot.model.image_name import TagRef
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild
from bot.model.workload import (
    ClusterProblem,
    RunningImage,
    RunningPlace,
    RunningUse,
    StoredCluster,
    StoredRunningImage,
    UnreadCluster,
    Workload,
)

NOW = datetime(2026, 11, 25, tzinfo=UTC)
NGINX = TagRef("docker.io/library/nginx", "1.29")
MOVE = Transition(NGINX, digest("old"), digest("new"), ("linux/amd64",))
WEB = "r.example.com/acme/web"


def run(workload="payments/web", container="web", repository=NGINX.repository, tag="1.29", content="old", pods=1):
    namespace, name = workload.split("/")
    found = digest(content) if content else None
    return RunningImage(Workload("prod", namespace, "Deployment", name), container, repository, tag, found, pods, None)


def build_cluster(*images, **more):
    return StoredCluster("prod", NOW, **({"failure": None} | more), images=[StoredRunningImage(i, NOW) for i in images])


def find(images, move=MOVE, builds=(), old_images=()):
    return RunningUseFinder([build_cluster(*images)], builds).find_uses(move, old_images)


def build_running_places(*pairs):
    return tuple(RunningPlace("prod", namespace, pods) for namespace, pods in pairs)


def test_pods_of_an_image_are_added_up_by_namespace():
    images = [
        run("payments/web", pods=3),
        run("payments/api", pods=4),
        run("shop/web", pods=9),
        run("shop/web", repository="docker.io/library/redis"),
    ]
    assert find(images) == (RunningUse(None, build_running_places(("shop", 9), ("payments", 7))),)


def test_image_without_containers_has_no_running_use():
    assert find([run(repository="docker.io/library/redis"), run(tag="1.28", content="other")]) == ()


def test_container_is_matched_to_image_by_tag_or_old_digest():
    assert find([run(tag="1.29", content="another")]) == (RunningUse(None, build_running_places(("payments", 1))),)
    assert find([run(tag="1.29", content=None)]) == (RunningUse(None, build_running_places(("payments", 1))),)
    assert find([run(tag=None, content="old")]) == (RunningUse(None, build_running_places(("payments", 1))),)
    assert find([run(tag=None, content="child")]) == ()
    assert find([run(tag=None, content="child")], old_images=[digest("child")]) == (
        RunningUse(None, build_running_places(("payments", 1))),
    )
    pin = replace(MOVE, old=None)
    assert find([run(tag="1.29"), run(tag=None)], pin) == (RunningUse(None, build_running_places(("payments", 1))),)


def test_pod_with_two_containers_of_the_image_counts_once():
    images = [run(container="web", pods=3), run(container="sidecar", pods=3)]
    assert find(images) == (RunningUse(None, build_running_places(("payments", 3))),)


def test_pods_with_old_and_new_digest_are_added_up_during_rollout():
    images = [run(content="old", pods=1), run(content="new", pods=2)]
    assert find(images) == (RunningUse(None, build_running_places(("payments", 3))),)


def test_containers_that_ended_do_not_count_as_running_use():
    ended = StoredCluster("prod", NOW, None, [StoredRunningImage(run(), NOW, NOW)])
    assert RunningUseFinder([ended]).find_uses(MOVE) == ()


def test_running_use_in_unread_cluster_shows_time_of_last_known_state():
    failure = UnreadCluster("prod", ClusterProblem.UNREACHABLE, "it is gone")
    found = RunningUseFinder([build_cluster(run(), failure=failure)]).find_uses(MOVE)
    assert found == (RunningUse(None, (RunningPlace("prod", "payments", 1, NOW),)),)


def build_web(content, base, children=(), repository=WEB):
    bases = (BuiltOn(NGINX.repository, digest(base), BaseEvidence.LAYERS),)
    return OwnBuild(repository, digest(content), None, None, None, bases=bases, children=frozenset(children))


def test_running_use_includes_own_images_built_on_the_old_digest():
    images = [
        run("shop/web", repository=WEB, tag="7", content="web-7", pods=5),
        run("shop/api", repository=WEB, tag="6", content="web-6"),
    ]
    builds = [build_web("web-7", "old"), build_web("web-6", "older"), build_web("web-5", "old")]
    assert find(images, builds=builds) == (RunningUse(WEB, build_running_places(("shop", 5))),)


def test_own_image_is_matched_by_platform_digests_of_image_and_base():
    images = [run("shop/web", repository=WEB, content="web-amd64")]
    builds = [build_web("web", "old-amd64", [digest("web-amd64")])]
    assert find(images, builds=builds) == ()
    assert find(images, builds=builds, old_images=[digest("old-amd64")]) == (
        RunningUse(WEB, build_running_places(("shop", 1))),
    )


def test_running_use_lists_places_and_own_images_only_up_to_limits():
    images = [run(f"ns-{i:03}/web") for i in range(MAX_PLACES + 5)]
    images += [run("shop/web", repository=f"{WEB}-{i}", content="web") for i in range(MAX_OWN_IMAGES + 5)]
    builds = [build_web("web", "old", repository=f"{WEB}-{i}") for i in range(MAX_OWN_IMAGES + 5)]
    direct, *own = find(images, builds=builds)
    assert len(direct.places) == MAX_PLACES
    assert len(own) == MAX_OWN_IMAGES


def test_image_from_pull_through_cache_is_matched_to_containers_by_upstream_name():
    def find_origin(name: str) -> str:
        return name.replace("r.example.com/cache", "docker.io")

    own_image = "r.example.com/cache/acme/web"
    build = OwnBuild(own_image, digest("built"), NOW, None, None, bases=(BuiltOn(None, MOVE.old, BaseEvidence.LABEL),))
    running = [run(pods=3), run("shop/web", repository="docker.io/acme/web", content="built")]
    move = replace(MOVE, tag_ref=TagRef("r.example.com/cache/library/nginx", "1.29"))
    found = RunningUseFinder([build_cluster(*running)], [build], find_origin).find_uses(move)
    assert found == (
        RunningUse(None, build_running_places(("payments", 3))),
        RunningUse(own_image, build_running_places(("shop", 1))),
    )
