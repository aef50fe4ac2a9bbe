"""Merged updates that must run by their due dates, and that do not run yet."""

from __future__ import annotations

from dataclasses import replace

from support.stages import DAY, MERGED_AT, build_cluster, build_facts, build_history, build_running, build_stored_use
from support.values import digest
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.stage_funnels import find_fleet_stages
from bot.core.inventory.stage_index import StageIndex
from bot.core.inventory.unfinished_updates import find_unfinished
from bot.model.due_date import DueClass, DueUntil
from bot.model.fleet_history import BranchRequest, FleetHistory, HeldDigest
from bot.model.proposal import RequestState
from bot.model.update_stages import UpdateStage, UseKind, WaitReason

LATER = digest("later")
WORKLOAD = build_stored_use(UseKind.WORKLOAD)
OLDER_RUNS = [build_cluster(build_running(OLD))]


def require_running(history: FleetHistory, until: DueUntil = DueUntil.RUNNING, **more) -> FleetHistory:
    values = {"due_at": NOW - DAY, "due_for": DueClass.HIGH, "due_until": until} | more
    return replace(
        history,
        requests=tuple(replace(each, request=replace(each.request, **values)) for each in history.requests),
    )


HISTORY = require_running(build_history())


def find(*uses, history=HISTORY, clusters=OLDER_RUNS, **more):
    return find_unfinished(StageIndex(build_facts(*(uses or (WORKLOAD,)), history=history, clusters=clusters, **more)))


def test_merged_update_is_unfinished_while_an_older_image_runs():
    (found,) = find()
    assert (found.key, found.request.number, found.due_for) == (WEB, 1, DueClass.HIGH)
    assert (found.progress.stage, found.progress.wait.reason) == (UpdateStage.MERGED, WaitReason.OLDER_RUNS)
    assert [found.is_overdue(at) for at in (NOW - 2 * DAY, NOW - DAY, NOW)] == [False, True, True]
    assert find(clusters=[build_cluster(build_running(NEW))]) == ()


def test_merged_update_is_finished_if_policy_requires_only_the_merge():
    assert find(history=require_running(build_history(), DueUntil.MERGED)) == ()
    assert find(history=require_running(build_history(), due_at=None)) == ()


def test_update_in_open_pull_request_is_not_listed_as_unfinished():
    waiting = BranchRequest(WEB, build_request(2, opened_at=NOW, targets=(f"{PYTHON}@{LATER}",)))
    history = require_running(build_history(has_request=False, requests=[waiting]))
    assert find(history=history) == ()


def test_merged_update_is_not_listed_as_unfinished_if_no_container_runs_the_image():
    assert find(clusters=[build_cluster()]) == ()


def test_update_of_ci_job_image_is_finished_when_merged():
    assert find(build_stored_use(UseKind.OTHER)) == ()


def test_update_of_image_that_is_not_in_base_branch_anymore_is_finished():
    assert find_unfinished(StageIndex(build_facts(history=HISTORY, clusters=OLDER_RUNS))) == ()


def test_update_with_unknown_progress_is_never_overdue():
    (found,) = find(clusters=[build_cluster(build_running(OLD), read_at=MERGED_AT - DAY)])
    assert not found.is_known
    assert not found.is_overdue(NOW)


def test_unfinished_update_reports_progress_of_file_with_known_progress():
    other = build_stored_use(path="a/Dockerfile")
    (found,) = find(other, WORKLOAD, links={})
    assert (found.is_known, found.progress.use.path) == (True, WORKLOAD.use.path)


def test_update_stays_unfinished_after_a_later_digest_is_merged():
    later_at = NOW - 3 * DAY
    spans = (
        *(replace(each, ended_at=each.ended_at or later_at) for each in HISTORY.held),
        HeldDigest(WEB, PYTHON.repository, "3.12", LATER, later_at, is_since_first_visit=False),
    )
    second = build_request(2, RequestState.MERGED, ended_at=later_at, targets=(f"{PYTHON}@{LATER}",))
    history = require_running(replace(HISTORY, held=spans, requests=(*HISTORY.requests, BranchRequest(WEB, second))))
    use = build_stored_use(UseKind.WORKLOAD, digest=LATER, since=later_at)

    def list_numbers(running):
        clusters = [build_cluster(build_running(running))]
        return [each.request.number for each in find(use, history=history, clusters=clusters)]

    assert list_numbers(OLD) == [1, 2]
    assert list_numbers(NEW) == [2]
    assert list_numbers(LATER) == []


def test_unfinished_update_with_earliest_due_date_comes_first():
    first, second = HISTORY, build_history(key=API)
    second = require_running(second, due_at=NOW - 2 * DAY)
    both = FleetHistory((*first.held, *second.held), (*first.requests, *second.requests))
    found = find(WORKLOAD, build_stored_use(UseKind.WORKLOAD, key=API), history=both)
    assert [each.key for each in found] == [API, WEB]


def test_fleet_stages_contain_unfinished_updates_of_selected_uses():
    facts = build_facts(WORKLOAD, history=HISTORY, clusters=OLDER_RUNS)
    assert len(find_fleet_stages(facts, NOW).unfinished) == 1
    assert find_fleet_stages(facts, NOW, lambda use: use.key == API).unfinished == ()
