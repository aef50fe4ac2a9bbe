"""Enabling and disabling auto-merge on GitLab, which must wait for a pipeline."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.contract_scene import BRANCH, NEWER_CHANGES, message_of, open_one, proposal, push
from support.forges.gitlab.state import Pipeline

from bot.model.errors import ForgeError
from bot.model.request_attributes import RequestAttributes

ARMED, DISARMED = RequestAttributes(automerge=True), RequestAttributes(automerge=False)


@pytest.fixture
def stand(gitlab):
    """Return a GitLab with pipelines, which run."""
    gitlab.project.ci = "running"
    return gitlab


def request(stand):
    return stand.project.requests[-1]


def opened(stand, *, is_draft=False):
    forge = stand.forge()
    forge.push(BRANCH, NEWER_CHANGES, message_of(), None)
    return forge.open(replace(proposal(), attributes=ARMED, is_draft=is_draft)).notes


def amend(stand, extras):
    seen = open_one(stand)
    return stand.forge().update_request(seen, seen.title, seen.body, extras)


def test_what_may_merge_by_itself_is_armed_by_us_for_the_commit_that_was_pushed_and_merged_after_its_pipeline(stand):
    assert opened(stand) == ()
    assert request(stand).armed_by is stand.token.user
    asked = stand.server.writes[-1].asked
    sent = {name: str(said) for name, said in {**asked.words, **asked.body}.items()}
    assert sent == {"merge_when_pipeline_succeeds": "True", "auto_merge": "True", "sha": stand.branches()[BRANCH]}
    seen = open_one(stand)
    assert (seen.has_automerge, seen.is_accepted, seen.ever_set.automerge) == (True, False, True)
    stand.project.finish(request(stand))
    assert request(stand).state == "merged"


@pytest.mark.parametrize("words", [{"merge_when_pipeline_succeeds"}, {"auto_merge"}], ids=["older", "newer"])
def test_a_server_that_knows_only_one_of_the_words_waits_all_the_same(stand, words):
    stand.server.world.automerge_words = words
    assert opened(stand) == ()
    assert (request(stand).state, request(stand).armed_by) == ("opened", stand.token.user)


def test_this_gitlab_merges_at_once_where_it_knows_no_such_word(stand):
    """The trap that the claim above is about."""
    stand.server.world.automerge_words = {"something_newer"}
    opened(stand)
    assert request(stand).state == "merged"


def test_what_may_not_is_not(stand):
    push(stand)
    stand.forge().open(proposal())
    assert request(stand).armed_by is None


# What no pipeline has looked at


def test_without_a_pipeline_it_is_never_told_to_merge_and_a_later_run_tries_again(stand):
    stand.project.ci = None
    (note,) = opened(stand)
    assert "has none yet" in note
    assert not any("/merge" in line.removesuffix("/merge_requests") for line in stand.writes)
    assert request(stand).state == "opened"
    stand.project.ci = "running"
    stand.project.run_pipeline(request(stand))
    assert amend(stand, ARMED) == ()
    assert request(stand).armed_by is stand.token.user


@pytest.mark.parametrize("status", ["failed", "canceled", "skipped", "manual"])
def test_what_its_pipeline_refuses_is_not_armed(stand, status):
    stand.project.ci = status
    (note,) = opened(stand)
    assert f"`{status}`" in note
    assert request(stand).state == "opened"


def test_what_its_pipeline_has_passed_is_merged_at_once(stand):
    stand.project.ci = "success"
    assert opened(stand) == ()
    assert request(stand).state == "merged"


def test_the_pipeline_of_an_earlier_commit_says_nothing_of_the_last(stand):
    opened(stand)
    stand.project.ci = None
    forge, seen = stand.forge(), open_one(stand)
    request(stand).pipeline = Pipeline(seen.head, "success", BRANCH)
    forge.push(BRANCH, NEWER_CHANGES, message_of("3" * 16), seen.head)
    (note,) = forge.update_request(seen, seen.title, seen.body, ARMED)
    assert "has none yet" in note
    assert request(stand).state == "opened"


def test_the_pipeline_of_a_merge_that_gitlab_made_for_itself_counts_only_as_far_as_gitlab_says(stand):
    opened(stand)
    request(stand).call_off(stand.server.world.ada)
    request(stand).notes.clear()
    request(stand).pipeline = Pipeline("7" * 40, "running", "refs/merge-requests/1/merge")
    (note,) = amend(stand, ARMED)
    assert "in its state" in note


# What is in the way


def test_a_draft_is_never_armed(stand):
    (note,) = opened(stand, is_draft=True)
    assert "draft" in note


def test_what_somebody_pushed_to_in_between_is_not_armed(stand):
    forge = stand.forge()
    forge.push(BRANCH, NEWER_CHANGES, message_of(), None)
    mine = stand.branches()[BRANCH]
    stand.commit(BRANCH, {"README.md": "Mine.\n"})
    reply = {"state": "opened", "draft": False, "sha": mine, "head_pipeline": {"sha": mine, "status": "running"}}
    stand.server.fail("GET .*/merge_requests/1$", stand.server.reply(reply))
    (note,) = forge.open(replace(proposal(), attributes=ARMED)).notes
    assert "pushed" in note
    assert request(stand).armed_by is None


def test_who_may_not_merge_is_told_where_to_allow_it(stand):
    stand.project.can_merge = False
    (note,) = opened(stand)
    assert "protected branches" in note


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        (403, "403 Forbidden", "Developer"),
        (404, "404 Not found", "exist"),
        (405, "405 Method Not Allowed", "in its state"),
        (409, "SHA does not match HEAD of source branch", "pushed"),
        (422, "Branch cannot be merged", "Branch cannot be merged"),
        (502, None, "502"),
    ],
)
def test_what_gitlab_refuses_is_a_note_beside_an_open_request(stand, status, words, advice):
    stand.server.fail("PUT .*/merge[?]", stand.server.problem(status, words))
    (note,) = opened(stand)
    assert note.startswith("Auto-merge ")
    assert advice in note
    assert open_one(stand).has_automerge is False


@pytest.mark.parametrize("answer", [[], {"head_pipeline": {"status": "running"}}, {"head_pipeline": "running"}])
def test_an_answer_that_is_not_gitlabs_is_a_note_beside_an_open_request(stand, answer):
    stand.server.fail("GET .*/merge_requests/1$", stand.server.reply(answer), times=10)
    (note,) = opened(stand)
    assert "check the" in note
    assert (open_one(stand).title, request(stand).armed_by) == (proposal().title, None)


def test_a_server_that_does_nothing_and_says_yes_is_not_believed(stand):
    stand.server.fail("PUT .*/merge[?]", stand.server.reply({"state": "opened"}))
    (note,) = opened(stand)
    assert "ignored" in note


# Calling it off


def test_what_is_armed_can_be_disarmed_and_once_more(stand):
    opened(stand)
    for _ in range(2):
        assert amend(stand, DISARMED) == ()
        assert request(stand).armed_by is None


def test_that_nothing_is_armed_may_be_said_by_status(stand):
    opened(stand)
    stand.server.fail("POST .*/cancel_merge", stand.server.problem(406, "Can't cancel the automatic merge"))
    assert amend(stand, DISARMED) == ()


@pytest.mark.parametrize("status", [401, 403, 405])
def test_what_cannot_be_disarmed_is_an_error(stand, status):
    opened(stand)
    stand.server.fail("POST .*/cancel_merge", stand.server.problem(status, "No"))
    with pytest.raises(ForgeError, match="disable auto-merge"):
        amend(stand, DISARMED)


def test_a_refusal_in_the_body_of_a_success_is_an_error(stand):
    opened(stand)
    said = {"status": "error", "message": "No", "http_status": 403}
    stand.server.fail("POST .*/cancel_merge", stand.server.reply(said))
    with pytest.raises(ForgeError, match="by hand"):
        amend(stand, DISARMED)


def test_what_somebody_called_off_stays_so_and_what_a_push_called_off_does_not(stand):
    opened(stand)
    seen = open_one(stand)
    stand.forge().push(BRANCH, NEWER_CHANGES, message_of("3" * 16), seen.head)
    assert request(stand).armed_by is None
    assert amend(stand, ARMED) == ()
    assert request(stand).armed_by is stand.token.user
    request(stand).call_off(stand.server.world.ada)
    (note,) = amend(stand, ARMED)
    assert "cancelled" in note
    assert request(stand).armed_by is None


def test_where_nobody_can_say_whether_it_was_called_off_it_is_not_armed(stand):
    stand.server.fail("GET .*/notes", stand.server.problem(403, "No"))
    (note,) = opened(stand)
    assert note.startswith("Auto-merge ")
    assert request(stand).armed_by is None
