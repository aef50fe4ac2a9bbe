"""The commit status of a proposal over whole runs: its text, its updates, and a status that the forge refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.forges.azure.stand import AzureStand
from support.forges.counted import SimulatedKill
from support.forges.forge_stands import select_stands
from support.forges.github.stand import GitHubAppStand, GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.gitlab.state import GitLabStatus
from support.forges.stands import LocalStand
from support.runs.worlds import PresetScanner, build
from support.signing.attached import trusted
from support.values import finding

from bot.model.evidence import Severity
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule
from bot.model.request_attributes import CommitStatus, StatusState
from bot.model.rules import AutomergeConditions, IntroducedLimit
from bot.model.trust import TrustEntry

pytestmark = [
    pytest.mark.real("git"),
    pytest.mark.over_forges(local="it has no statuses", forgejo="it is asked as a Gitea"),
]

BRANCH = "basebump/python-3.12-slim-06e5bb43"
OLD, NEW, NEWER = build("old").digest, build("new").digest, build("newer").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
CVE, OTHER, CRITICAL = finding("CVE-1900-0001"), finding("CVE-1900-0002"), finding("CVE-1900-0003", Severity.CRITICAL)
STANDS = select_stands(without=("local", "forgejo"))


@pytest.fixture(params=STANDS)
def stand(request, start_stand):
    return start_stand(STANDS[request.param], FILES)


@pytest.fixture
def gitlab(start_stand):
    return start_stand(GitLabStand, FILES)


def set_scan_results(loopback, **findings) -> None:
    digests = {"old": OLD, "new": NEW, "newer": NEWER}
    loopback.scanner = PresetScanner({digests[key]: found for key, found in findings.items()})


def run(stand, loopback, *rules: PolicyRule, **orders):
    loopback.rulebook = replace(loopback.rulebook, rules=rules)
    (repository,) = loopback.run([stand.fleet()], **orders).repositories
    (proposal,) = repository.proposals
    return proposal


def is_draft(stand) -> bool:
    (request,) = stand.requests()
    if isinstance(stand, AzureStand):
        return stand.repository.requests[0].is_draft
    return request.title.startswith("Draft: ") if isinstance(stand, GitLabStand) else stand.repository.pulls[0].draft


def build_success(words: str) -> CommitStatus:
    return CommitStatus(StatusState.SUCCESS, words)


def test_proposal_gets_commit_status_and_next_run_makes_no_writes(stand, updated_registry):
    set_scan_results(updated_registry, old=(CVE, CRITICAL), new=())
    assert run(stand, updated_registry).note == ""
    assert stand.statuses(BRANCH) == [build_success("Fixes 2 (1 critical), adds none")]
    writes = list(stand.writes)
    with stand.server.watched() as lines:
        assert run(stand, updated_registry).outcome.value == "unchanged"
    assert stand.writes == writes
    assert not any("/status" in line for line in lines)


def test_new_evidence_and_new_commit_each_get_a_new_commit_status(stand, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=(), newer=())
    run(stand, updated_registry)
    set_scan_results(updated_registry, old=(CVE, OTHER), new=(), newer=())
    assert run(stand, updated_registry).outcome.value == "refreshed"
    assert stand.statuses(BRANCH) == [
        build_success("Fixes 1 (1 high), adds none"),
        build_success("Fixes 2 (2 high), adds none"),
    ]
    updated_registry.move("python", "3.12-slim", "newer")
    assert run(stand, updated_registry).outcome.value == "refreshed"
    assert stand.statuses(BRANCH) == [build_success("Fixes 2 (2 high), adds none")]


def test_failed_scan_leaves_commit_status_unchanged(stand, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=())
    run(stand, updated_registry)
    set_scan_results(updated_registry, old=(CVE,))
    assert run(stand, updated_registry).outcome.value == "unchanged"
    assert stand.statuses(BRANCH) == [build_success("Fixes 1 (1 high), adds none")]


def test_commit_status_states_unknown_evidence_and_is_not_failed(stand, updated_registry):
    set_scan_results(updated_registry, old=(CVE,))
    run(stand, updated_registry)
    (status,) = stand.statuses(BRANCH)
    assert status.state is StatusState.SUCCESS
    assert "not known: " in status.description


def test_commit_status_is_failed_until_required_review_is_resolved(stand, updated_registry):
    rule = PolicyRule(allow_introduced=(IntroducedLimit(Severity.CRITICAL, 0),))
    both = (CRITICAL, replace(CRITICAL, id="CVE-1900-0008"))
    set_scan_results(updated_registry, old=both, new=(replace(CRITICAL, id="CVE-1900-0009"),))
    run(stand, updated_registry, rule)
    (status,) = stand.statuses(BRANCH)
    assert status.state is StatusState.FAILURE
    assert "adds 1 (1 critical)" in status.description
    set_scan_results(updated_registry, old=both, new=())
    run(stand, updated_registry, rule)
    assert stand.statuses(BRANCH)[-1] == build_success("Fixes 2 (2 critical), adds none")


def test_worse_image_is_proposed_as_draft_with_reason_and_without_success_status(stand, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=(CVE, CRITICAL))
    proposal = run(stand, updated_registry)
    assert proposal.title.endswith(": fixes none, adds 1 (1 critical)")
    assert is_draft(stand)
    assert stand.statuses(BRANCH) == [
        CommitStatus(StatusState.FAILURE, "Look before you merge: fixes none, adds 1 (1 critical)")
    ]


def test_worse_image_that_policy_allows_is_not_proposed_as_draft(stand, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=(CVE, CRITICAL))
    run(stand, updated_registry, PolicyRule(allow_introduced=(IntroducedLimit(Severity.CRITICAL, 1),)))
    assert not is_draft(stand)
    assert stand.statuses(BRANCH) == [build_success("Fixes none, adds 1 (1 critical)")]


def test_commit_status_is_not_set_if_disabled_or_without_scan_results(stand, updated_registry):
    run(stand, updated_registry)
    assert stand.statuses(BRANCH) == []
    set_scan_results(updated_registry, old=(CVE,), new=())
    assert run(stand, updated_registry, has_status=False).outcome.value == "refreshed"
    assert stand.statuses(BRANCH) == []
    assert not any("/statuses/" in line for line in stand.writes)


def test_commit_status_is_set_if_only_trust_entries_are_configured(stand, updated_registry):
    trust = TrustEntry(("docker.io/library/python",), (trusted(ec.generate_private_key(ec.SECP256R1())),))
    updated_registry.rulebook = replace(updated_registry.rulebook, trust=(trust,))
    run(stand, updated_registry)
    (status,) = stand.statuses(BRANCH)
    assert "not signed" in status.description


def test_commit_statuses_enabled_later_are_set_with_one_body_edit_per_pull_request(stand, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=())
    run(stand, updated_registry, has_status=False)
    assert run(stand, updated_registry).outcome.value == "refreshed"
    assert stand.statuses(BRANCH) == [build_success("Fixes 1 (1 high), adds none")]
    assert run(stand, updated_registry).outcome.value == "unchanged"


def test_merge_of_base_branch_gets_status_of_the_commit_of_basebump(stand, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=())
    run(stand, updated_registry)
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    stand.update_branch(BRANCH)
    assert run(stand, updated_registry).outcome.value == "refreshed"
    assert stand.statuses(BRANCH) == [build_success("Fixes 1 (1 high), adds none")]
    assert run(stand, updated_registry).outcome.value == "unchanged"


def test_approved_pull_request_keeps_commit_status_after_base_branch_is_merged(start_stand, updated_registry):
    stand = start_stand(GitHubStand, FILES)
    set_scan_results(updated_registry, old=(CVE,), new=(), newer=())
    run(stand, updated_registry)
    stand.review(BRANCH, "APPROVED")
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    stand.update_branch(BRANCH)
    updated_registry.move("python", "3.12-slim", "newer")
    assert run(stand, updated_registry).outcome.value == "left-alone"
    assert stand.statuses(BRANCH) == [build_success("Fixes 1 (1 high), adds none")]
    writes = list(stand.writes)
    assert run(stand, updated_registry).outcome.value == "left-alone"
    assert stand.writes == writes


def test_missing_permission_for_statuses_is_reported_once_per_commit(stand, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=(), newer=())
    stand.server.fail(stand.status_request, stand.server.problem(403, "No"), times=99)
    proposal = run(stand, updated_registry)
    assert (proposal.outcome.value, "The status " in proposal.note) == ("opened", True)
    with stand.server.watched() as lines:
        assert run(stand, updated_registry).outcome.value == "unchanged"
    assert not any("/status" in line for line in lines)
    updated_registry.move("python", "3.12-slim", "newer")
    assert "The status " in run(stand, updated_registry).note


def test_app_without_permission_for_statuses_still_opens_proposals(start_stand, updated_registry):
    stand = start_stand(GitHubAppStand, FILES)
    granted = stand.installation.permissions
    stand.installation.permissions = {kind: level for kind, level in granted.items() if kind != "statuses"}
    set_scan_results(updated_registry, old=(CVE,), new=())
    proposal = run(stand, updated_registry)
    assert proposal.outcome.value == "opened"
    assert "`statuses: write`" in proposal.note
    assert run(stand, updated_registry).outcome.value == "unchanged"


def test_next_run_sets_status_after_run_killed_after_push(stand, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=())
    run(stand, updated_registry)
    stand.commit("main", {"Dockerfile": f"# rewritten\nFROM python:3.12-slim@{OLD} AS other\n"})
    pushes = {"github": 3, "azure": 2}.get(stand.kind, 1)
    stand.die_before(pushes + 1)
    with pytest.raises(SimulatedKill):
        run(stand, updated_registry)
    assert stand.statuses(BRANCH) == []
    assert run(stand, updated_registry).outcome.value == "refreshed"
    assert stand.statuses(BRANCH) == [build_success("Fixes 1 (1 high), adds none")]


def test_local_forge_has_no_commit_status(tmp_path, updated_registry):
    stand = LocalStand(tmp_path / "local", FILES)
    set_scan_results(updated_registry, old=(CVE,), new=())
    proposal = run(stand, updated_registry)
    assert (proposal.outcome.value, proposal.note) == ("opened", "")


# ---- GitLab makes a pipeline of it -------------------------------------------------------------------------------


AUTOMERGE = PolicyRule(automerge=AutomergeConditions(UpdateMode.DIGEST))


def test_pipeline_created_by_own_commit_status_on_gitlab_is_ignored(gitlab, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=())
    proposal = run(gitlab, updated_registry, AUTOMERGE)
    assert "has none yet" in proposal.note
    (request,) = gitlab.project.requests
    assert (request.pipeline.source, request.state, request.armed_by) == ("external", "opened", None)


def test_successful_status_of_another_tool_allows_automerge(gitlab, updated_registry):
    set_scan_results(updated_registry, old=(CVE,), new=())
    run(gitlab, updated_registry)
    (request,) = gitlab.project.requests
    gitlab.project.statuses.append(GitLabStatus(7, request.head, BRANCH, "jenkins", "success", ""))
    run(gitlab, updated_registry, AUTOMERGE)
    assert request.state == "merged"
