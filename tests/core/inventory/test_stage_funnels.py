"""The funnel of each image, and running images that need attention."""

from __future__ import annotations

from dataclasses import replace

from support.stages import (
    DAY,
    LINKS,
    OWN,
    build_cluster,
    build_facts,
    build_history,
    build_own,
    build_running,
    build_stored_use,
)
from support.values import digest
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.stage_funnels import find_fleet_stages
from bot.core.inventory.stage_index import StageIndex
from bot.model.fleet_history import BranchRequest, FleetHistory
from bot.model.proposal import DeclineScope, RequestState
from bot.model.update_stages import StageCount, StageScope, UnwantedReason, UpdateStage, UseKind, WaitReason
from bot.model.workload import ClusterProblem, UnreadCluster

PROPOSED, MERGED, REBUILT, RUNNING = UpdateStage
DOCS = replace(API, repository="acme/docs")


def build_rest(**more):
    return build_stored_use(**({"status": "held", "digest": OLD, "key": API} | more))


def test_each_use_of_image_is_counted_in_stage_of_latest_update():
    uses = [
        build_stored_use(),
        build_stored_use(UseKind.OTHER),
        build_rest(),
        build_rest(status="update", path="a/Dockerfile"),
        build_rest(status="skipped", path="b/Dockerfile", digest=None),
        build_rest(status="update", key=DOCS),
    ]
    closed = build_request(3, RequestState.CLOSED, declines=DeclineScope.DIGEST)
    history = build_history(requests=[BranchRequest(DOCS, closed)])
    facts = build_facts(*uses, builds=[build_own(base=OLD)], history=history)
    (funnel,) = find_fleet_stages(facts, NOW).funnels
    assert (funnel.image, funnel.stages, funnel.uses) == (str(PYTHON), tuple(UpdateStage), 6)
    assert funnel.counts[MERGED] == StageCount(done=1, waiting=1, stuck=1)
    assert (funnel.counts[PROPOSED], funnel.counts[RUNNING]) == (StageCount(), StageCount())
    assert (funnel.not_proposed, funnel.declined, funnel.held, funnel.unknown, funnel.stuck) == (1, 1, 1, 1, 1)


def test_funnel_has_only_stages_that_image_can_reach():
    facts = build_facts(build_stored_use(UseKind.WORKLOAD))
    assert find_fleet_stages(facts, NOW).funnels[0].stages == (PROPOSED, MERGED, RUNNING)
    assert find_fleet_stages(replace(facts, scope=StageScope()), NOW).funnels[0].stages == (PROPOSED, MERGED)


def test_uses_with_unknown_progress_are_not_counted_as_waiting():
    (funnel,) = find_fleet_stages(build_facts(build_stored_use(), links={}), NOW).funnels
    assert funnel.counts[MERGED] == StageCount(unknown=1)


def test_running_image_that_no_file_names_is_listed_as_unlisted():
    strange, own = build_running(repository="docker.io/library/redis"), build_running(repository=OWN, name="own")
    facts = build_facts(clusters=[build_cluster(build_running(), strange, own)])
    assert find_fleet_stages(facts, NOW).unlisted == ()
    whole = replace(facts, listed_repositories=frozenset({PYTHON.repository}))
    assert find_fleet_stages(whole, NOW).unlisted == (strange.image,)
    assert find_fleet_stages(replace(whole, links={}), NOW).unlisted == (own.image, strange.image)


def test_container_that_ended_is_not_listed_as_unlisted():
    ended = build_running(repository="docker.io/library/redis", ended_at=NOW - DAY)
    facts = build_facts(clusters=[build_cluster(ended)], listed_repositories=frozenset())
    assert find_fleet_stages(facts, NOW).unlisted == ()


def test_running_digest_that_is_gone_or_blocked_is_listed_as_unwanted():
    child, gone = build_running(digest("child")), build_running(OLD, name="old")
    unwanted = {
        (PYTHON.repository, NEW): UnwantedReason.BLOCKED,
        (PYTHON.repository, OLD): UnwantedReason.GONE,
        ("docker.io/library/redis", OLD): UnwantedReason.BLOCKED,
    }
    facts = build_facts(
        clusters=[build_cluster(child, gone, build_running(None, name="none"))],
        children={NEW: frozenset({digest("child")})},
        unwanted=unwanted,
    )
    found = find_fleet_stages(facts, NOW).unwanted
    assert [(each.image, each.reason) for each in found] == [
        (gone.image, UnwantedReason.GONE),
        (child.image, UnwantedReason.BLOCKED),
    ]


def test_fleet_stages_contain_age_and_failure_of_each_cluster():
    failed = replace(build_cluster(name="a"), failure=UnreadCluster("a", ClusterProblem.FORBIDDEN, "no"))
    clusters = find_fleet_stages(build_facts(clusters=[build_cluster(name="b"), failed]), NOW).clusters
    assert [(each.cluster, each.read_at, each.problem) for each in clusters] == [
        ("a", NOW, "forbidden"),
        ("b", NOW, None),
    ]


def test_funnels_and_updates_contain_only_selected_uses():
    facts = build_facts(build_stored_use(), build_rest(), history=build_history(), links=LINKS)
    stages = find_fleet_stages(facts, NOW, lambda use: use.key == WEB)
    assert {each.use.key for each in stages.updates} == {WEB}
    assert stages.funnels[0].uses == 1


def test_images_of_pull_through_cache_match_containers_with_upstream_name():
    cached = "contoso.azurecr.io/dockerhub/library/python"
    use = build_stored_use(UseKind.WORKLOAD, repository=cached)
    facts = build_facts(
        use,
        history=FleetHistory(tuple(replace(each, repository=cached) for each in build_history().held)),
        clusters=[build_cluster(build_running(), build_running(OLD, name="worker"))],
        holders={(PYTHON.repository, OLD): frozenset({API})},
        unwanted={(cached, OLD): UnwantedReason.GONE},
        listed_repositories=frozenset({cached}),
        origins={cached: PYTHON.repository},
    )
    stages = find_fleet_stages(facts, NOW)
    assert stages.updates[0].wait.reason is WaitReason.SHARED_IMAGE
    assert (stages.unlisted, [each.image.digest for each in stages.unwanted]) == ((), [OLD])


def test_stuck_updates_are_sorted_by_longest_wait():
    older = build_stored_use(path="a/Dockerfile", tag="3.11", since=NOW - 50 * DAY)
    before = replace(build_history().held[0], tag="3.11", ended_at=NOW - 50 * DAY)
    history = build_history()
    stages = find_fleet_stages(
        build_facts(
            build_stored_use(),
            older,
            history=replace(history, held=(*history.held, before)),
            builds=[build_own(base=OLD, built_at=NOW - 60 * DAY)],
            links=LINKS | {(WEB, "a/Dockerfile"): LINKS[WEB, "Dockerfile"]},
        ),
        NOW,
    )
    assert [each.use.tag for each in stages.list_stuck(NOW)] == ["3.11", "3.12"]
    assert stages.list_stuck(NOW)[0].digest == NEW


def test_number_of_container_comparisons_grows_linearly_with_uses_of_image(monkeypatch):
    keys = [replace(WEB, repository=f"acme/app-{number}") for number in range(30)]
    histories = [build_history(key=key) for key in keys]
    facts = build_facts(
        *(build_stored_use(UseKind.WORKLOAD, key=key) for key in keys),
        history=FleetHistory(tuple(held for each in histories for held in each.held)),
        clusters=[build_cluster(*(build_running((OLD, NEW)[number % 2], name=f"w{number}") for number in range(30)))],
        holders={(PYTHON.repository, OLD): frozenset(keys)},
    )
    comparisons = []
    is_among = StageIndex.is_among
    monkeypatch.setattr(StageIndex, "is_among", lambda *values: comparisons.append(values) or is_among(*values))
    updates = find_fleet_stages(facts, NOW).updates
    assert {each.wait.reason for each in updates} == {WaitReason.SHARED_IMAGE}
    assert len(comparisons) <= 10 * len(keys)
    assert all(each.workloads is updates[0].workloads for each in updates)
    assert updates[0].workloads.pods is updates[1].workloads.pods
