"""How far updates got: proposed, merged, rebuilt, running, and what they wait for."""

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
    build_facts,
    build_history,
    build_own,
    build_running,
    build_stored_use,
    build_use,
    follow,
    follow_all,
)
from support.values import digest
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.stage_index import StageIndex
from bot.core.inventory.update_stages import find_progress, get_use_kind
from bot.model.build_link import BuildLink, LinkEvidence
from bot.model.fleet_history import BranchRequest, FleetHistory, HeldDigest
from bot.model.own_build import BaseEvidence
from bot.model.update_stages import (
    FailedCheck,
    ReachedStage,
    RebuildEvidence,
    StageScope,
    UpdateProgress,
    UpdateStage,
    UseKind,
    WaitReason,
)

PROPOSED, MERGED, REBUILT, RUNNING = UpdateStage
BUILD, WORKLOAD, OTHER = build_stored_use(), build_stored_use(UseKind.WORKLOAD), build_stored_use(UseKind.OTHER)
THIRD, OLD_311, NEW_311 = digest("third"), digest("old 3.11"), digest("new 3.11")
OPEN = BranchRequest(WEB, build_request(2, targets=(f"{PYTHON}@{THIRD}",), opened_at=NOW - 3 * DAY))


def get_reason(progress: UpdateProgress) -> WaitReason | None:
    return progress.wait.reason if progress.wait is not None else None


def list_stages(progress: UpdateProgress) -> list[UpdateStage]:
    return [each.stage for each in progress.reached]


# proposed


def test_update_of_open_request_is_proposed_and_waits_for_review():
    progress = follow(build_stored_use(status="update"), history=build_history(requests=[OPEN]))
    assert (progress.stage, progress.digest, get_reason(progress)) == (PROPOSED, THIRD, WaitReason.REVIEW)
    assert (progress.since, progress.request.number) == (NOW - 3 * DAY, 2)


def test_digest_in_the_file_is_followed_while_a_later_one_is_proposed():
    first, second = follow_all(build_stored_use(status="update"), history=build_history(requests=[OPEN]))
    assert (first.digest, first.stage, first.is_latest) == (NEW, MERGED, False)
    assert (second.digest, second.stage, second.is_latest) == (THIRD, PROPOSED, True)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("update", WaitReason.NOT_PROPOSED),
        ("gone", WaitReason.NOT_PROPOSED),
        ("held", WaitReason.HELD),
        ("refused", WaitReason.HELD),
    ],
)
def test_newer_digest_without_request_has_no_stage(status, reason):
    progress = follow(build_stored_use(status=status))
    assert (progress.stage, get_reason(progress), progress.digest) == (None, reason, None)


@pytest.mark.parametrize("status", ["up-to-date", "superseded", "unresolved", "skipped", "not-checked"])
def test_digest_in_the_file_is_the_latest_if_no_newer_one_is_known(status):
    progress = follow(build_stored_use(UseKind.OTHER, status=status))
    assert (progress.stage, progress.digest, progress.wait) == (MERGED, NEW, None)


def test_reference_without_digest_has_no_stage():
    progress = follow(build_stored_use(status="skipped", digest=None))
    assert (progress.stage, get_reason(progress)) == (None, WaitReason.NOT_PINNED)
    assert get_reason(follow(build_stored_use(status="update", digest=None))) is WaitReason.NOT_PROPOSED


def test_request_for_a_tag_that_the_branch_does_not_use_changes_the_tag_of_the_use():
    request = replace(OPEN.request, targets=(f"{PYTHON.repository}:3.13@{THIRD}",))
    progress = follow(build_stored_use(status="update"), history=build_history(requests=[BranchRequest(WEB, request)]))
    assert (progress.stage, progress.digest) == (PROPOSED, THIRD)


def test_request_for_another_tag_in_use_proposes_nothing_for_the_use():
    request = replace(OPEN.request, targets=(f"{PYTHON.repository}:3.13@{THIRD}",))
    other = build_stored_use(tag="3.13", path="other/Dockerfile", digest=OLD)
    facts = build_facts(BUILD, other, history=build_history(requests=[BranchRequest(WEB, request)]))
    assert [each.stage for each in find_progress(BUILD, StageIndex(facts))] == [MERGED]


def test_request_without_known_opening_was_opened_at_the_visit_at_the_latest():
    request = BranchRequest(WEB, replace(OPEN.request, opened_at=None))
    progress = follow(build_stored_use(status="update"), history=build_history(requests=[request]))
    assert progress.reached == (ReachedStage(PROPOSED, NOW, is_exact=False),)


# merged


def test_merge_has_the_times_of_the_request():
    progress = follow(OTHER)
    expected = (ReachedStage(PROPOSED, MERGED_AT - 2 * DAY), ReachedStage(MERGED, MERGED_AT))
    assert (progress.reached, progress.due_at, progress.request.number) == (expected, NOW, 1)


def test_digest_that_somebody_else_wrote_was_not_proposed():
    progress = follow(OTHER, history=build_history(has_request=False))
    assert progress.reached == (ReachedStage(MERGED, MERGED_AT, is_exact=False),)


@pytest.mark.parametrize("stored", [BUILD, WORKLOAD, OTHER])
def test_merged_is_the_last_stage_if_neither_builds_nor_clusters_are_read(stored):
    progress = follow(stored, scope=StageScope())
    assert (progress.stage, progress.wait) == (MERGED, None)


def test_digest_that_a_rollback_wrote_again_was_merged_then():
    history = build_history()
    old, new = history.held
    spans = (
        old,
        replace(new, ended_at=MERGED_AT + DAY),
        replace(new, digest=THIRD, since=MERGED_AT + DAY, ended_at=NOW - DAY),
        replace(new, since=NOW - DAY),
    )
    progress = follow(build_stored_use(UseKind.WORKLOAD, since=NOW - DAY), history=replace(history, held=spans))
    assert progress.reached == (ReachedStage(MERGED, NOW - DAY, is_exact=False),)


def test_third_party_image_has_no_stage_rebuilt():
    progress = follow(WORKLOAD, clusters=[build_cluster(build_running())])
    assert list_stages(progress) == [PROPOSED, MERGED, RUNNING]


@pytest.mark.parametrize(
    ("format_name", "kind"),
    [("dockerfile", UseKind.BUILD), ("kubernetes", UseKind.WORKLOAD), ("github-actions", UseKind.OTHER)],
)
def test_format_determines_the_kind_of_use(format_name, kind):
    assert get_use_kind(format_name) is kind


# rebuilt


def test_build_on_the_digest_is_rebuilt():
    progress = follow(BUILD, builds=[build_own("own 1", OLD, MERGED_AT - DAY), build_own()])
    assert progress.reached[-1] == ReachedStage(REBUILT, MERGED_AT + DAY)
    assert [(each.digest, each.evidence) for each in progress.builds] == [(digest("own 2"), RebuildEvidence.LAYERS)]


def test_build_on_the_image_of_one_platform_is_rebuilt():
    child = digest("child")
    assert follow(BUILD, builds=[build_own(base=child)], children={NEW: frozenset({child})}).stage is REBUILT
    assert follow(BUILD, builds=[build_own(base=child)]).stage is MERGED


def test_first_build_on_the_digest_counts():
    builds = [build_own("own 3", built_at=MERGED_AT + 3 * DAY), build_own()]
    assert follow(BUILD, builds=builds).get_time(REBUILT) == MERGED_AT + DAY


def test_build_without_build_time_was_built_when_it_was_read_at_the_latest():
    progress = follow(BUILD, builds=[build_own(built_at=None)])
    assert progress.reached[-1] == ReachedStage(REBUILT, NOW - DAY, is_exact=False)


def test_build_time_in_the_future_does_not_count():
    later = build_own(built_at=NOW + 30_000 * DAY)
    running = build_cluster(build_running(digest("own 2"), repository=OWN))
    progress = follow(BUILD, builds=[later], clusters=[running])
    assert progress.reached[-2:] == (
        ReachedStage(REBUILT, NOW - DAY, is_exact=False),
        ReachedStage(RUNNING, NOW - DAY, is_exact=False),
    )


def test_build_of_the_request_before_its_merge_counts_from_the_merge():
    progress = follow(BUILD, builds=[build_own(built_at=MERGED_AT - DAY)])
    assert progress.reached[-1] == ReachedStage(REBUILT, MERGED_AT, is_exact=False)


def test_build_on_an_earlier_digest_is_not_rebuilt():
    progress = follow(BUILD, builds=[build_own(base=OLD)])
    assert (progress.stage, get_reason(progress)) == (MERGED, WaitReason.NOT_BUILT)
    assert (progress.wait.images, progress.wait.last_built_at) == ((OWN,), MERGED_AT + DAY)


def test_build_before_the_merge_is_not_rebuilt():
    progress = follow(BUILD, builds=[build_own(base=None, built_at=MERGED_AT - DAY)])
    assert get_reason(progress) is WaitReason.NOT_BUILT


def test_build_after_the_merge_without_known_base_proves_nothing():
    progress = follow(BUILD, builds=[build_own(base=None)])
    assert (progress.stage, get_reason(progress)) == (MERGED, WaitReason.BASE_UNKNOWN)


def test_build_from_the_commit_of_the_base_branch_is_rebuilt():
    """Only this shows the base image of a builder stage, if there is no provenance."""
    builds = [build_own(base=None, revision="c0ffee")]
    progress = follow(BUILD, builds=builds, heads={WEB: "c0ffee"})
    assert (progress.stage, progress.builds[0].evidence) == (REBUILT, RebuildEvidence.COMMIT)
    assert follow(BUILD, builds=builds, heads={WEB: "other"}).stage is MERGED


def test_strongest_evidence_is_named():
    bases = build_own(evidence=BaseEvidence.LABEL).build.bases + build_own().build.bases
    progress = follow(BUILD, builds=[build_own(bases=bases)])
    assert progress.builds[0].evidence is RebuildEvidence.LAYERS


def test_failed_check_is_named_instead_of_a_missing_build():
    check = FailedCheck("build", "https://github.com/acme/web/actions/runs/1")
    progress = follow(BUILD, builds=[build_own(base=OLD)], failed_checks={WEB: check})
    assert (get_reason(progress), progress.wait.check) == (WaitReason.BUILD_FAILED, check)
    assert follow(BUILD, builds=[build_own()], failed_checks={WEB: check}).stage is REBUILT


def test_file_without_known_own_image_is_unknown():
    assert get_reason(follow(BUILD, links={})) is WaitReason.IMAGE_UNKNOWN
    assert get_reason(follow(BUILD)) is WaitReason.IMAGE_UNKNOWN


def test_all_own_images_of_a_file_must_be_rebuilt():
    worker = replace(build_own().build, repository="contoso.azurecr.io/apps/worker")
    links = {(WEB, "Dockerfile"): (*LINKS[WEB, "Dockerfile"], BuildLink(worker.repository, LinkEvidence.CONFIG))}
    older = replace(build_own(base=OLD), build=replace(worker, bases=build_own(base=OLD).build.bases))
    later = replace(build_own(), build=replace(worker, built_at=MERGED_AT + 4 * DAY))
    progress = follow(BUILD, links=links, builds=[build_own(), older])
    assert (get_reason(progress), progress.wait.images) == (WaitReason.NOT_BUILT, (worker.repository,))
    assert follow(BUILD, links=links, builds=[build_own(), later]).get_time(REBUILT) == MERGED_AT + 4 * DAY


# a manifest that points to the build


def own_use(digest_, **more):
    values = {"key": API, "path": "deploy/web.yaml", "repository": OWN, "tag": "1"} | more
    return build_use(UseKind.WORKLOAD, digest=digest_, **values)


def test_rebuilt_image_that_no_manifest_names_is_not_deployed():
    manifest = own_use(digest("own 1"))
    scope = StageScope(has_builds=True)
    builds = [build_own("own 1", OLD, MERGED_AT - DAY), build_own()]
    progress = follow(BUILD, builds=builds, own_uses=[manifest], scope=scope)
    assert (progress.stage, get_reason(progress), progress.wait.manifests) == (
        REBUILT,
        WaitReason.NOT_DEPLOYED,
        (manifest,),
    )
    assert follow(BUILD, builds=builds, own_uses=[own_use(digest("own 2"))], scope=scope).wait is None


def test_manifest_with_a_build_that_was_not_read_may_be_up_to_date():
    uses = [own_use(digest("not read"))]
    assert follow(BUILD, builds=[build_own()], own_uses=uses, scope=StageScope(has_builds=True)).wait is None


def test_manifest_without_digest_needs_no_change():
    uses = [own_use(None), own_use(digest("own 1"), path="deploy/old.yaml")]
    builds = [build_own("own 1", OLD, MERGED_AT - DAY), build_own()]
    progress = follow(BUILD, builds=builds, own_uses=uses, scope=StageScope(has_builds=True))
    assert progress.wait is None


def test_manifest_with_older_build_is_named_before_its_workload():
    running = build_running(digest("own 1"), repository=OWN)
    builds = [build_own("own 1", OLD, MERGED_AT - DAY), build_own()]
    clusters = [build_cluster(running)]
    progress = follow(BUILD, builds=builds, own_uses=[own_use(digest("own 1"))], clusters=clusters)
    assert (get_reason(progress), progress.wait.workloads) == (WaitReason.NOT_DEPLOYED, (running.image,))
    for other in ("own 2", "not read"):
        progress = follow(BUILD, builds=builds, own_uses=[own_use(digest(other))], clusters=clusters)
        assert get_reason(progress) is WaitReason.OLDER_RUNS


# running


def test_container_with_the_digest_runs_the_update():
    progress = follow(WORKLOAD, clusters=[build_cluster(build_running())])
    assert (progress.stage, progress.since, progress.wait) == (RUNNING, NOW - 5 * DAY, None)
    assert [each.workload.title for each in progress.workloads] == ["prod/payments/Deployment/web"]


def test_image_of_a_platform_and_its_index_are_the_same_image():
    child = digest("child")
    clusters = [build_cluster(build_running(child))]
    children = {NEW: frozenset({child})}
    assert follow(WORKLOAD, clusters=clusters, children=children).stage is RUNNING
    pinned = build_stored_use(UseKind.WORKLOAD, digest=child)
    assert follow(pinned, clusters=[build_cluster(build_running())], children=children).stage is RUNNING
    assert get_reason(follow(WORKLOAD, clusters=clusters)) is WaitReason.OTHER_DIGEST


def test_container_with_the_earlier_digest_is_named():
    older = build_running(OLD)
    progress = follow(WORKLOAD, clusters=[build_cluster(older)])
    assert (progress.stage, get_reason(progress)) == (MERGED, WaitReason.OLDER_RUNS)
    assert progress.wait.workloads == (older.image,)


def test_update_runs_only_if_no_container_runs_the_earlier_digest():
    running, older = build_running(), build_running(OLD, name="worker")
    progress = follow(WORKLOAD, clusters=[build_cluster(running, older)])
    assert (progress.stage, get_reason(progress)) == (MERGED, WaitReason.OLDER_RUNS)
    assert (progress.workloads, progress.wait.workloads) == ((running.image,), (older.image,))


def test_update_runs_since_the_last_earlier_container_ended():
    older = build_running(OLD, name="worker", ended_at=NOW - 2 * DAY)
    progress = follow(WORKLOAD, clusters=[build_cluster(build_running(), older)])
    assert progress.reached[-1] == ReachedStage(RUNNING, NOW - 2 * DAY, is_exact=False)


def test_new_containers_do_not_move_the_time_since_which_an_update_runs():
    later = build_running(name="worker", first_seen_at=NOW - DAY)
    assert follow(WORKLOAD, clusters=[build_cluster(build_running(), later)]).since == NOW - 5 * DAY


def test_start_of_the_container_is_exact():
    running = build_running(since=NOW - 6 * DAY)
    progress = follow(WORKLOAD, clusters=[build_cluster(running)])
    assert progress.reached[-1] == ReachedStage(RUNNING, NOW - 6 * DAY)
    restarted = build_running(since=NOW - DAY)
    assert follow(WORKLOAD, clusters=[build_cluster(restarted)]).since == NOW - 5 * DAY


def test_image_that_ran_and_ended_has_reached_the_stage():
    """The pods of a cron job exist only now and then."""
    ended = build_running(ended_at=NOW - DAY)
    progress = follow(WORKLOAD, clusters=[build_cluster(ended)])
    assert (progress.stage, progress.workloads) == (RUNNING, ())


def test_rollback_leaves_the_stage_running():
    ended, older = build_running(ended_at=NOW - DAY), build_running(OLD, first_seen_at=NOW - DAY)
    assert get_reason(follow(WORKLOAD, clusters=[build_cluster(ended, older)])) is WaitReason.OLDER_RUNS


def test_image_that_ran_only_before_the_merge_does_not_run():
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
def test_containers_of_another_tag_of_the_branch_do_not_count(tag):
    history = hold_two_tags()
    other = [build_running(each, name="worker", tag=tag) for each in (OLD_311, NEW_311)]
    progress = follow(WORKLOAD, history=history, clusters=[build_cluster(build_running(), *other)])
    assert (progress.stage, progress.wait) == (RUNNING, None)
    assert get_reason(follow(WORKLOAD, history=history, clusters=[build_cluster(*other)])) is WaitReason.NOT_SEEN


def test_container_with_a_tag_that_the_branch_no_longer_uses_is_older():
    history = hold_two_tags()
    changed = replace(history, held=history.held[:3])  # the request changed 3.11 to 3.12
    older = build_running(OLD_311, tag="3.11")
    progress = follow(WORKLOAD, history=changed, clusters=[build_cluster(build_running(), older)])
    assert (get_reason(progress), progress.wait.workloads) == (WaitReason.OLDER_RUNS, (older.image,))


def test_image_that_no_container_runs_is_not_seen_and_not_stuck():
    progress = follow(WORKLOAD)
    assert (progress.stage, get_reason(progress)) == (MERGED, WaitReason.NOT_SEEN)
    assert not progress.is_stuck(NOW)


def test_cluster_that_was_not_read_since_the_merge_proves_nothing():
    for read_at in (MERGED_AT - DAY, None):
        cluster = build_cluster(build_running(OLD, first_seen_at=MERGED_AT - 5 * DAY), read_at=read_at)
        progress = follow(WORKLOAD, clusters=[cluster])
        assert (get_reason(progress), progress.wait.clusters) == (WaitReason.CLUSTER_NOT_READ, ("prod",))


def test_cluster_that_was_read_is_enough_to_find_an_older_image():
    unread = build_cluster(name="test", read_at=None)
    progress = follow(WORKLOAD, clusters=[unread, build_cluster(build_running(OLD))])
    assert get_reason(progress) is WaitReason.OLDER_RUNS


def test_older_image_of_another_base_branch_proves_nothing():
    clusters = [build_cluster(build_running(), build_running(OLD, name="worker"))]
    holders = {(PYTHON.repository, OLD): frozenset({API})}
    assert get_reason(follow(WORKLOAD, clusters=clusters, holders=holders)) is WaitReason.SHARED_IMAGE
    only_older = [build_cluster(build_running(OLD, name="worker"))]
    assert get_reason(follow(WORKLOAD, clusters=only_older, holders=holders)) is WaitReason.OLDER_RUNS


def test_build_on_the_digest_runs():
    running = build_running(digest("own 2"), repository=OWN)
    progress = follow(BUILD, builds=[build_own()], clusters=[build_cluster(running)])
    assert list_stages(progress) == [PROPOSED, MERGED, REBUILT, RUNNING]
    assert progress.workloads == (running.image,)


def test_build_whose_base_is_unknown_never_counts_as_running():
    running = build_running(digest("own 3"), repository=OWN)
    builds = [build_own(), build_own("own 3", base=None)]
    progress = follow(BUILD, builds=builds, clusters=[build_cluster(running)])
    assert (progress.stage, get_reason(progress)) == (REBUILT, WaitReason.OTHER_DIGEST)


def test_older_build_that_another_base_branch_builds_proves_nothing():
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


def test_without_clusters_nothing_is_said_about_running():
    progress = follow(BUILD, builds=[build_own()], scope=replace(SCOPE, has_clusters=False), clusters=())
    assert (progress.stage, progress.wait) == (REBUILT, None)


# stuck


def test_update_is_stuck_if_it_waits_longer_than_usual():
    progress = follow(WORKLOAD, clusters=[build_cluster(build_running(OLD))])
    assert [progress.is_stuck(MERGED_AT + age) for age in (DAY / 2, DAY, 2 * DAY)] == [False, True, True]


def test_failed_build_is_stuck_at_once_and_what_is_unknown_never():
    failed = follow(BUILD, builds=[build_own(base=OLD)], failed_checks={WEB: FailedCheck("build")})
    assert failed.is_stuck(MERGED_AT)
    assert not follow(BUILD, links={}).is_stuck(NOW + 100 * DAY)
