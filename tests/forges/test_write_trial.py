"""The trial of all writes by `basebump doctor --try-writes`, on every server."""

from __future__ import annotations

import re

import pytest
from support.forges.azure.stand import AzureStand
from support.forges.contract_scene import PREFIX, propose

from bot.model.diagnosis import CheckStatus, DiagnosisTarget
from bot.model.vocabulary import RunLevel

pytestmark = [
    pytest.mark.over_forges(local="it is no server", github_app="tokens aside, it is asked as with a token"),
    pytest.mark.parametrize("stand", ["github", "gitlab", "azure", "gitea", "forgejo"], indirect=True),
]

ACTIONS = [
    "create a branch with a commit",
    "recognise the commit",
    "open a pull request",
    "read its text again",
    "rebuild the branch",
    "edit the text",
    "close the pull request",
    "remove the trial",
]


def try_writes(stand, name=None):
    target = DiagnosisTarget(RunLevel.PROPOSE, PREFIX, trial_repository=name or stand.name)
    checks = [each for each in stand.fleet().examine(target) if each.action in ACTIONS]
    return [(each.action, each.status) for each in checks], [each.result for each in checks]


def test_write_trial_tries_every_write_and_leaves_only_closed_pull_request(stand):
    before = stand.branches()
    checks, _ = try_writes(stand)
    assert checks == [(action, CheckStatus.OK) for action in ACTIONS]
    assert stand.branches() == before
    (request,) = stand.requests()
    assert request.state.value == "closed"
    assert re.fullmatch(r"basebump/trial-[0-9a-f]{8}", request.branch)


def test_write_trial_leaves_existing_proposals_unchanged(stand):
    seen = propose(stand)
    try_writes(stand)
    assert [each for each in stand.forge().list_requests(PREFIX, frozenset()) if each.number == seen.number] == [seen]


def test_write_trial_stops_at_first_refused_write(stand):
    stand.refuse_writes("")
    checks, results = try_writes(stand)
    assert checks[0] == (ACTIONS[0], CheckStatus.PROBLEM)
    assert "hint: " in results[0]
    assert [action for action, _ in checks[1:]] == ["remove the trial"]
    assert stand.requests() == []


def test_write_trial_does_not_write_to_repositories_that_are_not_named(stand):
    assert try_writes(stand, "acme/another") == ([], [])
    assert stand.writes == []


@pytest.mark.parametrize(
    ("assumption", "failing"),
    [
        ({"keeps_modes": False}, None),
        ({"begins_at_old_object": False}, "create a branch with a commit"),
        ({"lists_whole_trees": False}, "create a branch with a commit"),
        ({"are_refs_atomic": True}, None),
        ({"shows_pusher": False}, None),
    ],
)
def test_write_trial_reports_write_that_fails_due_to_broken_azure_assumption(stand, assumption, failing):
    if not isinstance(stand, AzureStand):
        pytest.skip("the assumptions are about Azure DevOps")
    for name, value in assumption.items():
        setattr(stand.server.world.assumptions, name, value)
    before = stand.branches()
    checks, _ = try_writes(stand)
    assert next((action for action, status in checks if status is CheckStatus.PROBLEM), None) == failing
    assert stand.branches() == before
