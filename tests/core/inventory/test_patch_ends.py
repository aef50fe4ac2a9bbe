"""When fixes of vulnerabilities reached each stage."""

from __future__ import annotations

from dataclasses import replace

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
)
from support.values import digest
from support.visits import NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.patch_ends import add_ends
from bot.core.inventory.patch_times import find_patches, summarise_patches
from bot.model.fleet_history import BranchRequest, FleetHistory, HeldDigest
from bot.model.patch_times import PatchGrouping
from bot.model.update_stages import StageScope, UpdateStage, UseKind

PROPOSED, MERGED, REBUILT, RUNNING = UpdateStage
OPENED_AT = MERGED_AT - 2 * DAY


def add_fixes(history: FleetHistory) -> FleetHistory:
    """Return the history in which all requests fix a vulnerability."""
    requests = (replace(each, request=replace(each.request, fixes={"high": 1})) for each in history.requests)
    return replace(history, requests=tuple(requests))


HISTORY = add_fixes(build_history())


def find_ends(*uses, history=HISTORY, **more):
    facts = build_facts(*(uses or (build_stored_use(),)), history=history, **more)
    (patch,) = add_ends(find_patches(history), facts)
    return patch.ends


def test_fix_has_the_time_when_each_stage_was_reached():
    running = build_running(digest("own 2"), repository=OWN)
    ends = find_ends(builds=[build_own()], clusters=[build_cluster(running)])
    assert ends == {PROPOSED: OPENED_AT, MERGED: MERGED_AT, REBUILT: MERGED_AT + DAY, RUNNING: NOW - 5 * DAY}


def test_fix_without_rebuilt_image_waits_for_stages_rebuilt_and_running():
    assert find_ends(builds=[build_own(base=OLD)]) == {
        PROPOSED: OPENED_AT,
        MERGED: MERGED_AT,
        REBUILT: None,
        RUNNING: None,
    }


def test_fix_has_no_time_for_stages_without_known_facts():
    assert find_ends(links={}) == {PROPOSED: OPENED_AT, MERGED: MERGED_AT}
    assert find_ends(builds=[build_own()], clusters=[build_cluster(read_at=None)]) == {
        PROPOSED: OPENED_AT,
        MERGED: MERGED_AT,
        REBUILT: MERGED_AT + DAY,
    }


def test_fix_of_image_that_no_container_runs_has_no_running_stage():
    assert set(find_ends(build_stored_use(UseKind.WORKLOAD))) == {PROPOSED, MERGED}


def test_container_with_a_later_digest_runs_the_fix():
    later = digest("later")
    held = [replace(each, ended_at=each.ended_at or NOW - DAY) for each in HISTORY.held]
    spans = (*held, HeldDigest(WEB, PYTHON.repository, "3.12", later, NOW - DAY, is_since_first_visit=False))
    history = replace(HISTORY, held=spans)
    use = build_stored_use(UseKind.WORKLOAD, digest=later, since=NOW - DAY)
    clusters = [build_cluster(build_running(later, first_seen_at=NOW - DAY / 2))]
    assert find_ends(use, history=history, clusters=clusters)[RUNNING] == NOW - DAY / 2
    clusters = [build_cluster(build_running(NEW))]
    assert find_ends(use, history=history, clusters=clusters)[RUNNING] == NOW - 5 * DAY


def test_fix_reaches_a_stage_when_all_files_have_reached_the_stage():
    running = build_running()
    uses = [build_stored_use(UseKind.WORKLOAD), build_stored_use()]
    ends = find_ends(*uses, clusters=[build_cluster(running)], builds=[build_own(base=OLD)])
    assert (ends[REBUILT], ends[RUNNING]) == (None, None)


def test_containers_with_another_tag_do_not_delay_running_stage_of_fix():
    old, new = digest("old 3.11"), digest("new 3.11")
    spans = ((old, NOW - 100 * DAY, NOW - DAY), (new, NOW - DAY, None))
    other = [
        HeldDigest(WEB, PYTHON.repository, "3.11", held, since, is_since_first_visit=False, ended_at=ended_at)
        for held, since, ended_at in spans
    ]
    history = replace(HISTORY, held=(*HISTORY.held, *other))
    uses = [
        build_stored_use(UseKind.WORKLOAD),
        build_stored_use(UseKind.WORKLOAD, path="deploy/old.yaml", tag="3.11", digest=new, since=NOW - DAY),
    ]
    running = [build_running(), build_running(old, name="old", tag="3.11")]
    assert find_ends(*uses, history=history, clusters=[build_cluster(*running)])[RUNNING] == NOW - 5 * DAY
    assert RUNNING not in find_ends(*uses, history=history, clusters=[build_cluster(build_running(new, tag="3.11"))])


def test_fix_in_open_pull_request_waits_for_every_known_stage():
    held = (HeldDigest(WEB, PYTHON.repository, "3.12", OLD, NOW - 100 * DAY, is_since_first_visit=True),)
    request = build_request(1, opened_at=OPENED_AT, fixes={"high": 1})
    history = FleetHistory(held, (BranchRequest(WEB, request),))
    use = build_stored_use(UseKind.WORKLOAD, digest=OLD, status="update", since=NOW - 100 * DAY)
    cluster = build_cluster(build_running(OLD))
    assert find_ends(use, history=history, clusters=[cluster]) == {PROPOSED: OPENED_AT, MERGED: None, RUNNING: None}
    cluster = build_cluster(build_running(NEW))
    assert find_ends(use, history=history, clusters=[cluster])[RUNNING] is None


def test_summary_by_stage_has_a_group_for_each_stage():
    facts = build_facts(build_stored_use(), history=HISTORY, builds=[build_own()])
    patches = add_ends(find_patches(HISTORY), facts)
    found = summarise_patches(patches, PatchGrouping.STAGE, NOW - 90 * DAY, NOW)
    assert [(each.group, each.since_seen.merged, each.since_seen.median) for each in found] == [
        ("proposed", 1, 0 * DAY),
        ("merged", 1, 2 * DAY),
        ("rebuilt", 1, 3 * DAY),
    ]


def test_summary_by_severity_or_team_has_the_median_times_until_each_stage():
    facts = build_facts(build_stored_use(), history=HISTORY, builds=[build_own()])
    patches = add_ends(find_patches(HISTORY), facts)
    for grouping in (PatchGrouping.SEVERITY, PatchGrouping.TEAM):
        (found,) = summarise_patches(patches, grouping, NOW - 90 * DAY, NOW)
        medians = [(stage, waits.median) for stage, waits in found.until_stages.items()]
        assert medians == [(PROPOSED, 0 * DAY), (MERGED, 2 * DAY), (REBUILT, 3 * DAY)]
        assert found.until_stages[MERGED] == found.since_seen


def test_summary_by_stage_is_empty_without_facts_about_stages():
    patches = find_patches(HISTORY)
    assert summarise_patches(patches, PatchGrouping.STAGE, NOW - 90 * DAY, NOW) == ()
    assert not summarise_patches(patches, PatchGrouping.ALL, NOW - 90 * DAY, NOW)[0].until_stages


def test_fix_has_no_running_stage_if_clusters_are_not_read():
    ends = find_ends(builds=[build_own()], scope=StageScope(has_builds=True), links=LINKS)
    assert set(ends) == {PROPOSED, MERGED, REBUILT}
