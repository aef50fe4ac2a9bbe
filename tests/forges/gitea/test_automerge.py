"""Auto-merge on Gitea and Forgejo, which merge at once if the base branch requires no status check."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.contract_scene import BRANCH, CHANGES, message_of, open_one, proposal
from support.forges.gitea.stand import ForgejoStand, GiteaStand

from bot.model.proposal import RequestState
from bot.model.request_attributes import RequestAttributes

ENABLED, DISABLED = RequestAttributes(automerge=True), RequestAttributes(automerge=False)
CHECKED = {"status_check_contexts": ["ci"]}


@pytest.fixture(params=[GiteaStand, ForgejoStand], ids=["gitea", "forgejo"])
def stand(request, tmp_path):
    stand = request.param(tmp_path, {"Dockerfile": "FROM python:3.12-slim\n"})
    stand.repository.protected["main"] = dict(CHECKED)
    yield stand
    stand.end()


def propose(stand, **words):
    forge = stand.forge()
    forge.push(BRANCH, CHANGES, message_of(), None)
    return forge.open(replace(proposal(), attributes=ENABLED, **words)).notes


def amend(stand, attributes):
    seen = open_one(stand)
    return stand.forge().update_request(seen, seen.title, seen.body, attributes)


def test_auto_merge_is_scheduled_for_pushed_commit_when_checks_succeed(stand):
    assert propose(stand) == ()
    sent = stand.server.writes[-1].request
    assert sent == {"Do": "merge", "merge_when_checks_succeed": True, "head_commit_id": stand.branches()[BRANCH]}
    seen = open_one(stand)
    assert (seen.has_automerge, seen.is_accepted, seen.ever_set.automerge) == (True, False, True)


def test_auto_merge_is_not_enabled_if_base_branch_requires_no_check(stand):
    stand.repository.protected.clear()
    (note,) = propose(stand)
    assert "require a status check" in note
    assert [each.state for each in stand.requests()] == [RequestState.OPEN]


def test_fake_server_merges_immediately_if_base_branch_requires_no_check(stand):
    """The preceding test proves something only because the fake server merges like this."""
    propose(stand)
    amend(stand, DISABLED)
    stand.repository.protected.clear()
    body = {"Do": "merge", "merge_when_checks_succeed": True, "head_commit_id": stand.branches()[BRANCH]}
    client = stand.client(stand.server.url, [stand.name]).server.connection
    client.write("merge", "POST", f"/repos/{stand.name}/pulls/1/merge", body)
    assert [each.state for each in stand.requests()] == [RequestState.MERGED]


def test_auto_merge_uses_allowed_merge_style(stand):
    stand.repository.merge_styles = ("rebase",)
    assert propose(stand) == ()
    assert stand.server.writes[-1].request["Do"] == "rebase"


def test_auto_merge_is_not_enabled_on_draft_pull_request(stand):
    (note,) = propose(stand, is_draft=True)
    assert "draft" in note


def test_update_disables_auto_merge_before_title_is_changed(stand):
    propose(stand)
    seen, writes = open_one(stand), len(stand.writes)
    assert stand.forge().update_request(seen, "Other words", seen.body, DISABLED) == ()
    assert [line.split("/")[-1] for line in stand.writes[writes:]] == ["merge", "1"]
    assert not open_one(stand).has_automerge
    assert amend(stand, DISABLED) == ()  # it is not enabled


def test_pull_request_with_auto_merge_enabled_by_user_is_accepted(stand):
    propose(stand)
    amend(stand, DISABLED)
    pull, world = stand.repository.open_pull(BRANCH), stand.server.world
    pull.automerge = world.ada
    stand.repository.note(pull, "pull_scheduled_merge", world.ada)
    seen = open_one(stand)
    assert (seen.has_automerge, seen.is_accepted) == (False, True)


def test_auto_merge_is_not_enabled_if_user_pushed_to_branch(stand):
    propose(stand)
    amend(stand, DISABLED)
    seen = open_one(stand)
    stand.commit(BRANCH, {"Dockerfile": "FROM scratch\n"})
    (note,) = stand.forge().update_request(seen, seen.title, seen.body, ENABLED)
    assert "another user pushed" in note


def test_missing_merge_permission_for_auto_merge_is_noted(stand):
    stand.server.fail("POST .*/merge", stand.server.problem(405, "User not allowed to merge PR"))
    (note,) = propose(stand)
    assert "no permission to merge into the base branch" in note
