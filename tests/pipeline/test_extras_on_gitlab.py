"""Labels, users, milestones and automerge over whole runs on GitLab, which sets most of them in one request."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.counted import SimulatedKill
from support.forges.gitlab.stand import GitLabStand
from support.forges.gitlab.state import GitLabMilestone
from support.forges.kill_points import note_kills
from support.runs.worlds import ToldScanner, build
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
def merging(make, moved):
    """Return a GitLab with running pipelines; `new` introduces no vulnerabilities, and `newer` does."""
    set_scan_results(moved, old=(CVE,), new=(), newer=(OTHER,))
    return make("running")


def set_scan_results(loopback, **findings) -> None:
    digests = {"old": OLD, "new": NEW, "newer": NEWER}
    loopback.scanner = ToldScanner({digests[key]: found for key, found in findings.items()})


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


def test_request_gets_attributes_and_next_run_makes_no_writes(gitlab, moved):
    assert run(gitlab, moved, RULE).note == ""
    assert read_attributes(gitlab) == ALL_SET
    writes = list(gitlab.writes)
    assert run(gitlab, moved, RULE).outcome.value == "unchanged"
    assert gitlab.writes == writes


def test_attributes_that_are_set_cost_no_request(gitlab, moved):
    run(gitlab, moved)
    with gitlab.server.watched() as bare:
        run(gitlab, moved)
    run(gitlab, moved, RULE)
    with gitlab.server.watched() as lines:
        run(gitlab, moved, RULE)
    assert len(lines) == len(bare)


def test_next_run_completes_killed_run(make, moved, request):
    write = 1
    while True:
        stand = make()
        stand.die_before(write)
        try:
            run(stand, moved, RULE)
            break
        except SimulatedKill:
            run(stand, moved, RULE)
            assert read_attributes(stand) == ALL_SET, f"killed before write {write}"
        write += 1
    note_kills(request, "gitlab", write - 1)
    assert write == 3  # the push, and the request with all that it has: then none


def test_attributes_added_to_the_policy_are_set_on_open_requests(gitlab, moved):
    run(gitlab, moved)
    assert run(gitlab, moved, RULE).outcome.value == "refreshed"
    assert read_attributes(gitlab) == ALL_SET


def test_next_run_completes_killed_run_that_adds_attributes(gitlab, moved):
    run(gitlab, moved)
    gitlab.die_before(1)
    with pytest.raises(SimulatedKill):
        run(gitlab, moved, RULE)
    assert read_attributes(gitlab) == ([], [], [], None)
    run(gitlab, moved, RULE)
    assert read_attributes(gitlab) == ALL_SET


def test_attributes_removed_by_users_stay_removed(gitlab, moved):
    run(gitlab, moved, RULE)
    found = find_merge_request(gitlab)
    found.labels, found.reviewers, found.assignees, found.milestone = [], [], [], None
    writes = list(gitlab.writes)
    assert "were not set again" in run(gitlab, moved, RULE).note
    assert gitlab.writes == writes
    moved.move("python", "3.12-slim", "newer")
    assert run(gitlab, moved, RULE).outcome.value == "refreshed"
    assert read_attributes(gitlab) == ([], [], [], None)


def test_refused_attributes_are_reported(gitlab, moved):
    proposal = run(gitlab, moved, PolicyRule(reviewers=("nobody", "team:platform", "ada")))
    assert proposal.outcome.value == "opened"
    assert "`nobody`" in proposal.note
    assert "`team:platform`" in proposal.note
    assert read_attributes(gitlab)[1] == ["ada"]


# Merging by itself


def test_automerge_is_enabled_when_all_conditions_are_met(merging, moved):
    assert run(merging, moved, AUTOMERGE).note == ""
    assert find_merge_request(merging).armed_by is merging.token.user
    writes = list(merging.writes)
    assert run(merging, moved, AUTOMERGE).outcome.value == "unchanged"
    assert merging.writes == writes


@pytest.mark.parametrize(
    "found", [{"old": (), "new": (OTHER,)}, {"old": ()}, {}], ids=["worse", "unknown", "unscanned"]
)
def test_automerge_is_not_enabled_when_conditions_are_not_met(merging, moved, found):
    set_scan_results(moved, **found)
    run(merging, moved, AUTOMERGE)
    assert find_merge_request(merging).armed_by is None


def test_next_run_enables_automerge_when_the_pipeline_exists(merging, moved):
    merging.project.ci = None
    assert "tries again" in run(merging, moved, AUTOMERGE).note
    assert find_merge_request(merging).armed_by is None
    merging.project.ci = "running"
    merging.project.run_pipeline(find_merge_request(merging))
    assert run(merging, moved, AUTOMERGE).note == ""
    assert find_merge_request(merging).armed_by is merging.token.user


def test_next_run_enables_automerge_after_killed_run(merging, moved):
    merging.die_before(4)  # after the push, the status and the request
    with pytest.raises(SimulatedKill):
        run(merging, moved, AUTOMERGE)
    assert find_merge_request(merging).armed_by is None
    run(merging, moved, AUTOMERGE)
    assert find_merge_request(merging).armed_by is merging.token.user


def test_automerge_is_enabled_again_after_a_push_disables_automerge(merging, moved):
    run(merging, moved, AUTOMERGE)
    set_scan_results(moved, old=(CVE,), new=(), newer=())
    moved.move("python", "3.12-slim", "newer")
    assert run(merging, moved, AUTOMERGE).outcome.value == "refreshed"
    assert find_merge_request(merging).armed_by is merging.token.user
    assert "aborted the automatic merge" in " ".join(each.body for each in find_merge_request(merging).notes)


def test_next_run_enables_automerge_after_run_killed_after_push(merging, moved):
    run(merging, moved, AUTOMERGE)
    set_scan_results(moved, old=(CVE,), new=(), newer=())
    moved.move("python", "3.12-slim", "newer")
    for write in (2, 1):  # after the push, before the words; then before it is armed
        merging.die_before(write)
        with pytest.raises(SimulatedKill):
            run(merging, moved, AUTOMERGE)
        assert find_merge_request(merging).armed_by is None
    run(merging, moved, AUTOMERGE)
    assert find_merge_request(merging).armed_by is merging.token.user


def test_automerge_is_disabled_before_a_worse_update_is_pushed(merging, moved):
    run(merging, moved, AUTOMERGE)
    moved.move("python", "3.12-slim", "newer")
    before = len(merging.writes)
    assert run(merging, moved, AUTOMERGE).outcome.value == "refreshed"
    assert find_merge_request(merging).armed_by is None
    assert merging.writes[before].endswith("/cancel_merge_when_pipeline_succeeds")
    merging.project.finish(find_merge_request(merging))
    assert find_merge_request(merging).state == "opened"


def test_branch_is_not_pushed_when_automerge_cannot_be_disabled(merging, moved):
    run(merging, moved, AUTOMERGE)
    head = find_merge_request(merging).head
    moved.move("python", "3.12-slim", "newer")
    merging.server.fail("POST .*/cancel_merge", merging.server.problem(403, "No"))
    assert run(merging, moved, AUTOMERGE).outcome.value == "failed"
    merging.settle()
    assert find_merge_request(merging).head == head


def test_automerge_disabled_by_a_user_stays_disabled(merging, moved):
    set_scan_results(moved, old=(CVE,), new=(), newer=())
    run(merging, moved, AUTOMERGE)
    find_merge_request(merging).call_off(merging.server.world.ada)
    assert "cancelled" in run(merging, moved, AUTOMERGE).note
    moved.move("python", "3.12-slim", "newer")
    run(merging, moved, AUTOMERGE)
    assert find_merge_request(merging).armed_by is None


def test_automerge_enabled_by_a_user_stays_unchanged(merging, moved):
    run(merging, moved)
    find_merge_request(merging).armed_by = merging.server.world.ada
    moved.move("python", "3.12-slim", "newer")
    left = run(merging, moved)
    assert (left.outcome.value, "accepted" in left.note) == ("left-alone", True)


@pytest.mark.parametrize(("rebase", "outcome"), [("auto", "refreshed"), ("never", "unchanged")])
def test_request_follows_base_branch_when_the_forge_requires_current_branches(gitlab, moved, rebase, outcome):
    rule = PolicyRule(rebase=rebase)
    gitlab.project.merge_method = "ff"
    run(gitlab, moved, rule)
    base = gitlab.commit("main", {"README.md": "Elsewhere.\n"})
    assert run(gitlab, moved, rule).outcome.value == outcome
    (commit,) = gitlab.commits("basebump/python-3.12-slim-06e5bb43")
    assert (commit.parents == (base,)) is (outcome == "refreshed")


def test_approved_request_waits_even_when_behind_the_base(gitlab, moved):
    gitlab.project.merge_method = "ff"
    run(gitlab, moved)
    find_merge_request(gitlab).approved_by.append(gitlab.server.world.ada)
    gitlab.commit("main", {"README.md": "Elsewhere.\n"})
    assert run(gitlab, moved).outcome.value == "left-alone"
