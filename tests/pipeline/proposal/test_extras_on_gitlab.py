"""Labels, users, milestones and automerge over whole runs on GitLab, which sets most of them in one request."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.counted import SimulatedKill
from support.forges.gitlab.stand import GitLabStand
from support.forges.gitlab.state import GitLabMilestone
from support.forges.kill_points import note_kills
from support.runs.worlds import PresetScanner, build
from support.values import finding

from bot.model.evidence import Severity
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule
from bot.model.rules import AutomergeConditions

pytestmark = pytest.mark.real("git")

OLD, NEW, NEWER = build("old").digest, build("new").digest, build("newer").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
RULE = PolicyRule(labels=("docker",), reviewers=("ada",), assignees=("ada",), milestone="Next")
AUTOMERGE = PolicyRule(automerge=AutomergeConditions(UpdateMode.DIGEST))
ALL_SET = (["docker"], ["ada"], ["ada"], "Next")
CVE, OTHER = finding("CVE-1900-0001"), finding("CVE-1900-0002", Severity.LOW)


@pytest.fixture
def make(tmp_path):
    stands = []

    def _make(ci=None):
        stand = GitLabStand(tmp_path / f"gitlab-{len(stands)}", FILES)
        stand.project.milestones.append(GitLabMilestone(7, "Next"))
        stand.project.ci = ci
        stands.append(stand)
        return stand

    yield _make
    for stand in stands:
        stand.end()


@pytest.fixture
def gitlab(make):
    return make()


@pytest.fixture
def gitlab_with_pipelines(make, updated_registry):
    """Return a GitLab with running pipelines; `new` introduces no vulnerabilities, and `newer` does."""
    set_scan_results(updated_registry, old=(CVE,), new=(), newer=(OTHER,))
    return make("running")


def set_scan_results(loopback, **findings) -> None:
    digests = {"old": OLD, "new": NEW, "newer": NEWER}
    loopback.scanner = PresetScanner({digests[key]: found for key, found in findings.items()})


def run(stand, loopback, *rules: PolicyRule):
    loopback.rulebook = replace(loopback.rulebook, rules=rules)
    (repository,) = loopback.run([stand.fleet()]).repositories
    (proposal,) = repository.proposals
    return proposal


def find_merge_request(stand):
    (found,) = stand.project.requests
    return found


def read_attributes(stand) -> tuple:
    found = find_merge_request(stand)
    people = ([each.username for each in some] for some in (found.reviewers, found.assignees))
    return (found.labels, *people, found.milestone.title if found.milestone else None)


def test_merge_request_gets_attributes_and_next_run_makes_no_writes(gitlab, updated_registry):
    assert run(gitlab, updated_registry, RULE).note == ""
    assert read_attributes(gitlab) == ALL_SET
    writes = list(gitlab.writes)
    assert run(gitlab, updated_registry, RULE).outcome.value == "unchanged"
    assert gitlab.writes == writes


def test_attributes_that_are_already_set_cost_no_http_request(gitlab, updated_registry):
    run(gitlab, updated_registry)
    with gitlab.server.watched() as bare:
        run(gitlab, updated_registry)
    run(gitlab, updated_registry, RULE)
    with gitlab.server.watched() as lines:
        run(gitlab, updated_registry, RULE)
    assert len(lines) == len(bare)


def test_next_run_completes_attributes_after_killed_run(make, updated_registry, request):
    write = 1
    while True:
        stand = make()
        stand.die_before(write)
        try:
            run(stand, updated_registry, RULE)
            break
        except SimulatedKill:
            run(stand, updated_registry, RULE)
            assert read_attributes(stand) == ALL_SET, f"killed before write {write}"
        write += 1
    note_kills(request, "gitlab", write - 1)
    assert write == 3  # the push, and the request with all that it has: then none


def test_attributes_added_to_the_policy_are_set_on_open_merge_requests(gitlab, updated_registry):
    run(gitlab, updated_registry)
    assert run(gitlab, updated_registry, RULE).outcome.value == "refreshed"
    assert read_attributes(gitlab) == ALL_SET


def test_next_run_completes_killed_run_that_adds_attributes(gitlab, updated_registry):
    run(gitlab, updated_registry)
    gitlab.die_before(1)
    with pytest.raises(SimulatedKill):
        run(gitlab, updated_registry, RULE)
    assert read_attributes(gitlab) == ([], [], [], None)
    run(gitlab, updated_registry, RULE)
    assert read_attributes(gitlab) == ALL_SET


def test_attributes_removed_by_users_stay_removed(gitlab, updated_registry):
    run(gitlab, updated_registry, RULE)
    found = find_merge_request(gitlab)
    found.labels, found.reviewers, found.assignees, found.milestone = [], [], [], None
    writes = list(gitlab.writes)
    assert "were not set again" in run(gitlab, updated_registry, RULE).note
    assert gitlab.writes == writes
    updated_registry.move("python", "3.12-slim", "newer")
    assert run(gitlab, updated_registry, RULE).outcome.value == "refreshed"
    assert read_attributes(gitlab) == ([], [], [], None)


def test_attributes_that_gitlab_refuses_are_reported(gitlab, updated_registry):
    proposal = run(gitlab, updated_registry, PolicyRule(reviewers=("nobody", "team:platform", "ada")))
    assert proposal.outcome.value == "opened"
    assert "`nobody`" in proposal.note
    assert "`team:platform`" in proposal.note
    assert read_attributes(gitlab)[1] == ["ada"]


# Merging by itself


def test_automerge_is_enabled_when_all_conditions_are_met(gitlab_with_pipelines, updated_registry):
    assert run(gitlab_with_pipelines, updated_registry, AUTOMERGE).note == ""
    assert find_merge_request(gitlab_with_pipelines).armed_by is gitlab_with_pipelines.token.user
    writes = list(gitlab_with_pipelines.writes)
    assert run(gitlab_with_pipelines, updated_registry, AUTOMERGE).outcome.value == "unchanged"
    assert gitlab_with_pipelines.writes == writes


@pytest.mark.parametrize(
    "found", [{"old": (), "new": (OTHER,)}, {"old": ()}, {}], ids=["worse", "unknown", "unscanned"]
)
def test_automerge_is_not_enabled_when_conditions_are_not_met(gitlab_with_pipelines, updated_registry, found):
    set_scan_results(updated_registry, **found)
    run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
    assert find_merge_request(gitlab_with_pipelines).armed_by is None


def test_next_run_enables_automerge_when_the_pipeline_exists(gitlab_with_pipelines, updated_registry):
    gitlab_with_pipelines.project.ci = None
    assert "tries again" in run(gitlab_with_pipelines, updated_registry, AUTOMERGE).note
    assert find_merge_request(gitlab_with_pipelines).armed_by is None
    gitlab_with_pipelines.project.ci = "running"
    gitlab_with_pipelines.project.run_pipeline(find_merge_request(gitlab_with_pipelines))
    assert run(gitlab_with_pipelines, updated_registry, AUTOMERGE).note == ""
    assert find_merge_request(gitlab_with_pipelines).armed_by is gitlab_with_pipelines.token.user


def test_next_run_enables_automerge_after_killed_run(gitlab_with_pipelines, updated_registry):
    gitlab_with_pipelines.die_before(4)  # after the push, the status and the request
    with pytest.raises(SimulatedKill):
        run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
    assert find_merge_request(gitlab_with_pipelines).armed_by is None
    run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
    assert find_merge_request(gitlab_with_pipelines).armed_by is gitlab_with_pipelines.token.user


def test_automerge_is_enabled_again_after_a_push_disables_automerge(gitlab_with_pipelines, updated_registry):
    run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
    set_scan_results(updated_registry, old=(CVE,), new=(), newer=())
    updated_registry.move("python", "3.12-slim", "newer")
    assert run(gitlab_with_pipelines, updated_registry, AUTOMERGE).outcome.value == "refreshed"
    assert find_merge_request(gitlab_with_pipelines).armed_by is gitlab_with_pipelines.token.user
    assert "aborted the automatic merge" in " ".join(
        each.body for each in find_merge_request(gitlab_with_pipelines).notes
    )


def test_next_run_enables_automerge_after_run_killed_after_push(gitlab_with_pipelines, updated_registry):
    run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
    set_scan_results(updated_registry, old=(CVE,), new=(), newer=())
    updated_registry.move("python", "3.12-slim", "newer")
    for write in (2, 1):  # after the push, before the words; then before it is armed
        gitlab_with_pipelines.die_before(write)
        with pytest.raises(SimulatedKill):
            run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
        assert find_merge_request(gitlab_with_pipelines).armed_by is None
    run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
    assert find_merge_request(gitlab_with_pipelines).armed_by is gitlab_with_pipelines.token.user


def test_automerge_is_disabled_before_a_worse_update_is_pushed(gitlab_with_pipelines, updated_registry):
    run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
    updated_registry.move("python", "3.12-slim", "newer")
    before = len(gitlab_with_pipelines.writes)
    assert run(gitlab_with_pipelines, updated_registry, AUTOMERGE).outcome.value == "refreshed"
    assert find_merge_request(gitlab_with_pipelines).armed_by is None
    assert gitlab_with_pipelines.writes[before].endswith("/cancel_merge_when_pipeline_succeeds")
    gitlab_with_pipelines.project.finish(find_merge_request(gitlab_with_pipelines))
    assert find_merge_request(gitlab_with_pipelines).state == "opened"


def test_branch_is_not_pushed_when_automerge_cannot_be_disabled(gitlab_with_pipelines, updated_registry):
    run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
    head = find_merge_request(gitlab_with_pipelines).head
    updated_registry.move("python", "3.12-slim", "newer")
    gitlab_with_pipelines.server.fail("POST .*/cancel_merge", gitlab_with_pipelines.server.problem(403, "No"))
    assert run(gitlab_with_pipelines, updated_registry, AUTOMERGE).outcome.value == "failed"
    gitlab_with_pipelines.settle()
    assert find_merge_request(gitlab_with_pipelines).head == head


def test_automerge_disabled_by_a_user_stays_disabled(gitlab_with_pipelines, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=(), newer=())
    run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
    find_merge_request(gitlab_with_pipelines).call_off(gitlab_with_pipelines.server.world.ada)
    assert "cancelled" in run(gitlab_with_pipelines, updated_registry, AUTOMERGE).note
    updated_registry.move("python", "3.12-slim", "newer")
    run(gitlab_with_pipelines, updated_registry, AUTOMERGE)
    assert find_merge_request(gitlab_with_pipelines).armed_by is None


def test_merge_request_is_unchanged_if_a_user_enabled_automerge(gitlab_with_pipelines, updated_registry):
    run(gitlab_with_pipelines, updated_registry)
    find_merge_request(gitlab_with_pipelines).armed_by = gitlab_with_pipelines.server.world.ada
    updated_registry.move("python", "3.12-slim", "newer")
    left = run(gitlab_with_pipelines, updated_registry)
    assert (left.outcome.value, "accepted" in left.note) == ("left-alone", True)


@pytest.mark.parametrize(("rebase", "outcome"), [("auto", "refreshed"), ("never", "unchanged")])
def test_branch_is_rebuilt_on_new_base_if_gitlab_requires_up_to_date_branches(
    gitlab, updated_registry, rebase, outcome
):
    rule = PolicyRule(rebase=rebase)
    gitlab.project.merge_method = "ff"
    run(gitlab, updated_registry, rule)
    base = gitlab.commit("main", {"README.md": "Elsewhere.\n"})
    assert run(gitlab, updated_registry, rule).outcome.value == outcome
    (commit,) = gitlab.commits("basebump/python-3.12-slim-06e5bb43")
    assert (commit.parents == (base,)) is (outcome == "refreshed")


def test_approved_merge_request_stays_unchanged_although_behind_the_base_branch(gitlab, updated_registry):
    gitlab.project.merge_method = "ff"
    run(gitlab, updated_registry)
    find_merge_request(gitlab).approved_by.append(gitlab.server.world.ada)
    gitlab.commit("main", {"README.md": "Elsewhere.\n"})
    assert run(gitlab, updated_registry).outcome.value == "left-alone"
