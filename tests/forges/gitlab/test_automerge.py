"""Enabling and disabling auto-merge on GitLab, which must wait for a pipeline."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.contract_scene import BRANCH, NEWER_CHANGES, message_of, open_one, proposal, push
from support.forges.gitlab.state import GitLabPipeline

from bot.model.errors import ForgeError
from bot.model.request_attributes import RequestAttributes

ARMED, DISARMED = RequestAttributes(automerge=True), RequestAttributes(automerge=False)


@pytest.fixture
def stand(gitlab):
    """Return a GitLab with pipelines, which run."""
    gitlab.project.ci = "running"
    return gitlab


def get_request(stand):
    return stand.project.requests[-1]


def open_with_auto_merge(stand, *, is_draft=False):
    forge = stand.forge()
    forge.push(BRANCH, NEWER_CHANGES, message_of(), None)
    return forge.open(replace(proposal(), attributes=ARMED, is_draft=is_draft)).notes


def amend(stand, extras):
    seen = open_one(stand)
    return stand.forge().update_request(seen, seen.title, seen.body, extras)


def test_auto_merge_is_enabled_for_pushed_commit_and_waits_for_pipeline(stand):
    assert open_with_auto_merge(stand) == ()
    assert get_request(stand).armed_by is stand.token.user
    asked = stand.server.writes[-1].asked
    sent = {name: str(said) for name, said in {**asked.words, **asked.body}.items()}
    assert sent == {"merge_when_pipeline_succeeds": "True", "auto_merge": "True", "sha": stand.branches()[BRANCH]}
    seen = open_one(stand)
    assert (seen.has_automerge, seen.is_accepted, seen.ever_set.automerge) == (True, False, True)
    stand.project.finish(get_request(stand))
    assert get_request(stand).state == "merged"


@pytest.mark.parametrize("words", [{"merge_when_pipeline_succeeds"}, {"auto_merge"}], ids=["older", "newer"])
def test_auto_merge_waits_for_pipeline_on_older_and_newer_servers(stand, words):
    stand.server.world.automerge_words = words
    assert open_with_auto_merge(stand) == ()
    assert (get_request(stand).state, get_request(stand).armed_by) == ("opened", stand.token.user)


def test_fake_gitlab_merges_immediately_if_auto_merge_parameter_is_unknown(stand):
    """The preceding test proves something only because the fake server merges like this."""
    stand.server.world.automerge_words = {"something_newer"}
    open_with_auto_merge(stand)
    assert get_request(stand).state == "merged"


def test_auto_merge_is_off_by_default(stand):
    push(stand)
    stand.forge().open(proposal())
    assert get_request(stand).armed_by is None


# What no pipeline has looked at


def test_auto_merge_is_enabled_by_later_run_if_pipeline_did_not_exist_yet(stand):
    stand.project.ci = None
    (note,) = open_with_auto_merge(stand)
    assert "has none yet" in note
    assert not any("/merge" in line.removesuffix("/merge_requests") for line in stand.writes)
    assert get_request(stand).state == "opened"
    stand.project.ci = "running"
    stand.project.run_pipeline(get_request(stand))
    assert amend(stand, ARMED) == ()
    assert get_request(stand).armed_by is stand.token.user


@pytest.mark.parametrize("status", ["failed", "canceled", "skipped", "manual"])
def test_auto_merge_is_not_enabled_if_pipeline_did_not_pass(stand, status):
    stand.project.ci = status
    (note,) = open_with_auto_merge(stand)
    assert f"`{status}`" in note
    assert get_request(stand).state == "opened"


def test_merge_request_with_passed_pipeline_is_merged_immediately(stand):
    stand.project.ci = "success"
    assert open_with_auto_merge(stand) == ()
    assert get_request(stand).state == "merged"


def test_auto_merge_ignores_pipeline_of_earlier_commit(stand):
    open_with_auto_merge(stand)
    stand.project.ci = None
    forge, seen = stand.forge(), open_one(stand)
    get_request(stand).pipeline = GitLabPipeline(seen.head, "success", BRANCH)
    forge.push(BRANCH, NEWER_CHANGES, message_of("3" * 16), seen.head)
    (note,) = forge.update_request(seen, seen.title, seen.body, ARMED)
    assert "has none yet" in note
    assert get_request(stand).state == "opened"


def test_refused_auto_merge_for_merge_result_pipeline_is_noted(stand):
    open_with_auto_merge(stand)
    get_request(stand).call_off(stand.server.world.ada)
    get_request(stand).notes.clear()
    get_request(stand).pipeline = GitLabPipeline("7" * 40, "running", "refs/merge-requests/1/merge")
    (note,) = amend(stand, ARMED)
    assert "in its state" in note


# What is in the way


def test_auto_merge_is_not_enabled_on_draft_merge_request(stand):
    (note,) = open_with_auto_merge(stand, is_draft=True)
    assert "draft" in note


def test_auto_merge_is_not_enabled_if_user_pushed_to_branch(stand):
    forge = stand.forge()
    forge.push(BRANCH, NEWER_CHANGES, message_of(), None)
    mine = stand.branches()[BRANCH]
    stand.commit(BRANCH, {"README.md": "Mine.\n"})
    reply = {"state": "opened", "draft": False, "sha": mine, "head_pipeline": {"sha": mine, "status": "running"}}
    stand.server.fail("GET .*/merge_requests/1$", stand.server.reply(reply))
    (note,) = forge.open(replace(proposal(), attributes=ARMED)).notes
    assert "pushed" in note
    assert get_request(stand).armed_by is None


def test_missing_merge_permission_for_auto_merge_is_noted(stand):
    stand.project.can_merge = False
    (note,) = open_with_auto_merge(stand)
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
def test_refused_auto_merge_is_noted_on_open_merge_request(stand, status, words, advice):
    stand.server.fail("PUT .*/merge[?]", stand.server.problem(status, words))
    (note,) = open_with_auto_merge(stand)
    assert note.startswith("Auto-merge ")
    assert advice in note
    assert open_one(stand).has_automerge is False


@pytest.mark.parametrize("answer", [[], {"head_pipeline": {"status": "running"}}, {"head_pipeline": "running"}])
def test_malformed_merge_request_response_is_noted_and_auto_merge_stays_off(stand, answer):
    stand.server.fail("GET .*/merge_requests/1$", stand.server.reply(answer), times=10)
    (note,) = open_with_auto_merge(stand)
    assert "check the" in note
    assert (open_one(stand).title, get_request(stand).armed_by) == (proposal().title, None)


def test_note_is_added_if_gitlab_ignores_auto_merge_without_error(stand):
    stand.server.fail("PUT .*/merge[?]", stand.server.reply({"state": "opened"}))
    (note,) = open_with_auto_merge(stand)
    assert "ignored" in note


# Calling it off


def test_disabling_auto_merge_again_has_no_effect(stand):
    open_with_auto_merge(stand)
    for _ in range(2):
        assert amend(stand, DISARMED) == ()
        assert get_request(stand).armed_by is None


def test_response_406_to_disabling_auto_merge_is_treated_as_success(stand):
    open_with_auto_merge(stand)
    stand.server.fail("POST .*/cancel_merge", stand.server.problem(406, "Can't cancel the automatic merge"))
    assert amend(stand, DISARMED) == ()


@pytest.mark.parametrize("status", [401, 403, 405])
def test_failure_to_disable_auto_merge_raises_error(stand, status):
    open_with_auto_merge(stand)
    stand.server.fail("POST .*/cancel_merge", stand.server.problem(status, "No"))
    with pytest.raises(ForgeError, match="disable auto-merge"):
        amend(stand, DISARMED)


def test_error_in_successful_response_to_disabling_auto_merge_raises_error(stand):
    open_with_auto_merge(stand)
    said = {"status": "error", "message": "No", "http_status": 403}
    stand.server.fail("POST .*/cancel_merge", stand.server.reply(said))
    with pytest.raises(ForgeError, match="by hand"):
        amend(stand, DISARMED)


def test_auto_merge_is_enabled_again_after_own_push_unless_user_disabled(stand):
    open_with_auto_merge(stand)
    seen = open_one(stand)
    stand.forge().push(BRANCH, NEWER_CHANGES, message_of("3" * 16), seen.head)
    assert get_request(stand).armed_by is None
    assert amend(stand, ARMED) == ()
    assert get_request(stand).armed_by is stand.token.user
    get_request(stand).call_off(stand.server.world.ada)
    (note,) = amend(stand, ARMED)
    assert "cancelled" in note
    assert get_request(stand).armed_by is None


def test_auto_merge_is_not_enabled_if_history_is_unreadable(stand):
    stand.server.fail("GET .*/notes", stand.server.problem(403, "No"))
    (note,) = open_with_auto_merge(stand)
    assert note.startswith("Auto-merge ")
    assert get_request(stand).armed_by is None
