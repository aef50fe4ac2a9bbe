"""Labels, reviewers and automerge over whole runs: set once, completed after a killed run, and never against users."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.counted import SimulatedKill
from support.forges.github.stand import GitHubStand
from support.forges.kill_points import note_kills
from support.forges.stands import LocalStand
from support.runs.worlds import PresetScanner, build
from support.values import finding

from bot.model.evidence import Severity
from bot.model.limits import RolloutOptions
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule, RuleMatch
from bot.model.rules import AutomergeConditions

pytestmark = pytest.mark.real("git")

BRANCH = "basebump/python-3.12-slim-06e5bb43"
OLD, NEW, NEWER = build("old").digest, build("new").digest, build("newer").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
RULE = PolicyRule(labels=("docker",), reviewers=("ada", "team:platform"), assignees=("ada",), milestone="Next")
AUTOMERGE = PolicyRule(automerge=AutomergeConditions(UpdateMode.DIGEST))


@pytest.fixture
def github(tmp_path):
    stand = GitHubStand(tmp_path / "github", FILES)
    stand.repository.milestones["Next"] = 1
    yield stand
    stand.end()


def run(stand, loopback, *rules: PolicyRule):
    loopback.rulebook = replace(loopback.rulebook, rules=rules)
    (repository,) = loopback.run([stand.fleet()]).repositories
    (proposal,) = repository.proposals
    return proposal


def read_attributes(stand) -> tuple:
    (pull,) = stand.repository.pulls
    return pull.labels, pull.reviewers, pull.assignees, pull.milestone


ALL_SET = (["docker"], ["ada", "team:platform"], ["ada"], "Next")


def test_pull_request_gets_attributes_and_next_run_makes_no_writes(github, updated_registry):
    assert run(github, updated_registry, RULE).note == ""
    assert read_attributes(github) == ALL_SET
    writes = list(github.writes)
    assert run(github, updated_registry, RULE).outcome.value == "unchanged"
    assert github.writes == writes


def test_next_run_completes_attributes_after_killed_run(tmp_path, updated_registry, request):
    write = 1
    while True:
        stand = GitHubStand(tmp_path / f"github-{write}", FILES)
        stand.repository.milestones["Next"] = 1
        stand.die_before(write)
        try:
            run(stand, updated_registry, RULE)
            break
        except SimulatedKill:
            run(stand, updated_registry, RULE)
            assert read_attributes(stand) == ALL_SET, f"killed before write {write}"
        finally:
            stand.end()
        write += 1
    note_kills(request, "github", write - 1)
    assert write == 10  # tree, commit, branch, request, label made and set, reviewers, assignee, milestone: then none


def test_attributes_removed_by_users_stay_removed(github, updated_registry):
    run(github, updated_registry, RULE)
    (pull,) = github.repository.pulls
    pull.labels.clear()
    pull.reviewers.clear()
    pull.assignees.clear()
    pull.milestone = None
    updated_registry.move("python", "3.12-slim", "newer")
    assert run(github, updated_registry, RULE).outcome.value == "refreshed"
    assert read_attributes(github) == ([], [], [], None)


def test_attributes_that_the_forge_refuses_are_reported(github, updated_registry):
    proposal = run(github, updated_registry, PolicyRule(reviewers=("nobody", "ada")))
    assert proposal.outcome.value == "opened"
    assert "`nobody`" in proposal.note
    assert read_attributes(github)[1] == ["ada"]


def test_group_combines_attributes_of_all_references(tmp_path, updated_registry):
    stand = GitHubStand(tmp_path / "github", FILES | {"cache/Dockerfile": f"FROM redis:7@{OLD}\n"})
    updated_registry.move("redis", "7", "new")
    for_redis = PolicyRule(match=RuleMatch(path=("cache/**",)), labels=("cache",), draft=True)
    run(
        stand,
        updated_registry,
        for_redis,
        PolicyRule(group="all", labels=("docker",), reviewers=("ada",)),
        PolicyRule(group="all"),
    )
    (pull,) = stand.repository.pulls
    assert (pull.labels, pull.reviewers, pull.draft) == (["cache", "docker"], ["ada"], True)
    stand.end()


def test_attributes_from_repository_config_are_added_to_those_of_operator(github, updated_registry):
    github.commit("main", {".basebump.yaml": "schema: 1\npolicy: [{reviewers: [ada]}]\n"})
    run(github, updated_registry, PolicyRule(reviewers=("team:platform",)))
    assert read_attributes(github)[1] == ["ada", "team:platform"]


def test_unsupported_attributes_are_noted_on_the_proposal(tmp_path, updated_registry):
    proposal = run(LocalStand(tmp_path / "local", FILES), updated_registry, RULE)
    assert proposal.outcome.value == "opened"
    assert "labels, reviewers" in proposal.note


def test_pull_request_opened_as_draft_by_a_rule_has_no_automerge(github, updated_registry):
    run(
        github,
        updated_registry,
        PolicyRule(draft=True, automerge=AutomergeConditions(UpdateMode.DIGEST, require_scan=False, no_new=False)),
    )
    (pull,) = github.repository.pulls
    assert pull.draft
    assert pull.auto_merge is None


# Merging by itself


def set_scan_results(loopback, **findings) -> None:
    digests = {"old": OLD, "new": NEW, "newer": NEWER}
    loopback.scanner = PresetScanner({digests[key]: found for key, found in findings.items()})


CVE, OTHER = finding("CVE-1900-0001"), finding("CVE-1900-0002", Severity.LOW)


def test_automerge_is_enabled_when_all_conditions_are_met(github, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=())
    assert run(github, updated_registry, AUTOMERGE).note == ""
    (pull,) = github.repository.pulls
    assert pull.auto_merge is github.token.account
    writes = list(github.writes)
    assert run(github, updated_registry, AUTOMERGE).outcome.value == "unchanged"
    assert github.writes == writes


def test_first_proposal_in_a_repository_has_no_automerge(github, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=())
    updated_registry.rulebook = replace(updated_registry.rulebook, rules=(AUTOMERGE,))
    updated_registry.run([github.fleet()], rollout=RolloutOptions(first_proposal=True))
    (pull,) = github.repository.pulls
    assert pull.auto_merge is None


def test_next_run_enables_automerge_after_killed_run(github, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=())
    github.die_before(6)  # after tree, commit, branch, status and request
    with pytest.raises(SimulatedKill):
        run(github, updated_registry, AUTOMERGE)
    (pull,) = github.repository.pulls
    assert pull.auto_merge is None
    assert run(github, updated_registry, AUTOMERGE).outcome.value == "refreshed"
    assert pull.auto_merge is github.token.account


@pytest.mark.parametrize(
    "found", [{"old": (), "new": (OTHER,)}, {"old": ()}, {}], ids=["worse", "unknown", "unscanned"]
)
def test_automerge_is_not_enabled_when_conditions_are_not_met(github, updated_registry, found):
    set_scan_results(updated_registry, **found)
    run(github, updated_registry, AUTOMERGE)
    (pull,) = github.repository.pulls
    assert pull.auto_merge is None


@pytest.mark.parametrize("left", [{}, {"old": (CVE,)}, {"new": ()}], ids=["both", "new", "old"])
def test_failed_scan_does_not_disable_automerge(github, updated_registry, left):
    set_scan_results(updated_registry, old=(CVE,), new=())
    run(github, updated_registry, AUTOMERGE)
    writes = list(github.writes)
    set_scan_results(updated_registry, **left)
    assert run(github, updated_registry, AUTOMERGE).outcome.value == "unchanged"
    assert github.writes == writes
    set_scan_results(updated_registry, old=(CVE,), new=(OTHER,))
    assert run(github, updated_registry, AUTOMERGE).outcome.value == "refreshed"
    (pull,) = github.repository.pulls
    assert pull.auto_merge is None


def test_automerge_is_disabled_if_a_newer_update_is_worse(github, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=(), newer=(OTHER,))
    run(github, updated_registry, AUTOMERGE)
    updated_registry.move("python", "3.12-slim", "newer")
    before = len(github.server.writes)
    assert run(github, updated_registry, AUTOMERGE).outcome.value == "refreshed"
    (pull,) = github.repository.pulls
    assert pull.auto_merge is None
    sent = [str(each.request) for each in github.server.writes[before:]]
    assert "disablePullRequestAutoMerge" in sent[0]


def test_automerge_disabled_by_a_user_stays_disabled(github, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=(), newer=())
    run(github, updated_registry, AUTOMERGE)
    (pull,) = github.repository.pulls
    pull.auto_merge = None
    updated_registry.move("python", "3.12-slim", "newer")
    assert run(github, updated_registry, AUTOMERGE).outcome.value == "refreshed"
    assert pull.auto_merge is None


def test_approved_pull_request_is_unchanged_and_reported(github, updated_registry):
    run(github, updated_registry)
    github.review(BRANCH, "APPROVED")
    updated_registry.move("python", "3.12-slim", "newer")
    left = run(github, updated_registry)
    assert (left.outcome.value, "accepted" in left.note) == ("left-alone", True)


@pytest.mark.parametrize(("rebase", "outcome"), [("auto", "refreshed"), ("never", "unchanged")])
def test_branch_is_rebuilt_on_new_base_if_the_forge_requires_up_to_date_branches(
    github, updated_registry, rebase, outcome
):
    rule = PolicyRule(rebase=rebase)
    github.repository.strict_rules = True
    run(github, updated_registry, rule)
    base = github.commit("main", {"README.md": "Elsewhere.\n"})
    assert run(github, updated_registry, rule).outcome.value == outcome
    (commit,) = github.commits(BRANCH)
    assert (commit.parents == (base,)) is (outcome == "refreshed")


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (PolicyRule(), "a person merges it (auto-merge: not configured) |"),
        (
            PolicyRule(automerge=AutomergeConditions(UpdateMode.DIGEST), draft=True),
            "a person merges it (auto-merge: no, this is a draft) |",
        ),
    ],
)
def test_text_explains_why_the_forge_does_not_merge(github, updated_registry, rule, text):
    run(github, updated_registry, rule)
    (pull,) = github.repository.pulls
    assert text in pull.body
