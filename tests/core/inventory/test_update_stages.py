"""How far updates got: proposed, merged, rebuilt, and what they wait for. `test_running_stage.py` is about running."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.stages import (
    DAY,
    LINKS,
    MERGED_AT,
    OWN,
    build_cluster,
    build_facts,
    build_history,
    build_own,
    build_running,
    build_stored_use,
    build_use,
    follow,
    follow_all,
    get_reason,
    list_stages,
)
from support.values import digest
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.stage_index import StageIndex
from bot.core.inventory.update_stages import find_progress, get_use_kind
from bot.model.build_link import BuildLink, LinkEvidence
from bot.model.fleet_history import BranchRequest
from bot.model.own_build import BaseEvidence
from bot.model.proposal import DeclineScope, RequestState
from bot.model.update_stages import (
    FailedCheck,
    ReachedStage,
    RebuildEvidence,
    StageScope,
    UpdateStage,
    UseKind,
    WaitReason,
)

PROPOSED, MERGED, REBUILT, RUNNING = UpdateStage
BUILD, WORKLOAD, OTHER = build_stored_use(), build_stored_use(UseKind.WORKLOAD), build_stored_use(UseKind.OTHER)
THIRD = digest("third")
OPEN = BranchRequest(WEB, build_request(2, targets=(f"{PYTHON}@{THIRD}",), opened_at=NOW - 3 * DAY))


# proposed


def test_update_in_open_pull_request_is_proposed_and_waits_for_review():
    progress = follow(build_stored_use(status="update"), history=build_history(requests=[OPEN]))
    assert (progress.stage, progress.digest, get_reason(progress)) == (PROPOSED, THIRD, WaitReason.REVIEW)
    assert (progress.since, progress.request.number) == (NOW - 3 * DAY, 2)


def test_merged_digest_and_later_proposed_digest_are_tracked_as_two_updates():
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
def test_update_without_pull_request_has_no_stage(status, reason):
    progress = follow(build_stored_use(status=status))
    assert (progress.stage, get_reason(progress), progress.digest) == (None, reason, None)


@pytest.mark.parametrize("status", ["up-to-date", "superseded", "unresolved", "skipped", "not-checked"])
def test_digest_in_file_counts_as_merged_and_latest_if_no_newer_digest_is_known(status):
    progress = follow(build_stored_use(UseKind.OTHER, status=status))
    assert (progress.stage, progress.digest, progress.wait) == (MERGED, NEW, None)


def test_reference_without_digest_has_no_stage():
    progress = follow(build_stored_use(status="skipped", digest=None))
    assert (progress.stage, get_reason(progress)) == (None, WaitReason.NOT_PINNED)
    assert get_reason(follow(build_stored_use(status="update", digest=None))) is WaitReason.NOT_PROPOSED


@pytest.mark.parametrize(
    ("scope", "targets", "reason"),
    [
        (DeclineScope.DIGEST, (f"{PYTHON}@{THIRD}",), WaitReason.DECLINED),
        (DeclineScope.LATER_DIGESTS, (f"{PYTHON}@{THIRD}",), WaitReason.DECLINED),
        (DeclineScope.REPOSITORY, (f"docker.io/library/node:22@{THIRD}",), WaitReason.DECLINED),
        (DeclineScope.DIGEST, (f"docker.io/library/node:22@{THIRD}",), WaitReason.NOT_PROPOSED),
        (None, (f"{PYTHON}@{THIRD}",), WaitReason.NOT_PROPOSED),
    ],
)
def test_update_is_declined_if_a_closed_pull_request_declines_its_image(scope, targets, reason):
    request = build_request(2, RequestState.CLOSED, targets=targets, declines=scope)
    history = build_history(requests=[BranchRequest(WEB, request)])
    assert get_reason(follow(build_stored_use(status="update"), history=history)) is reason
    assert get_reason(follow(build_stored_use(UseKind.OTHER), history=history)) is None


def test_pull_request_for_an_unused_tag_proposes_to_change_the_tag_in_the_file():
    request = replace(OPEN.request, targets=(f"{PYTHON.repository}:3.13@{THIRD}",))
    progress = follow(build_stored_use(status="update"), history=build_history(requests=[BranchRequest(WEB, request)]))
    assert (progress.stage, progress.digest) == (PROPOSED, THIRD)


def test_pull_request_for_another_tag_in_use_proposes_no_update_of_this_tag():
    request = replace(OPEN.request, targets=(f"{PYTHON.repository}:3.13@{THIRD}",))
    other = build_stored_use(tag="3.13", path="other/Dockerfile", digest=OLD)
    facts = build_facts(BUILD, other, history=build_history(requests=[BranchRequest(WEB, request)]))
    assert [each.stage for each in find_progress(BUILD, StageIndex(facts))] == [MERGED]


def test_pull_request_with_unknown_opening_time_counts_as_opened_at_time_of_visit():
    request = BranchRequest(WEB, replace(OPEN.request, opened_at=None))
    progress = follow(build_stored_use(status="update"), history=build_history(requests=[request]))
    assert progress.reached == (ReachedStage(PROPOSED, NOW, is_exact=False),)


# merged


def test_merged_update_has_opening_merge_and_due_times_of_the_pull_request():
    progress = follow(OTHER)
    expected = (ReachedStage(PROPOSED, MERGED_AT - 2 * DAY), ReachedStage(MERGED, MERGED_AT))
    assert (progress.reached, progress.due_at, progress.request.number) == (expected, NOW, 1)


def test_digest_merged_without_pull_request_has_no_stage_proposed():
    progress = follow(OTHER, history=build_history(has_request=False))
    assert progress.reached == (ReachedStage(MERGED, MERGED_AT, is_exact=False),)


@pytest.mark.parametrize("stored", [BUILD, WORKLOAD, OTHER])
def test_merged_is_the_last_stage_if_neither_builds_nor_clusters_are_read(stored):
    progress = follow(stored, scope=StageScope())
    assert (progress.stage, progress.wait) == (MERGED, None)


def test_restored_digest_counts_as_merged_at_the_time_of_rollback():
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


def test_image_in_kubernetes_manifest_has_no_stage_rebuilt():
    progress = follow(WORKLOAD, clusters=[build_cluster(build_running())])
    assert list_stages(progress) == [PROPOSED, MERGED, RUNNING]


@pytest.mark.parametrize(
    ("format_name", "kind"),
    [("dockerfile", UseKind.BUILD), ("kubernetes", UseKind.WORKLOAD), ("github-actions", UseKind.OTHER)],
)
def test_file_format_determines_if_image_is_built_on_or_deployed(format_name, kind):
    assert get_use_kind(format_name) is kind


# rebuilt


def test_update_counts_as_rebuilt_if_own_image_is_built_on_its_new_digest():
    progress = follow(BUILD, builds=[build_own("own 1", OLD, MERGED_AT - DAY), build_own()])
    assert progress.reached[-1] == ReachedStage(REBUILT, MERGED_AT + DAY)
    assert [(each.digest, each.evidence) for each in progress.builds] == [(digest("own 2"), RebuildEvidence.LAYERS)]


def test_update_counts_as_rebuilt_if_own_image_is_built_on_child_of_index():
    child = digest("child")
    assert follow(BUILD, builds=[build_own(base=child)], children={NEW: frozenset({child})}).stage is REBUILT
    assert follow(BUILD, builds=[build_own(base=child)]).stage is MERGED


def test_rebuild_time_is_time_of_first_build_on_digest():
    builds = [build_own("own 3", built_at=MERGED_AT + 3 * DAY), build_own()]
    assert follow(BUILD, builds=builds).get_time(REBUILT) == MERGED_AT + DAY


def test_rebuild_time_is_the_time_when_a_run_read_the_build_if_build_time_is_unknown():
    progress = follow(BUILD, builds=[build_own(built_at=None)])
    assert progress.reached[-1] == ReachedStage(REBUILT, NOW - DAY, is_exact=False)


def test_build_time_in_the_future_is_replaced_by_time_when_a_run_read_the_build():
    later = build_own(built_at=NOW + 30_000 * DAY)
    running = build_cluster(build_running(digest("own 2"), repository=OWN))
    progress = follow(BUILD, builds=[later], clusters=[running])
    assert progress.reached[-2:] == (
        ReachedStage(REBUILT, NOW - DAY, is_exact=False),
        ReachedStage(RUNNING, NOW - DAY, is_exact=False),
    )


def test_rebuild_time_is_time_of_merge_if_image_was_built_before_merge():
    progress = follow(BUILD, builds=[build_own(built_at=MERGED_AT - DAY)])
    assert progress.reached[-1] == ReachedStage(REBUILT, MERGED_AT, is_exact=False)


def test_update_waits_for_rebuild_if_own_image_is_built_on_earlier_digest():
    progress = follow(BUILD, builds=[build_own(base=OLD)])
    assert (progress.stage, get_reason(progress)) == (MERGED, WaitReason.NOT_BUILT)
    assert (progress.wait.images, progress.wait.last_built_at) == ((OWN,), MERGED_AT + DAY)


def test_update_waits_for_rebuild_if_image_with_unknown_base_was_built_before_merge():
    progress = follow(BUILD, builds=[build_own(base=None, built_at=MERGED_AT - DAY)])
    assert get_reason(progress) is WaitReason.NOT_BUILT


def test_rebuild_is_unknown_if_image_with_unknown_base_was_built_after_merge():
    progress = follow(BUILD, builds=[build_own(base=None)])
    assert (progress.stage, get_reason(progress)) == (MERGED, WaitReason.BASE_UNKNOWN)


def test_update_counts_as_rebuilt_if_own_image_is_built_from_head_of_base_branch():
    """Only this shows the base image of a builder stage, if there is no provenance."""
    builds = [build_own(base=None, revision="c0ffee")]
    progress = follow(BUILD, builds=builds, heads={WEB: "c0ffee"})
    assert (progress.stage, progress.builds[0].evidence) == (REBUILT, RebuildEvidence.COMMIT)
    assert follow(BUILD, builds=builds, heads={WEB: "other"}).stage is MERGED


def test_rebuilt_stage_names_the_strongest_evidence():
    bases = build_own(evidence=BaseEvidence.LABEL).build.bases + build_own().build.bases
    progress = follow(BUILD, builds=[build_own(bases=bases)])
    assert progress.builds[0].evidence is RebuildEvidence.LAYERS


def test_update_that_waits_for_rebuild_names_failed_check():
    check = FailedCheck("build", "https://github.com/acme/web/actions/runs/1")
    progress = follow(BUILD, builds=[build_own(base=OLD)], failed_checks={WEB: check})
    assert (get_reason(progress), progress.wait.check) == (WaitReason.BUILD_FAILED, check)
    assert follow(BUILD, builds=[build_own()], failed_checks={WEB: check}).stage is REBUILT


def test_unknown_own_image_is_the_wait_reason_if_no_image_of_the_file_is_known():
    assert get_reason(follow(BUILD, links={})) is WaitReason.IMAGE_UNKNOWN
    assert get_reason(follow(BUILD)) is WaitReason.IMAGE_UNKNOWN


def test_update_counts_as_rebuilt_if_all_own_images_of_file_are_rebuilt():
    worker = replace(build_own().build, repository="contoso.azurecr.io/apps/worker")
    links = {(WEB, "Dockerfile"): (*LINKS[WEB, "Dockerfile"], BuildLink(worker.repository, LinkEvidence.CONFIG))}
    older = replace(build_own(base=OLD), build=replace(worker, bases=build_own(base=OLD).build.bases))
    later = replace(build_own(), build=replace(worker, built_at=MERGED_AT + 4 * DAY))
    progress = follow(BUILD, links=links, builds=[build_own(), older])
    assert (get_reason(progress), progress.wait.images) == (WaitReason.NOT_BUILT, (worker.repository,))
    assert follow(BUILD, links=links, builds=[build_own(), later]).get_time(REBUILT) == MERGED_AT + 4 * DAY


# a manifest that points to the build


def build_own_use(digest_, **more):
    values = {"key": API, "path": "deploy/web.yaml", "repository": OWN, "tag": "1"} | more
    return build_use(UseKind.WORKLOAD, digest=digest_, **values)


def test_update_waits_for_deployment_if_manifest_names_older_own_image():
    manifest = build_own_use(digest("own 1"))
    scope = StageScope(has_builds=True)
    builds = [build_own("own 1", OLD, MERGED_AT - DAY), build_own()]
    progress = follow(BUILD, builds=builds, own_uses=[manifest], scope=scope)
    assert (progress.stage, get_reason(progress), progress.wait.manifests) == (
        REBUILT,
        WaitReason.NOT_DEPLOYED,
        (manifest,),
    )
    assert follow(BUILD, builds=builds, own_uses=[build_own_use(digest("own 2"))], scope=scope).wait is None


def test_update_does_not_wait_for_manifest_with_unknown_own_image():
    uses = [build_own_use(digest("not read"))]
    assert follow(BUILD, builds=[build_own()], own_uses=uses, scope=StageScope(has_builds=True)).wait is None


def test_update_does_not_wait_for_manifests_if_any_names_the_image_without_digest():
    uses = [build_own_use(None), build_own_use(digest("own 1"), path="deploy/old.yaml")]
    builds = [build_own("own 1", OLD, MERGED_AT - DAY), build_own()]
    progress = follow(BUILD, builds=builds, own_uses=uses, scope=StageScope(has_builds=True))
    assert progress.wait is None


def test_update_waits_for_deployment_if_container_and_manifest_have_older_own_image():
    running = build_running(digest("own 1"), repository=OWN)
    builds = [build_own("own 1", OLD, MERGED_AT - DAY), build_own()]
    clusters = [build_cluster(running)]
    progress = follow(BUILD, builds=builds, own_uses=[build_own_use(digest("own 1"))], clusters=clusters)
    assert (get_reason(progress), progress.wait.workloads) == (WaitReason.NOT_DEPLOYED, (running.image,))
    for other in ("own 2", "not read"):
        progress = follow(BUILD, builds=builds, own_uses=[build_own_use(digest(other))], clusters=clusters)
        assert get_reason(progress) is WaitReason.OLDER_RUNS


# stuck


def test_merged_update_is_stuck_after_waiting_a_day_for_containers():
    progress = follow(WORKLOAD, clusters=[build_cluster(build_running(OLD))])
    assert [progress.is_stuck(MERGED_AT + age) for age in (DAY / 2, DAY, 2 * DAY)] == [False, True, True]


def test_update_is_stuck_at_once_after_failed_build_but_never_if_image_is_unknown():
    failed = follow(BUILD, builds=[build_own(base=OLD)], failed_checks={WEB: FailedCheck("build")})
    assert failed.is_stuck(MERGED_AT)
    assert not follow(BUILD, links={}).is_stuck(NOW + 100 * DAY)
