"""Which updates run in clusters, and which containers they wait for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.stages import (
    DAY,
    LINKS,
    MERGED_AT,
    OWN,
    SCOPE,
    build_cluster,
    build_history,
    build_own,
    build_running,
    build_stored_use,
    follow,
    get_reason,
    list_stages,
)
from support.values import digest
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB

from bot.model.fleet_history import FleetHistory, HeldDigest
from bot.model.update_stages import (
    ReachedStage,
    UpdateStage,
    UseKind,
    WaitReason,
)

PROPOSED, MERGED, REBUILT, RUNNING = UpdateStage
BUILD, WORKLOAD = build_stored_use(), build_stored_use(UseKind.WORKLOAD)
OLD_311, NEW_311 = digest("old 3.11"), digest("new 3.11")


def test_update_is_running_if_a_container_runs_the_new_digest():
    progress = follow(WORKLOAD, clusters=[build_cluster(build_running())])
    assert (progress.stage, progress.since, progress.wait) == (RUNNING, NOW - 5 * DAY, None)
    assert [each.workload.title for each in progress.workloads] == ["prod/payments/Deployment/web"]


def test_container_with_platform_image_of_the_index_runs_the_update():
    child = digest("child")
    clusters = [build_cluster(build_running(child))]
    children = {NEW: frozenset({child})}
    assert follow(WORKLOAD, clusters=clusters, children=children).stage is RUNNING
    pinned = build_stored_use(UseKind.WORKLOAD, digest=child)
    assert follow(pinned, clusters=[build_cluster(build_running())], children=children).stage is RUNNING
    assert get_reason(follow(WORKLOAD, clusters=clusters)) is WaitReason.OTHER_DIGEST


def test_update_waits_for_container_that_runs_the_earlier_digest():
    older = build_running(OLD)
    progress = follow(WORKLOAD, clusters=[build_cluster(older)])
    assert (progress.stage, get_reason(progress)) == (MERGED, WaitReason.OLDER_RUNS)
    assert progress.wait.workloads == (older.image,)


def test_update_is_running_only_if_no_container_runs_the_earlier_digest():
    running, older = build_running(), build_running(OLD, name="worker")
    progress = follow(WORKLOAD, clusters=[build_cluster(running, older)])
    assert (progress.stage, get_reason(progress)) == (MERGED, WaitReason.OLDER_RUNS)
    assert (progress.workloads, progress.wait.workloads) == ((running.image,), (older.image,))


def test_update_is_running_since_last_container_with_earlier_digest_ended():
    older = build_running(OLD, name="worker", ended_at=NOW - 2 * DAY)
    progress = follow(WORKLOAD, clusters=[build_cluster(build_running(), older)])
    assert progress.reached[-1] == ReachedStage(RUNNING, NOW - 2 * DAY, is_exact=False)


def test_start_of_running_stage_is_not_changed_by_later_containers():
    later = build_running(name="worker", first_seen_at=NOW - DAY)
    assert follow(WORKLOAD, clusters=[build_cluster(build_running(), later)]).since == NOW - 5 * DAY


def test_update_is_running_since_exact_start_of_container_if_known():
    running = build_running(since=NOW - 6 * DAY)
    progress = follow(WORKLOAD, clusters=[build_cluster(running)])
    assert progress.reached[-1] == ReachedStage(RUNNING, NOW - 6 * DAY)
    restarted = build_running(since=NOW - DAY)
    assert follow(WORKLOAD, clusters=[build_cluster(restarted)]).since == NOW - 5 * DAY


def test_update_stays_in_stage_running_after_container_ended():
    """The pods of a cron job exist only now and then."""
    ended = build_running(ended_at=NOW - DAY)
    progress = follow(WORKLOAD, clusters=[build_cluster(ended)])
    assert (progress.stage, progress.workloads) == (RUNNING, ())


def test_rollback_of_a_container_takes_update_out_of_stage_running():
    ended, older = build_running(ended_at=NOW - DAY), build_running(OLD, first_seen_at=NOW - DAY)
    assert get_reason(follow(WORKLOAD, clusters=[build_cluster(ended, older)])) is WaitReason.OLDER_RUNS


def test_container_that_ran_only_before_the_merge_does_not_run_the_update():
    ended = build_running(first_seen_at=MERGED_AT - 9 * DAY, ended_at=MERGED_AT - 8 * DAY)
    assert get_reason(follow(WORKLOAD, clusters=[build_cluster(ended)])) is WaitReason.NOT_SEEN


def hold_two_tags() -> FleetHistory:
    """Return the history of a base branch that uses 3.12 and 3.11, and updated both at MERGED_AT."""
    spans = ((OLD_311, NOW - 100 * DAY, MERGED_AT), (NEW_311, MERGED_AT, None))
    other = [
        HeldDigest(WEB, PYTHON.repository, "3.11", held, since, is_since_first_visit=False, ended_at=ended_at)
        for held, since, ended_at in spans
    ]
    history = build_history()
    return replace(history, held=(*history.held, *other))


@pytest.mark.parametrize("tag", ["3.11", None])
def test_containers_that_run_another_tag_used_by_branch_are_ignored(tag):
    history = hold_two_tags()
    other = [build_running(each, name="worker", tag=tag) for each in (OLD_311, NEW_311)]
    progress = follow(WORKLOAD, history=history, clusters=[build_cluster(build_running(), *other)])
    assert (progress.stage, progress.wait) == (RUNNING, None)
    assert get_reason(follow(WORKLOAD, history=history, clusters=[build_cluster(*other)])) is WaitReason.NOT_SEEN


def test_update_waits_for_container_that_runs_tag_formerly_used_by_branch():
    history = hold_two_tags()
    changed = replace(history, held=history.held[:3])  # the request changed 3.11 to 3.12
    older = build_running(OLD_311, tag="3.11")
    progress = follow(WORKLOAD, history=changed, clusters=[build_cluster(build_running(), older)])
    assert (get_reason(progress), progress.wait.workloads) == (WaitReason.OLDER_RUNS, (older.image,))


def test_update_is_not_stuck_if_no_container_was_seen_to_run_the_image():
    progress = follow(WORKLOAD)
    assert (progress.stage, get_reason(progress)) == (MERGED, WaitReason.NOT_SEEN)
    assert not progress.is_stuck(NOW)


def test_update_is_not_running_if_the_cluster_was_not_read_since_merge():
    for read_at in (MERGED_AT - DAY, None):
        cluster = build_cluster(build_running(OLD, first_seen_at=MERGED_AT - 5 * DAY), read_at=read_at)
        progress = follow(WORKLOAD, clusters=[cluster])
        assert (get_reason(progress), progress.wait.clusters) == (WaitReason.CLUSTER_NOT_READ, ("prod",))


def test_container_with_earlier_digest_is_reported_even_if_other_cluster_is_unread():
    unread = build_cluster(name="test", read_at=None)
    progress = follow(WORKLOAD, clusters=[unread, build_cluster(build_running(OLD))])
    assert get_reason(progress) is WaitReason.OLDER_RUNS


def test_wait_reason_is_shared_image_if_other_branch_also_uses_earlier_digest():
    clusters = [build_cluster(build_running(), build_running(OLD, name="worker"))]
    holders = {(PYTHON.repository, OLD): frozenset({API})}
    assert get_reason(follow(WORKLOAD, clusters=clusters, holders=holders)) is WaitReason.SHARED_IMAGE
    only_older = [build_cluster(build_running(OLD, name="worker"))]
    assert get_reason(follow(WORKLOAD, clusters=only_older, holders=holders)) is WaitReason.OLDER_RUNS


def test_update_is_running_if_a_container_runs_an_own_image_built_on_the_digest():
    running = build_running(digest("own 2"), repository=OWN)
    progress = follow(BUILD, builds=[build_own()], clusters=[build_cluster(running)])
    assert list_stages(progress) == [PROPOSED, MERGED, REBUILT, RUNNING]
    assert progress.workloads == (running.image,)


def test_own_image_with_unknown_base_never_counts_as_running_the_update():
    running = build_running(digest("own 3"), repository=OWN)
    builds = [build_own(), build_own("own 3", base=None)]
    progress = follow(BUILD, builds=builds, clusters=[build_cluster(running)])
    assert (progress.stage, get_reason(progress)) == (REBUILT, WaitReason.OTHER_DIGEST)


def test_wait_reason_is_shared_image_if_other_branch_also_builds_older_own_image():
    release = (replace(WEB, base_branch="release-1"), "Dockerfile")
    clusters = [build_cluster(*(build_running(digest(f"own {n}"), repository=OWN, name=f"w{n}") for n in (1, 2)))]
    more = {
        "builds": [build_own("own 1", OLD), build_own()],
        "clusters": clusters,
        "holders": {(PYTHON.repository, OLD): frozenset({release[0]})},
    }
    assert get_reason(follow(BUILD, **more)) is WaitReason.OLDER_RUNS
    both = LINKS | {release: LINKS[WEB, "Dockerfile"]}
    assert get_reason(follow(BUILD, links=both, **more)) is WaitReason.SHARED_IMAGE


def test_update_has_no_running_stage_if_no_clusters_are_configured():
    progress = follow(BUILD, builds=[build_own()], scope=replace(SCOPE, has_clusters=False), clusters=())
    assert (progress.stage, progress.wait) == (REBUILT, None)
