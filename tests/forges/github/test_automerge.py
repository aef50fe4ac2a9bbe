"""Enabling and disabling auto-merge on GitHub."""

from __future__ import annotations

import pytest
from support.forges.github.graphql import GraphQL
from support.forges.github.scene import BRANCH, CHANGE, MESSAGE, look, proposal, propose

from bot.model.errors import ForgeError
from bot.model.request_attributes import RequestAttributes


def pull(stand):
    return stand.repository.open_pull(BRANCH)


def test_what_may_merge_by_itself_is_armed_by_us_in_the_way_that_the_repository_has(github):
    github.repository.merge_methods = ("REBASE", "SQUASH")
    assert propose(github, attributes=RequestAttributes(automerge=True)).notes == ()
    assert pull(github).auto_merge is github.token.account
    sent = [each.request for each in github.server.writes if each.line == "POST /graphql"]
    assert [each["variables"]["input"]["mergeMethod"] for each in sent] == ["REBASE"]
    assert sent[0]["variables"]["input"]["expectedHeadOid"] == github.branches()[BRANCH]
    (seen,) = look(github)
    assert (seen.has_automerge, seen.is_accepted, seen.ever_set.automerge) == (True, False, True)


def test_what_may_not_is_not(github):
    propose(github)
    assert pull(github).auto_merge is None


@pytest.mark.parametrize(
    ("setting", "advice"),
    [("allows_auto_merge", "`Allow auto-merge`"), ("requires_checks", "it waits for nothing")],
)
def test_where_github_does_not_let_it_the_note_says_what_to_do(github, setting, advice):
    setattr(github.repository, setting, False)
    (note,) = propose(github, attributes=RequestAttributes(automerge=True)).notes
    assert advice in note
    assert pull(github).auto_merge is None


def test_a_draft_is_never_armed(github):
    (note,) = propose(github, attributes=RequestAttributes(automerge=True), is_draft=True).notes
    assert "draft" in note


def test_an_older_server_says_so(make_stand):
    stand = make_stand(enterprise=True, graphql=GraphQL.NONE)
    (note,) = propose(stand, attributes=RequestAttributes(automerge=True)).notes
    assert note.startswith("Auto-merge ")
    assert pull(stand).auto_merge is None


def test_what_somebody_pushed_to_in_between_is_not_armed(github):
    forge = github.forge()
    forge.push(BRANCH, [CHANGE], MESSAGE, None)
    github.commit(BRANCH, {"README.md": "Mine.\n"})
    (note,) = forge.open(proposal(attributes=RequestAttributes(automerge=True))).notes
    assert "pushed" in note
    assert pull(github).auto_merge is None


def test_what_is_armed_can_be_disarmed_and_once_more(github):
    propose(github, attributes=RequestAttributes(automerge=True))
    (seen,) = look(github)
    for _ in range(2):
        assert github.forge().update_request(seen, seen.title, seen.body, RequestAttributes(automerge=False)) == ()
        assert pull(github).auto_merge is None


def test_what_cannot_be_disarmed_is_an_error(github):
    propose(github, attributes=RequestAttributes(automerge=True))
    (seen,) = look(github)
    refusal = {"errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}]}
    github.server.fail("POST /graphql", github.server.reply(refusal))
    with pytest.raises(ForgeError, match="not accessible"):
        github.forge().update_request(seen, seen.title, seen.body, RequestAttributes(automerge=False))
