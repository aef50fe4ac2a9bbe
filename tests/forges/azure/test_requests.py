"""Pull requests of Azure Repos: their texts in three places, attributes, votes and statuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.azure.scene import get_request, open_with
from support.forges.azure.stand import TOKEN
from support.forges.azure.state import BUILD, STATUS_CHECK, BranchPolicy, RequestReviewer
from support.forges.contract_scene import (
    BRANCH,
    NEWER_CHANGES,
    PREFIX,
    REPORT,
    TARGETS,
    message_of,
    one,
    open_one,
    proposal,
    propose,
)
from support.forges.fleets import open_azure_fleet
from support.forges.hosted_stand import no_pause

from bot.core.proposal.marks import parse_mark, render_mark
from bot.core.proposal.request_text import RequestText
from bot.forges.azure import pull_requests as azure_requests
from bot.forges.azure.texts import APPENDIX_PROPERTY, MARK_PROPERTY, SET_PROPERTY
from bot.model.errors import ForgeError
from bot.model.proposal import BodyMark, RequestState
from bot.model.request_attributes import CommitStatus, RequestAttributes, StatusState

MARK = render_mark(BodyMark(TARGETS, REPORT))
GOOD = CommitStatus(StatusState.SUCCESS, "Fixes 7 (1 critical), adds none")


def build_text(body="Moves python.", appendix="All that it fixes."):
    return RequestText(body, appendix, MARK).join()


def list_threads(stand):
    return [(each.status, [comment.content for comment in each.comments]) for each in get_request(stand).threads]


# Texts


def test_body_appendix_and_mark_are_stored_in_description_thread_and_property(stand):
    open_with(stand, body=build_text())
    request = get_request(stand)
    assert request.description == "Moves python."
    assert list_threads(stand) == [("closed", ["All that it fixes."])]
    assert APPENDIX_PROPERTY in request.threads[0].properties
    assert request.properties == {MARK_PROPERTY: MARK}


def test_appendix_comment_is_edited_in_place_only_if_appendix_changed(stand):
    open_with(stand, body=build_text())
    seen = open_one(stand)
    stand.forge().update_request(seen, seen.title, build_text("Other words."))
    assert list_threads(stand) == [("closed", ["All that it fixes."])]
    writes = len(stand.writes)
    stand.forge().update_request(seen, seen.title, build_text("Other words.", "Something else."))
    assert list_threads(stand) == [("closed", ["Something else."])]
    assert len(stand.writes) == writes + 1


def test_update_with_unchanged_text_does_not_write(stand):
    open_with(stand, body=build_text())
    writes = len(stand.writes)
    stand.forge().update_request(open_one(stand), proposal().title, build_text())
    assert len(stand.writes) == writes


def test_appendix_comment_of_another_account_is_not_edited(stand):
    open_with(stand, body=build_text())
    get_request(stand).threads[0].comments[0].author = stand.server.world.ada
    stand.forge().update_request(open_one(stand), proposal().title, build_text(appendix="Something else."))
    assert list_threads(stand) == [("closed", ["All that it fixes."]), ("closed", ["Something else."])]


def test_description_that_the_list_api_truncates_is_read_in_full(stand):
    body = "x" * 3_999 + "!"
    open_with(stand, body=RequestText(body, mark=MARK).join())
    seen = open_one(stand)
    assert seen.body.startswith(f"{body}\n")
    stand.close_request(BRANCH)
    assert one(stand, RequestState.CLOSED).body == seen.body


@pytest.mark.parametrize("start", ["", "x"])
def test_description_with_many_emoji_is_read_in_full(stand, start):
    body = start + "\U0001f600" * 250 + "!"
    open_with(stand, body=RequestText(body, mark=MARK).join())
    assert open_one(stand).body.startswith(f"{body}\n")


def test_description_length_is_counted_in_utf16_units(stand):
    with pytest.raises(ForgeError, match="the body has 4002 characters"):
        open_with(stand, body=RequestText("\U0001f600" * 2_001, mark=MARK).join())


def test_body_saved_in_browser_with_crlf_is_listed_with_unchanged_text(stand):
    open_with(stand, body=build_text("One line.\n\nAnother one."))
    seen = open_one(stand)
    get_request(stand).description = "One line.\r\n\r\nAnother one."
    assert open_one(stand).body == seen.body


def test_mark_of_new_pull_request_is_written_last(stand):
    open_with(stand, RequestAttributes(labels=("docker",), status=GOOD), body=build_text())
    lines = [line.partition("?")[0].rpartition("/")[2] for line in stand.writes]
    assert lines == ["pushes", "statuses", "pullrequests", "labels", "threads", "statuses", "properties"]


def test_opening_pull_request_fails_if_server_stores_different_mark(stand):
    answer = stand.server.reply({"count": 1, "value": {MARK_PROPERTY: {"$type": "System.String", "$value": "cut"}}})
    stand.server.fail("PATCH .*/properties", answer, times=9)
    with pytest.raises(ForgeError, match=r"stored a property .* hint"):
        open_with(stand)


def test_closed_pull_request_is_not_edited(stand):
    open_with(stand, body=build_text())
    seen = open_one(stand)
    stand.close_request(BRANCH)
    writes = len(stand.writes)
    with pytest.raises(ForgeError, match="was closed or merged"):
        stand.forge().update_request(seen, "Other words", build_text("Other words."))
    assert len(stand.writes) == writes


def test_update_fails_if_pull_request_is_closed_meanwhile(stand):
    open_with(stand, body=build_text())
    refusal = stand.server.problem(400, "TF401181: The pull request cannot be edited due to its state.")
    stand.server.fail("PATCH .*/pullrequests/", refusal)
    with pytest.raises(ForgeError, match="was closed or merged"):
        stand.forge().update_request(open_one(stand), "Other words", build_text("Other words."))


@pytest.mark.parametrize("status", [400, 409])
def test_existing_pull_request_is_updated_if_server_refuses_duplicate(stand, status):
    stand.server.world.assumptions.duplicate_status = status
    propose(stand)
    opened = stand.forge().open(proposal(title="Other words"))
    assert opened.number == 1
    assert [each.title for each in stand.requests()] == ["Other words"]


# Attributes


def test_labels_set_by_basebump_are_recorded_and_action_label_is_recognised(stand):
    assert open_with(stand, RequestAttributes(labels=("docker", "basebump-again"))).notes == ()
    seen = open_one(stand)
    assert seen.ever_set.labels == ("docker", "basebump-again")
    assert seen.requested_actions


def test_refused_label_is_noted_and_pull_request_stays_open(stand):
    stand.token.can_make_labels = False
    (note,) = open_with(stand, RequestAttributes(labels=("docker",))).notes
    assert "Label `docker` could not be set" in note
    assert "Create tag definition" in note
    assert open_one(stand).state is RequestState.OPEN


def test_labels_and_reviewers_removed_by_user_are_not_set_again(stand):
    wanted = RequestAttributes(labels=("docker",), reviewers=("ada",))
    assert open_with(stand, wanted).notes == ()
    request = get_request(stand)
    request.labels.clear()
    request.reviewers.clear()
    seen = open_one(stand)
    assert (seen.ever_set.labels, seen.ever_set.reviewers) == (("docker",), ("ada",))
    stand.forge().update_request(seen, "Other words", seen.body, wanted)
    stand.forge().open(replace(proposal(), attributes=wanted))
    assert (request.labels, request.reviewers) == ([], [])


def test_refused_label_is_set_by_next_update_once_server_allows_label(stand):
    stand.token.can_make_labels = False
    open_with(stand, RequestAttributes(labels=("docker",)))
    stand.token.can_make_labels = True
    seen = open_one(stand)
    assert seen.ever_set.labels == ()
    stand.forge().update_request(seen, seen.title, seen.body, RequestAttributes(labels=("docker",)))
    assert open_one(stand).ever_set.labels == ("docker",)


@pytest.mark.parametrize("value", ["", "[]", "no json", '{"labels": 7}', "null", "[" * 9_000])
def test_malformed_record_of_labels_set_by_basebump_is_ignored(stand, value):
    propose(stand)
    get_request(stand).properties[SET_PROPERTY] = value
    assert open_one(stand).ever_set.labels == ()


@pytest.mark.parametrize("value", [None, 7, [], {"$type": "System.Byte[]"}])
@pytest.mark.parametrize("name", [MARK_PROPERTY, SET_PROPERTY, "other"])
def test_pull_request_property_that_is_not_text_is_ignored(stand, name, value):
    propose(stand)
    stand.server.fail("GET .*/properties", stand.server.reply({"count": 1, "value": {name: value}}))
    assert open_one(stand).ever_set.labels == ()


def test_action_label_of_user_is_removed_by_update(stand):
    open_with(stand)
    stand.label(BRANCH, "basebump-rebase")
    seen = open_one(stand)
    assert stand.forge().update_request(seen, seen.title, seen.body) == ()
    assert [name for _, name in get_request(stand).labels] == []


def test_reviews_of_team_members_and_teams_are_requested(stand):
    world = stand.server.world
    ada, team = world.ada, world.add_account("Shop Team", is_container=True)
    world.teams.append((team, [ada]))
    opened = open_with(stand, RequestAttributes(reviewers=("ada", "team:Shop Team", "nobody")))
    (note,) = opened.notes
    assert "A review of `nobody` could not be requested: no team of the project has such a member" in note
    assert [each.account for each in get_request(stand).reviewers] == [ada, team]


def test_unsupported_assignees_and_milestone_are_noted(stand):
    notes = open_with(stand, RequestAttributes(assignees=("ada",), milestone="1.0")).notes
    assert len(notes) == 2
    assert all("Azure Repos has no" in note for note in notes)


def open_with_links(stand, *work_items):
    fleet = open_azure_fleet(stand.server.url, TOKEN, selected=[stand.name], work_items=work_items, pause=no_pause)
    (repository,) = fleet.list_repositories(frozenset())
    forge = fleet.get_forge(repository)
    forge.push(BRANCH, proposal().changes, proposal().commit_message, None)
    return forge.open(proposal())


def test_new_pull_request_is_linked_to_work_items_in_config(stand):
    stand.server.world.work_items = {"7", "8"}
    assert open_with_links(stand, 7, 8).notes == ()
    assert get_request(stand).work_items == ["7", "8"]


def test_refused_work_item_link_is_noted(stand):
    (note,) = open_with_links(stand, 7).notes
    assert "The work items could not be linked" in note
    assert get_request(stand).work_items == []


@pytest.mark.parametrize("is_draft", [True, False])
def test_pull_request_is_opened_as_draft_only_if_proposed_as_draft(stand, is_draft):
    open_with(stand, draft=is_draft)
    assert get_request(stand).is_draft is is_draft


def test_opening_existing_draft_pull_request_as_ready_removes_draft_state(stand):
    open_with(stand, draft=True)
    stand.forge().open(proposal())
    assert get_request(stand).is_draft is False


@pytest.mark.parametrize(("vote", "is_accepted"), [(10, True), (5, True), (0, False), (-5, False), (-10, False)])
def test_pull_request_is_accepted_only_by_positive_vote_of_another_user(stand, vote, is_accepted):
    propose(stand)
    get_request(stand).reviewers.append(RequestReviewer(stand.server.world.ada, vote))
    assert open_one(stand).is_accepted is is_accepted


def test_pull_request_with_only_a_vote_by_basebump_is_not_accepted(stand):
    propose(stand)
    get_request(stand).reviewers.append(RequestReviewer(stand.token.account, 10))
    assert not open_one(stand).is_accepted


def test_pull_request_with_auto_complete_set_by_user_is_accepted(stand):
    propose(stand)
    stand.repository.policies.append(BranchPolicy(1, BUILD, {}))
    get_request(stand).armed_by = stand.server.world.ada
    seen = open_one(stand)
    assert (seen.is_accepted, seen.has_automerge) == (True, False)


# Statuses


def test_evidence_status_set_by_basebump_satisfies_status_policy(stand):
    open_with(stand, RequestAttributes(status=GOOD), body=build_text())
    (status,) = get_request(stand).statuses
    assert (status.genre, status.name, status.state) == ("basebump", "evidence", "succeeded")
    policy = BranchPolicy(1, STATUS_CHECK, {"statusGenre": "basebump", "statusName": "evidence"})
    stand.repository.policies.append(policy)
    assert list(stand.repository.list_unmet_policies(get_request(stand))) == []


def test_status_of_pull_request_is_set_again_after_push(stand):
    open_with(stand, RequestAttributes(status=GOOD), body=build_text())
    seen = open_one(stand)
    forge = stand.forge()
    forge.push(BRANCH, NEWER_CHANGES, message_of("3" * 16), seen.head)
    forge.update_request(seen, seen.title, build_text(), RequestAttributes(status=GOOD))
    assert len(get_request(stand).statuses) == 2


def test_refused_pull_request_status_is_noted(stand):
    stand.server.fail("POST .*/pullRequests/.*/statuses", stand.server.problem(403, "No"), times=9)
    (note,) = open_with(stand, RequestAttributes(status=GOOD), body=build_text()).notes
    assert "The status of the pull request could not be set" in note
    assert parse_mark(open_one(stand).body).targets == TARGETS


# Life


def test_reactivated_pull_request_is_listed_as_open(stand):
    seen = propose(stand)
    stand.close_request(BRANCH)
    assert one(stand, RequestState.CLOSED).number == seen.number
    request = get_request(stand)
    request.status, request.closed, request.closed_by = "active", None, None
    assert open_one(stand) == seen


@pytest.mark.parametrize("shows_closer", [True, False])
@pytest.mark.parametrize("is_own", [True, False])
def test_closed_pull_request_without_mark_is_declined_unless_closed_by_basebump(stand, is_own, shows_closer):
    seen = propose(stand)
    if is_own:
        stand.forge().close(seen)
    else:
        stand.close_request(BRANCH)
    request = get_request(stand)
    request.properties.clear()
    request.closed_by = request.closed_by if shows_closer else None
    assert one(stand, RequestState.CLOSED).is_closed_by_branch_deletion is (is_own and shows_closer)


def test_change_of_another_file_on_base_branch_is_not_a_conflict(stand):
    propose(stand)
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    assert not open_one(stand).has_conflicts


def test_properties_are_read_for_a_limited_number_of_pull_requests_of_users(stand, monkeypatch):
    monkeypatch.setattr(azure_requests, "MAX_FOREIGN_REQUESTS", 2)
    open_with(stand, body=build_text())
    for number in range(5):
        stand.git.commit(f"{PREFIX}other-{number}", {"README.md": "A person's.\n"})
        stand.propose_by_hand(f"{PREFIX}other-{number}")
    with stand.server.watched() as lines:
        listed = stand.forge().list_requests(PREFIX, frozenset())
    assert len(listed) == 6
    assert parse_mark(listed[-1].body).targets == TARGETS
    assert len([line for line in lines if "/properties" in line]) == 3


def test_pull_request_with_branch_outside_own_prefix_causes_no_additional_read(stand):
    propose(stand)
    stand.git.commit("feature", {"README.md": "A person's.\n"})
    stand.propose_by_hand("feature")
    stand.repository.requests[-1].description = "y" * 1_000
    with stand.server.watched() as lines:
        stand.forge().list_requests(PREFIX, frozenset())
    assert not [line for line in lines if "/pullrequests/2" in line or "/pullRequests/2" in line]


def test_own_pull_request_with_deleted_branch_is_listed_without_head(stand):
    seen = propose(stand)
    stand.delete_branch(BRANCH)
    for wanted in (frozenset(), frozenset({BRANCH})):
        (orphan,) = stand.forge().list_requests(PREFIX, wanted)
        assert (orphan.state, orphan.number, orphan.head) == (RequestState.OPEN, seen.number, None)
        assert orphan.body == seen.body
    assert stand.forge().list_requests("deps/", frozenset()) == ()


def test_pull_request_of_user_with_deleted_branch_is_ignored(stand):
    stand.commit(BRANCH, {"README.md": "A person's.\n"})
    stand.propose_by_hand(BRANCH)
    stand.delete_branch(BRANCH)
    assert stand.forge().list_requests(PREFIX, frozenset()) == ()
