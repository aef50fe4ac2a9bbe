"""Enabling and disabling auto-merge on GitHub."""

from __future__ import annotations

import pytest
from support.forges.github.graphql import GraphQL
from support.forges.github.scene import BRANCH, CHANGE, MESSAGE, look, proposal, propose

from bot.model.errors import ForgeError
from bot.model.request_attributes import RequestAttributes


def get_pull(stand):
    return stand.repository.open_pull(BRANCH)


def test_auto_merge_is_enabled_for_pushed_head_with_allowed_merge_method(github):
    github.repository.merge_methods = ("REBASE", "SQUASH")
    assert propose(github, attributes=RequestAttributes(automerge=True)).notes == ()
    assert get_pull(github).auto_merge is github.token.account
    sent = [each.request for each in github.server.writes if each.line == "POST /graphql"]
    assert [each["variables"]["input"]["mergeMethod"] for each in sent] == ["REBASE"]
    assert sent[0]["variables"]["input"]["expectedHeadOid"] == github.branches()[BRANCH]
    (seen,) = look(github)
    assert (seen.has_automerge, seen.is_accepted, seen.ever_set.automerge) == (True, False, True)


def test_auto_merge_is_off_by_default(github):
    propose(github)
    assert get_pull(github).auto_merge is None


@pytest.mark.parametrize(
    ("setting", "advice"),
    [("allows_auto_merge", "`Allow auto-merge`"), ("requires_checks", "it waits for nothing")],
)
def test_refused_auto_merge_is_noted_with_hint(github, setting, advice):
    setattr(github.repository, setting, False)
    (note,) = propose(github, attributes=RequestAttributes(automerge=True)).notes
    assert advice in note
    assert get_pull(github).auto_merge is None


def test_auto_merge_is_not_enabled_on_draft_pull_request(github):
    (note,) = propose(github, attributes=RequestAttributes(automerge=True), is_draft=True).notes
    assert "draft" in note


def test_auto_merge_is_noted_as_unavailable_if_server_has_no_graphql(make_stand):
    stand = make_stand(enterprise=True, graphql=GraphQL.NONE)
    (note,) = propose(stand, attributes=RequestAttributes(automerge=True)).notes
    assert note.startswith("Auto-merge ")
    assert get_pull(stand).auto_merge is None


def test_auto_merge_is_not_enabled_if_user_pushed_to_branch(github):
    forge = github.forge()
    forge.push(BRANCH, [CHANGE], MESSAGE, None)
    github.commit(BRANCH, {"README.md": "Mine.\n"})
    (note,) = forge.open(proposal(attributes=RequestAttributes(automerge=True))).notes
    assert "pushed" in note
    assert get_pull(github).auto_merge is None


def test_disabling_auto_merge_again_has_no_effect(github):
    propose(github, attributes=RequestAttributes(automerge=True))
    (seen,) = look(github)
    for _ in range(2):
        assert github.forge().update_request(seen, seen.title, seen.body, RequestAttributes(automerge=False)) == ()
        assert get_pull(github).auto_merge is None


def test_failure_to_disable_auto_merge_raises_error(github):
    propose(github, attributes=RequestAttributes(automerge=True))
    (seen,) = look(github)
    refusal = {"errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}]}
    github.server.fail("POST /graphql", github.server.reply(refusal))
    with pytest.raises(ForgeError, match="not accessible"):
        github.forge().update_request(seen, seen.title, seen.body, RequestAttributes(automerge=False))
